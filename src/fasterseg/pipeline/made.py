"""What a run has made so far, as its files show it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from fasterseg.config import Recipe
from fasterseg.config.uses import Use
from fasterseg.runs import RunFolder, first_of, trained_by


def made_in(run: RunFolder, recipe: Recipe) -> Mapping[Use, Path]:
    """What the run has made already, each with a file that shows it."""
    return {use: found for use, found in _evidence(run, recipe) if found is not None}


def _evidence(run: RunFolder, recipe: Recipe) -> Iterator[tuple[Use, Path | None]]:
    latency, search = run.latency, run.search
    yield Use.BLOCKS, first_of(latency, "entries.jsonl", "table.json")
    yield Use.TABLE, first_of(latency, "table.json")
    cosearch = ("cosearch/checkpoints/step-*", "summary.json")
    yield Use.SUPERNET, first_of(search, "pretraining/checkpoints/step-*", *cosearch)
    yield Use.SEARCH, first_of(search, *cosearch)
    yield Use.DRAWS, first_of(search, "draws.json")
    yield Use.LANDED, first_of(search, "summary.json")
    teachers = {one.name for one in recipe.contenders if one.role == "teacher"}
    trained = sorted(run.training("").glob("*/"))
    for use, folders in (
        (Use.TEACHER, [folder for folder in trained if folder.name in teachers]),
        # Baselines and random architectures are trained as students are.
        (Use.STUDENT, [folder for folder in trained if folder.name not in teachers]),
    ):
        begun = [found for folder in folders if (found := trained_by(folder)) is not None]
        yield use, next(iter(begun), None)
