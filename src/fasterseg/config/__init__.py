"""Recipes: what describes a run."""

from fasterseg.config.augmentation import AugmentationSettings
from fasterseg.config.budgets import AsFastAs, budget_in_ms, budget_label, budget_option
from fasterseg.config.contenders import PAPER_CONTENDERS, ContenderSettings
from fasterseg.config.learning_sections import (
    WARMUP_SHARE,
    ClassWeights,
    TrainingSettings,
)
from fasterseg.config.normalising import Normalize
from fasterseg.config.penalty import ControlSettings, PenaltySettings
from fasterseg.config.pretraining import PretrainingSettings
from fasterseg.config.reading import build_recipe, key_of, read_yaml, require_each_key_once
from fasterseg.config.recipe import Promise, Recipe
from fasterseg.config.runtimes import (
    RUNTIMES,
    Precision,
    Runtime,
    RuntimeName,
    TargetPrecision,
    runtime_named,
)
from fasterseg.config.sampling import SamplingSettings, TemperatureSettings
from fasterseg.config.search_section import SearchSettings
from fasterseg.config.sections import (
    AUTO,
    DataSettings,
    OutputForm,
    ProfileSettings,
    StreetSettings,
    TailForm,
    TargetSettings,
)
from fasterseg.config.selection import SelectionSettings
from fasterseg.config.shipped_recipes import recipe_file, shipped_recipes
from fasterseg.space.places import STRIDES
from fasterseg.space.search_space import Operator, SearchSpace

__all__ = [
    "AUTO",
    "PAPER_CONTENDERS",
    "RUNTIMES",
    "STRIDES",
    "WARMUP_SHARE",
    "AsFastAs",
    "AugmentationSettings",
    "ClassWeights",
    "ContenderSettings",
    "ControlSettings",
    "DataSettings",
    "Normalize",
    "Operator",
    "OutputForm",
    "PenaltySettings",
    "Precision",
    "PretrainingSettings",
    "ProfileSettings",
    "Promise",
    "Recipe",
    "Runtime",
    "RuntimeName",
    "SamplingSettings",
    "SearchSettings",
    "SearchSpace",
    "SelectionSettings",
    "StreetSettings",
    "TailForm",
    "TargetPrecision",
    "TargetSettings",
    "TemperatureSettings",
    "TrainingSettings",
    "budget_in_ms",
    "budget_label",
    "budget_option",
    "build_recipe",
    "key_of",
    "read_yaml",
    "recipe_file",
    "require_each_key_once",
    "runtime_named",
    "shipped_recipes",
]
