"""The recipes inside the package, each called by its file's name without the ending."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

from fasterseg.errors import UsageError
from fasterseg.paths import did_you_mean

FOLDER = Path(__file__).parents[1] / "recipes"
"""Where they lie."""


def named_recipes() -> tuple[str, ...]:
    """The names that a recipe may be asked for by."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def recipe_file(recipe: Path | str) -> Path:
    """The file that is meant: one that lies there, else the recipe of the package of that name.

    A folder is no recipe, so it does not hide a name.  Raises `UsageError` where neither is there.
    """
    path = Path(recipe)
    lies_here = os.path.lexists(path)
    if str(path) in named_recipes() and (path.is_dir() or not lies_here):
        return FOLDER / f"{path}.yaml"
    if not lies_here:
        raise _unknown(path)
    return path


def _unknown(recipe: Path) -> UsageError:
    names = named_recipes()
    near = get_close_matches(recipe.stem, names, n=1)
    return UsageError(
        "there is no such recipe",
        where=f"--recipe {recipe}",
        why="no file lies there, and none of the recipes in the package has this name",
        next_step=(f"did you mean {near[0]!r}? Else " if near else did_you_mean(recipe))
        + f"name a YAML file, or one of the package: {', '.join(names)}",
    )
