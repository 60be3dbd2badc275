"""Recipes: what describes a run."""

from fasterseg.config.budgets import as_written, budget_label, one_student_each, with_budget
from fasterseg.config.reading import build_recipe, read_yaml
from fasterseg.config.recipe import (
    AugmentationSettings,
    ContenderSettings,
    DataSettings,
    OutputForm,
    PenaltySettings,
    Precision,
    ProfileSettings,
    Promise,
    Recipe,
    SamplingSettings,
    SearchSettings,
    StreetSettings,
    TailForm,
    TargetSettings,
    TemperatureSettings,
    TrainingSettings,
    budget_in_ms,
)
from fasterseg.config.search_space import OPERATORS, STRIDES, Operator, SearchSpace

__all__ = [
    "OPERATORS",
    "STRIDES",
    "AugmentationSettings",
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
    "with_budget",
]
