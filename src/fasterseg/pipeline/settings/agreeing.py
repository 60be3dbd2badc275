"""Whether what is asked of a run agrees with what it has made: its recipe's keys, and its data.

What nothing was made by yet may change; `fasterseg.config.uses` says which key that is.  Data is
what its digests say, split by split, wherever it lies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from fasterseg.artifacts import sealed_content
from fasterseg.changes import UsedBy, refuse_changes
from fasterseg.config import Recipe
from fasterseg.config.uses import Use, keyed, uses_of
from fasterseg.datasets.sample import UNLABELLED
from fasterseg.datasets.sources.joining import parts_of
from fasterseg.datasets.sources.source import DataSource
from fasterseg.errors import UsageError
from fasterseg.pipeline.settings.made import made_in
from fasterseg.runs import RunFolder


class UsedSplit(NamedTuple):
    """A split whose images something was made from, their digest, and what holds it."""

    split: str
    digest: str
    where: Path


def agree(before: Recipe, wanted: Recipe, run: RunFolder, source: DataSource) -> str:
    """Raise `UsageError` where what a run has made was made by another recipe or from other data.

    Returns what else is changed, in words; plans that nothing was made by are forgotten.
    """
    made = made_in(run, before)
    changes = refuse_changes(
        "the recipe",
        stored=keyed(before),
        wanted=keyed(wanted),
        where=run.recipe,
        used_by=user_in(made, run.root),
        next_step="undo the change to resume, or start a new run with another --run; it takes this "
        f"one's recipe by --recipe {run.recipe}",
    )
    _require_same_data(run, source, before, made)
    if changes and Use.SUPERNET not in made:
        for path in (run.search_began, run.search_allowance):
            path.unlink(missing_ok=True)
    changed = [str(change) for change in changes if uses_of(change.key)]
    return f"changed in this run: {'; '.join(changed)}" if changed else ""


def user_in(made: Mapping[Use, Path], root: Path) -> UsedBy:
    """What says which of the things that were made a recipe's key went into."""

    def user(key: str) -> str:
        users = [made[use] for use in uses_of(key) if use in made]
        return f"used by {users[0].relative_to(root).as_posix()}" if users else ""

    return user


def _require_same_data(
    run: RunFolder, source: DataSource, recipe: Recipe, made: Mapping[Use, Path]
) -> None:
    for used in _used_splits(run, recipe, made):
        now = _digest_of(source, used.split)
        if now != used.digest:
            raise UsageError(
                "the data differs from that which this run began with",
                where=used.where.as_posix(),
                why=f"{used.split} of {source.name} "
                + ("holds other images or labels" if now else "is not there any more"),
                next_step="name the data as it was with --data, or start a new run with another "
                "--run",
            )


def _digest_of(source: DataSource, split: str) -> str:
    there = {*source.splits(), *([UNLABELLED] if source.unlabelled else [])}
    known = set(parts_of(split)) <= there
    return source.digest(split) if known else ""


def _used_splits(run: RunFolder, recipe: Recipe, made: Mapping[Use, Path]) -> Iterator[UsedSplit]:
    """The splits that the search, trainings and scores of a run were made from."""
    if Use.SUPERNET in made and run.search_began.exists():
        start = sealed_content(run.search_began)
        yield UsedSplit(recipe.data.train_split, start["data_digest"], run.search_began)
    for training in run.trainings():
        if training.began.exists() and training.begun() is not None:
            start = sealed_content(training.began)
            yield UsedSplit(start["train_split"], start["train_digest"], training.began)
            yield UsedSplit(start["val_split"], start["val_digest"], training.began)
            if lone := start.get("unlabelled"):
                yield UsedSplit(UNLABELLED, lone, training.began)
    # The run's own report alone: whoever scores a model of it on other data writes there too.
    for path in run.position_scores():
        report = sealed_content(path)
        yield UsedSplit(report["split"], report["data_digest"], path)
