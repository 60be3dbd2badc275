"""Functions of the user's own that a recipe augments with: named by who starts, and tried first.

A recipe's file, and the recipe that a run keeps, may be a stranger's: neither has code called by
itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fasterseg.config import AugmentationSettings, Recipe
from fasterseg.console.options import Common
from fasterseg.datasets.transforming.own_function import OwnFunction
from fasterseg.datasets.transforming.transforms import MID_GREY
from fasterseg.errors import UsageError
from fasterseg.foreign.strict_yaml import load_yaml
from fasterseg.runtime import numpy_generator


def require_functions(recipe: Recipe, common: Common) -> None:
    """Raise `UsageError` for a function that the command did not name, or that does not work."""
    by_python = isinstance(common.recipe, Recipe)
    for section, augmentation in _with_functions(recipe):
        name = augmentation.function
        if not by_python and name not in _typed(common):
            raise _not_named(section, name)
        image = np.full((*augmentation.crop, 3), MID_GREY, dtype=np.uint8)
        labels = np.zeros(augmentation.crop, dtype=np.uint8)
        OwnFunction.named(name)(image, labels, generator=numpy_generator(0, "own function"))


def _with_functions(recipe: Recipe) -> Iterator[tuple[str, AugmentationSettings]]:
    """Each section that augments with a function, by its name."""
    sections: dict[str, AugmentationSettings] = {
        "search": recipe.search.augmentation,
        "search.pretraining": recipe.search.pretraining.augmentation,
        "teacher": recipe.teacher.augmentation,
        "student": recipe.student.augmentation,
    }
    for section, augmentation in sections.items():
        if augmentation.function:
            yield section, augmentation


def _typed(common: Common) -> set[str]:
    pairs = (override.partition("=") for override in common.set)
    return {str(load_yaml(text)) for key, _, text in pairs if key.endswith("augmentation.function")}


def _not_named(section: str, name: str) -> UsageError:
    key = f"{section}.augmentation.function"
    return UsageError(
        "a recipe's file cannot have code called",
        where=key,
        why=f"it names {name}, and may be a stranger's; who starts the command names it",
        next_step=f"if you know what {name} does, add --set {key}={name}",
    )
