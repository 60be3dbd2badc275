"""What a run has made so far, as its files show it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from fasterseg.config import Recipe
from fasterseg.config.uses import Use
from fasterseg.runs import RunFolder
from fasterseg.stage_folders import first_of


def made_in(run: RunFolder, recipe: Recipe) -> Mapping[Use, Path]:
    """What the run has made already, each with a file that shows it."""
    return {use: found for use, found in _evidence(run, recipe) if found is not None}


def _evidence(run: RunFolder, recipe: Recipe) -> Iterator[tuple[Use, Path | None]]:
    yield Use.BLOCKS, first_of(run.timed_blocks, run.latency_table)
    yield Use.TABLE, first_of(run.latency_table)
    searched = first_of(run.cosearch.stepped(), run.search_summary)
    yield Use.SUPERNET, first_of(run.pretraining.stepped(), searched)
    yield Use.SEARCH, searched
    yield Use.SCORES, first_of(run.candidate_scores)
    yield Use.LANDED, first_of(run.search_summary)
    teachers = {one.name for one in recipe.contenders if one.role == "teacher"}
    trained = {one.root.name: one.begun() for one in run.trainings()}
    yield Use.TEACHER, first_of(*(shown for name, shown in trained.items() if name in teachers))
    # Baselines and random architectures are trained as students are.
    yield Use.STUDENT, first_of(*(shown for name, shown in trained.items() if name not in teachers))
