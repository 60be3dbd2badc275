"""What a recipe's file may name: nothing outside of its folder and the current one.

A recipe may be a stranger's.  Who starts a command says what else is read: on the command line, or
by a recipe made in Python.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from fasterseg.config.recipe import Recipe
from fasterseg.config.roles import SHARED
from fasterseg.errors import UsageError
from fasterseg.foreign.links import leads_outside
from fasterseg.space.known_networks import is_known_name

_OUTSIDE = ("data", "outside")
_BUILT_IN = "street"
_KNOWN = ("search", "selection", "known")


def refuse_places_elsewhere(recipe: Recipe, file: Path, keys: Sequence[tuple[str, ...]]) -> None:
    """Raise `UsageError` where a file's recipe reads what lies elsewhere; `keys` were overridden.

    An override of ``data.outside`` allows it.  What an override named is its own affair.
    """
    if recipe.data.outside and _OUTSIDE in keys:
        return
    if recipe.data.outside and not _is_among(_OUTSIDE, keys):
        raise UsageError(
            "a recipe's file cannot allow itself to read what lies outside of the data's folder",
            where=f"{file}, data.outside",
            why="it may be a stranger's; who starts the command allows it",
            next_step="add --set data.outside=true, if you know where the data's links and paths "
            "lead, or take data.outside out",
        )
    for key, place, option in _named(recipe, keys):
        if _is_elsewhere(place, file):
            raise UsageError(
                "a recipe's file cannot name what lies outside of its folder and the current one",
                where=f"{file}, {key}",
                why=f"it names {place}, and may be a stranger's",
                next_step=f"if that is meant, name it yourself: {option}",
            )


def _named(recipe: Recipe, keys: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, str, str]]:
    """The key, place and option of each path that the recipe has of its file alone.

    The option is what names it on the command line.
    """
    if recipe.data.source != _BUILT_IN and not _is_among(("data", "source"), keys):
        yield "data.source", recipe.data.source, f"--data {recipe.data.source}"
    if not _is_among(("data", "unlabelled"), keys):
        yield from _named_together("data.unlabelled", recipe.data.unlabelled)
    if not (_is_among(("budget",), keys) or _is_among(("contenders",), keys)):
        for model in recipe.models_to_match:
            yield "budget", model, f"--budget {model}"
    if not _is_among(_KNOWN, keys):
        known = _named_together(".".join(_KNOWN), recipe.search.selection.known)
        yield from (one for one in known if not is_known_name(one[1]))
    key = ("student", "distillation", "teachers")
    if not (_is_among(key, keys) or _is_among((SHARED, *key[1:]), keys)):
        yield from _named_together(".".join(key), recipe.student.distillation.teachers)


def _named_together(key: str, places: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """As `_named`; who means one of several says them all."""
    option = f"--set '{key}=[{', '.join(places)}]'"
    yield from ((key, place, option) for place in places)


def _is_among(key: tuple[str, ...], keys: Sequence[tuple[str, ...]]) -> bool:
    """Whether a key, or a section that it is in, was overridden."""
    return any(key[: len(one)] == one for one in keys)


def _is_elsewhere(place: str, file: Path) -> bool:
    try:
        found = Path(place).expanduser()
        return all(leads_outside(found, home) for home in (Path.cwd(), file.parent))
    except (RuntimeError, ValueError):  # told where it is opened
        return False
