"""Whether a teacher's answers have room: counted from the images' sizes, before it is asked."""

from __future__ import annotations

from fasterseg.amounts import size
from fasterseg.config import Recipe
from fasterseg.datasets.sample import UNLABELLED
from fasterseg.datasets.sources.source import DataSource
from fasterseg.errors import EnvironmentFault, UsageError
from fasterseg.resources import free_disk_bytes
from fasterseg.runs import RunFolder
from fasterseg.teaching.answer_file import bytes_of_map
from fasterseg.teaching.grids import FINEST_STRIDE, finest_of

MORE = 1.05
"""So much above what is needed is proposed, that a second number is no guess."""


def require_room(recipe: Recipe, run: RunFolder, source: DataSource) -> None:
    """Raise where the answers of the recipe's students would take more than they may.

    `UsageError` for more than the recipe lets them, `EnvironmentFault` for more than is free.  What
    a resumed asking has kept already is free for it.
    """
    settings, splits = recipe.student.distillation, splits_to_ask(recipe, source)
    needed = sum(most_bytes_of(source, split) for split in splits)
    images = sum(map(source.length, splits))
    why = (
        f"{images} images of {source.label_space.classes} classes, a value for each "
        f"{FINEST_STRIDE}x{FINEST_STRIDE} pixels, take up to {size(needed)}"
    )
    ways = (
        "smaller images (--size), or a teacher that is asked at every step: "
        "--set student.distillation.answers=live"
    )
    if needed > settings.most_bytes:
        enough = f"{int(MORE * needed / 1e6) + 1}MB"
        raise UsageError(
            "the teacher's answers would take more of the disk than they may",
            where=f"student.distillation.most_disk {settings.most_disk}",
            why=why,
            next_step=f"--set student.distillation.most_disk={enough}, {ways}",
        )
    there = sum(path.stat().st_size for path in run.answers("").rglob("*") if path.is_file())
    free = free_disk_bytes(run.root) + there
    if needed > free:
        raise EnvironmentFault(
            "there is not enough room on the disk for the teacher's answers",
            where=str(run.root),
            why=f"{why}, and {size(free)} are free",
            next_step=f"free some space, or choose a folder on another disk with --run; or {ways}",
        )


def splits_to_ask(recipe: Recipe, source: DataSource) -> tuple[str, ...]:
    """What teachers are asked about: what is trained on, and images without labels, if any are."""
    student = recipe.student
    lone = source.unlabelled and student.distillation.unlabelled_of(student.batch_size)
    return (recipe.data.trained_on, *([UNLABELLED] if lone else []))


def most_bytes_of(source: DataSource, split: str) -> int:
    """The bytes of the answers to all images of a split, at the finest that is kept."""
    count, known = source.length(split), source.working_size
    sizes = [known or source.image_size(split, index) for index in range(count)]
    classes = source.label_space.classes
    return sum(bytes_of_map(classes, *finest_of(one)) for one in sizes)
