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
    budget_option,
)
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
from fasterseg.space.search_space import STRIDES, Operator, SearchSpace

__all__ = [
    "AUTO",
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
    "budget_option",
    "build_recipe",
    "one_student_each",
    "read_yaml",
]
