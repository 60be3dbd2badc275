"""Images without labels: as a recipe names them, and whether its students learn from them."""

from __future__ import annotations

from fasterseg.config import DataSettings, Recipe
from fasterseg.config.distillation_use import is_taught
from fasterseg.datasets.opening.unlabelled import Beside
from fasterseg.datasets.sources.source import DataSource
from fasterseg.video.frames import VideoFrames

NAMED_BY_DATA = Beside(videos=VideoFrames())
"""None but those that a data file names."""


def beside_of(data: DataSettings) -> Beside:
    """Return the images without labels that a recipe names beside those of its data."""
    return Beside(data.unlabelled, data.unlabelled_every, VideoFrames())


def note_on_unlabelled(recipe: Recipe, source: DataSource) -> str:
    """What to tell of images without labels: that nothing is learned from them, and why.

    Empty where there are none, and where students learn from them.
    """
    count, why = source.unlabelled, _why_unused(recipe)
    if not count or not why:
        return ""
    one = count == 1
    return (
        f"{count} image{'' if one else 's'} without labels {'is' if one else 'are'} not used: {why}"
    )


def _why_unused(recipe: Recipe) -> str:
    student = recipe.student
    if student.distillation_weight == 0:
        return "with student.distillation_weight 0 nothing is distilled"
    if not is_taught(recipe):
        return "no student of this run has a teacher, by whose answers alone they are learned from"
    if student.distillation.unlabelled_share == 0:
        return "student.distillation.unlabelled_share is 0"
    if not student.distillation.unlabelled_of(student.batch_size):
        return "a batch of one image has no place for them (student.batch_size)"
    return ""
