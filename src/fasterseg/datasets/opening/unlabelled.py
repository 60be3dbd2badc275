"""Putting a data set together with its images without labels, wherever these are named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from fasterseg.datasets.data_files.values import USUAL_DISTANCE
from fasterseg.datasets.opening.unlabelled_listing import called_after, lone_images
from fasterseg.datasets.opening.video_frames import Frames, ReadsVideos
from fasterseg.datasets.pairing.lone_images import LoneImages, told_twice
from fasterseg.datasets.pairing.pairs import Tree
from fasterseg.datasets.sources.files import FileSource
from fasterseg.errors import DataError
from fasterseg.events import Progress
from fasterseg.paths import user_path

KEY = "data.unlabelled"
"""Where a recipe names them."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Images without labels beside those that the data itself names, and what reads videos.

    ``places`` are folders, lists and videos as seen from the current folder; of a video one frame
    in ``distance`` is taken.
    """

    places: tuple[str, ...] = ()
    distance: int = USUAL_DISTANCE
    videos: ReadsVideos | None = None


def with_unlabelled(
    source: FileSource, beside: Beside, *, outside: bool, progress: Progress
) -> FileSource:
    """Return a source with the images without labels that its data files name, and those beside.

    What is wrong with them is among the source's faults.  Raises as `lone_images` does.
    """
    lone = LoneImages()
    for found in chain(
        _of_data_files(source, beside, outside=outside, progress=progress),
        _beside(source, beside, outside=outside, progress=progress),
    ):
        lone = lone.and_those(found)
    if not lone.images and not lone.faults:
        return source
    pairs = ((split, pair) for split in source.splits() for pair in source.pairs(split))
    lone = replace(lone, faults=(*lone.faults, *told_twice(lone.images, pairs)))
    layout = replace(source.layout, notes=(*source.layout.notes, *lone.notes))
    return replace(source, layout=layout, lone=lone)


def _of_data_files(
    source: FileSource, beside: Beside, *, outside: bool, progress: Progress
) -> Iterator[LoneImages]:
    for part, layout in source.parts().items():
        if layout.unlabelled:
            tree = Tree(layout.root, may_leave=outside, progress=progress)
            frames = Frames(beside.videos, layout.unlabelled_every, layout.most_pixels, progress)
            named = zip(layout.unlabelled, called_after(layout.unlabelled), strict=True)
            yield lone_images(tree, named, frames).in_part(part)


def _beside(
    source: FileSource, beside: Beside, *, outside: bool, progress: Progress
) -> Iterator[LoneImages]:
    own = source.layout.unlabelled
    called = called_after((*own, *beside.places))[len(own) :]
    frames = Frames(beside.videos, beside.distance, source.layout.most_pixels, progress)
    for place, name in zip(map(_there, beside.places), called, strict=True):
        root, entry = (place, ".") if place.is_dir() else (place.parent, place.name)
        tree = Tree(root, may_leave=outside, progress=progress)
        yield lone_images(tree, [(entry, name)], frames)


def _there(place: str) -> Path:
    """A place as the user meant it; raises `DataError` where nothing is."""
    found = user_path(place, KEY)
    if not found.exists():
        raise DataError(
            "there are no such images without labels",
            where=f"{KEY} {place}",
            why="nothing of this name is there",
            next_step="name a folder of images, a list of them, or a video, as seen from the "
            f"current folder: --set {KEY}=frames",
        )
    return found
