"""What a recipe leaves to the data, settled once the data is open."""

from __future__ import annotations

from fasterseg.config import AUTO, Recipe
from fasterseg.datasets.sources import serving
from fasterseg.datasets.sources.serving import split_to_score
from fasterseg.datasets.sources.source import DataSource


def settled(recipe: Recipe, source: DataSource, *, known: Recipe | None = None) -> Recipe:
    """The recipe with nothing left open: what `known`, a run's own recipe, has, else the data's.

    Whoever computes on data reads a settled recipe, and a run stores one.
    """
    return _with_split_to_score(recipe, source, known)


def note_on_scores(recipe: Recipe, source: DataSource) -> str:
    """What is to be said of the scores that a run ends with; empty where they are a test's."""
    data = recipe.data
    learnt = [split for one in recipe.contenders for split in recipe.learnt_by(one.role)]
    notes = serving.note_on_scores(
        source, scored=data.test_split, chosen_by=data.val_split, trained_on=learnt
    )
    return " ".join(notes)


def _with_split_to_score(recipe: Recipe, source: DataSource, known: Recipe | None) -> Recipe:
    data = recipe.data
    if data.test_split != AUTO:
        return recipe
    split = split_to_score(source, chosen_by=data.val_split)
    if known is not None and known.data.test_split != AUTO:
        split = known.data.test_split
    return recipe.model_copy(update={"data": data.model_copy(update={"test_split": split})})
