"""Recipes: what describes a run."""

from fasterseg.config.budgets import as_written, budget_label, one_student_each
from fasterseg.config.reading import build_recipe, read_yaml
from fasterseg.config.recipe import (
    PAPER_CONTENDERS,
    WARMUP_SHARE,
    ClassWeights,
    ContenderSettings,
    Promise,
    Recipe,
    SamplingSettings,
    SearchSettings,
    TrainingSettings,
    budget_in_ms,
)
from fasterseg.config.search_space import OPERATORS, STRIDES, Operator, SearchSpace
from fasterseg.config.sections import (
    AUTO,
    AugmentationSettings,
    DataSettings,
    OutputForm,
    PenaltySettings,
    Precision,
    ProfileSettings,
    StreetSettings,
    TailForm,
    TargetSettings,
    TemperatureSettings,
)

__all__ = [
    "AUTO",
    "OPERATORS",
    "PAPER_CONTENDERS",
    "STRIDES",
    "WARMUP_SHARE",
    "AugmentationSettings",
    "ClassWeights",
    "ContenderSettings",
    "DataSettings",
    "Operator",
    "OutputForm",
    "PenaltySettings",
    "Precision",
    "ProfileSettings",
    "Promise",
    "Recipe",
    "SamplingSettings",
    "SearchSettings",
    "SearchSpace",
    "StreetSettings",
    "TailForm",
    "TargetSettings",
    "TemperatureSettings",
    "TrainingSettings",
    "as_written",
    "budget_in_ms",
    "budget_label",
    "build_recipe",
    "one_student_each",
    "read_yaml",
]
