"""The architecture of a contender: found by the run's search, or handed in."""

from __future__ import annotations

from pathlib import Path

from fasterseg.baselines.catalogue import baseline_name
from fasterseg.config import ContenderSettings, Recipe
from fasterseg.errors import FileError, UsageError
from fasterseg.events import note_on_stderr
from fasterseg.pipeline.trainings.trainees import contender_named
from fasterseg.runs import RunFolder
from fasterseg.space.architecture import Architecture
from fasterseg.space.choices import Option, section
from fasterseg.space.options import Options


def one_architecture(
    path: Path, contenders: tuple[str, ...], *, run: Path | str | None
) -> Architecture:
    """The architecture in a file, for the one contender that is named.

    Raises `UsageError` unless exactly one contender is named, and `FileError` for another file.
    """
    if len(contenders) != 1:
        inside = "" if run is None else f" --run {run}"
        raise UsageError(
            "whose architecture is it?",
            where=f"--architecture {path}",
            why=f"{len(contenders)} contenders are named, and it is for one",
            next_step=f"fasterseg train student --architecture {path}{inside}",
        )
    if baseline_name(contenders[0]) is not None:
        raise _takes_none(contenders[0], f"--architecture {path}", f"train {contenders[0]}")
    return Architecture.load(path)


def take_architecture(wanted: Architecture, run: RunFolder, recipe: Recipe, contender: str) -> None:
    """Give a contender an architecture that no search of this run found.

    Says so where it has widths that the recipe's space does not offer. Raises `UsageError` where
    the contender has another already, or is a baseline.
    """
    settings = contender_named(recipe, contender)
    if settings.baseline:
        raise _takes_none(settings.architecture, f"contenders, {contender}", f"train {contender}")
    kept = run.architecture(settings.name)
    if kept.exists() and Architecture.load(kept) != wanted:
        raise UsageError(
            f"{contender} has another architecture in this run already",
            where=str(kept),
            next_step="start a new run with another --run, or leave --architecture out",
        )
    if not kept.exists():
        for width in widths_outside(wanted, recipe, settings):
            note_on_stderr(
                f"the width {width} of this architecture is none of the recipe's space; "
                f"{contender} is trained with it"
            )
        wanted.save(kept)


def _takes_none(baseline: str, where: str, command: str) -> UsageError:
    return UsageError(
        "a baseline takes no architecture",
        where=where,
        why=f"{baseline} is one network, whole as it is",
        next_step=f"leave --architecture out: fasterseg {command}",
    )


def widths_outside(
    architecture: Architecture, recipe: Recipe, contender: ContenderSettings
) -> list[Option]:
    """The widths of an architecture that no network of the recipe's space has, each once."""
    known = (Options.of_space(recipe.space), Options.of(recipe.space, contender))
    offered = {
        width
        for options in known
        for name, widths in options.choices.items()
        if section(name) == "widths"
        for width in widths
    }
    cells = (cell for branch in architecture.branches for cell in branch.cells)
    used = dict.fromkeys((*architecture.widths.values(), *(cell.expansion for cell in cells)))
    return [width for width in used if width not in offered]


def found_architecture(run: RunFolder, contender: str) -> Architecture:
    """The architecture that the run's search found; raises `FileError` before it did."""
    path = run.architecture(contender)
    if not path.exists():
        raise FileError(
            f"there is no architecture for {contender} yet",
            where=str(path),
            why="the search of this run has not come to its end",
            next_step=f"fasterseg search --run {run.root}",
        )
    return Architecture.load(path)
