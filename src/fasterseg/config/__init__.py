"""Recipes: what describes a run.

Every name is resolved when it is first asked for: what needs the table of runtimes alone, such as
the help of a command, does not build every section of a recipe.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fasterseg.config.augmentation import AugmentationSettings as AugmentationSettings
    from fasterseg.config.budgets import AsFastAs as AsFastAs
    from fasterseg.config.budgets import budget_in_ms as budget_in_ms
    from fasterseg.config.budgets import budget_label as budget_label
    from fasterseg.config.budgets import budget_option as budget_option
    from fasterseg.config.contenders import PAPER_CONTENDERS as PAPER_CONTENDERS
    from fasterseg.config.contenders import ContenderSettings as ContenderSettings
    from fasterseg.config.hosts import SshAddress as SshAddress
    from fasterseg.config.hosts import is_elsewhere as is_elsewhere
    from fasterseg.config.learning_sections import WARMUP_SHARE as WARMUP_SHARE
    from fasterseg.config.learning_sections import ClassWeights as ClassWeights
    from fasterseg.config.learning_sections import TrainingSettings as TrainingSettings
    from fasterseg.config.normalising import Normalize as Normalize
    from fasterseg.config.penalty import ControlSettings as ControlSettings
    from fasterseg.config.penalty import PenaltySettings as PenaltySettings
    from fasterseg.config.pretraining import PretrainingSettings as PretrainingSettings
    from fasterseg.config.reading import build_recipe as build_recipe
    from fasterseg.config.reading import key_of as key_of
    from fasterseg.config.reading import read_yaml as read_yaml
    from fasterseg.config.reading import require_each_key_once as require_each_key_once
    from fasterseg.config.recipe import Promise as Promise
    from fasterseg.config.recipe import Recipe as Recipe
    from fasterseg.config.runtime_names import RuntimeName as RuntimeName
    from fasterseg.config.runtimes import RUNTIMES as RUNTIMES
    from fasterseg.config.runtimes import FloatPrecision as FloatPrecision
    from fasterseg.config.runtimes import OutputForm as OutputForm
    from fasterseg.config.runtimes import Precision as Precision
    from fasterseg.config.runtimes import Runtime as Runtime
    from fasterseg.config.runtimes import TailForm as TailForm
    from fasterseg.config.runtimes import TargetPrecision as TargetPrecision
    from fasterseg.config.runtimes import WrittenPrecision as WrittenPrecision
    from fasterseg.config.runtimes import opened_runtimes as opened_runtimes
    from fasterseg.config.runtimes import runtime_named as runtime_named
    from fasterseg.config.sampling import SamplingSettings as SamplingSettings
    from fasterseg.config.sampling import TemperatureSettings as TemperatureSettings
    from fasterseg.config.search_section import SearchSettings as SearchSettings
    from fasterseg.config.sections import AUTO as AUTO
    from fasterseg.config.sections import DataSettings as DataSettings
    from fasterseg.config.sections import ProfileSettings as ProfileSettings
    from fasterseg.config.sections import StreetSettings as StreetSettings
    from fasterseg.config.sections import TargetSettings as TargetSettings
    from fasterseg.config.selection import SelectionSettings as SelectionSettings
    from fasterseg.space.places import STRIDES as STRIDES
    from fasterseg.space.search_space import Operator as Operator
    from fasterseg.space.search_space import SearchSpace as SearchSpace

_NAMES = {
    "fasterseg.config.augmentation": ("AugmentationSettings",),
    "fasterseg.config.budgets": (
        "AsFastAs",
        "budget_in_ms",
        "budget_label",
        "budget_option",
    ),
    "fasterseg.config.contenders": (
        "PAPER_CONTENDERS",
        "ContenderSettings",
    ),
    "fasterseg.config.hosts": ("SshAddress", "is_elsewhere"),
    "fasterseg.config.learning_sections": (
        "WARMUP_SHARE",
        "ClassWeights",
        "TrainingSettings",
    ),
    "fasterseg.config.normalising": ("Normalize",),
    "fasterseg.config.penalty": (
        "ControlSettings",
        "PenaltySettings",
    ),
    "fasterseg.config.pretraining": ("PretrainingSettings",),
    "fasterseg.config.reading": (
        "build_recipe",
        "key_of",
        "read_yaml",
        "require_each_key_once",
    ),
    "fasterseg.config.recipe": (
        "Promise",
        "Recipe",
    ),
    "fasterseg.config.runtime_names": ("RuntimeName",),
    "fasterseg.config.runtimes": (
        "FloatPrecision",
        "OutputForm",
        "TailForm",
        "RUNTIMES",
        "Precision",
        "Runtime",
        "TargetPrecision",
        "WrittenPrecision",
        "opened_runtimes",
        "runtime_named",
    ),
    "fasterseg.config.sampling": (
        "SamplingSettings",
        "TemperatureSettings",
    ),
    "fasterseg.config.search_section": ("SearchSettings",),
    "fasterseg.config.sections": (
        "AUTO",
        "DataSettings",
        "ProfileSettings",
        "StreetSettings",
        "TargetSettings",
    ),
    "fasterseg.config.selection": ("SelectionSettings",),
    "fasterseg.space.places": ("STRIDES",),
    "fasterseg.space.search_space": (
        "Operator",
        "SearchSpace",
    ),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

__all__ = sorted(_HOMES)  # noqa: PLE0605 (type checkers go by the imports above)


def __getattr__(name: str) -> object:
    """The object called `name`, imported now; AttributeError when there is none."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found
