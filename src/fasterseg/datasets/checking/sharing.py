"""Images and recordings that lie where others may not: in two splits, or without labels too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from fasterseg.datasets.faults import Fault, FaultKind
from fasterseg.datasets.sample import UNLABELLED
from fasterseg.datasets.sources.files import FileSource
from fasterseg.datasets.sources.serving import TRAIN

Places = list[tuple[str, str]]
"""The split and the file of each image that has the same pixels."""

_LEARNT_FROM = {TRAIN, UNLABELLED}


def shared_images(alike: Iterable[Places]) -> Iterator[Fault]:
    """Yield a fault for images of several splits that are one, and for lone ones of any split."""
    for places in alike:
        labelled = [place for place in places if place[0] != UNLABELLED]
        if len({split for split, _ in labelled}) > 1:
            yield Fault(FaultKind.SHARED_IMAGE, labelled[0][1], _same_as(labelled[1:]))
        files = {file for _, file in labelled}
        for split, file in places:
            # The same file is a fault of the listing already.
            if split == UNLABELLED and labelled and file not in files:
                yield Fault(FaultKind.LABELLED_TOO, file, _same_as(labelled))


def _same_as(places: Places) -> str:
    return "the same as " + ", ".join(f"{file} in {split}" for split, file in places)


def shared_groups(source: FileSource) -> Iterator[Fault]:
    """Yield a fault for each recording, by a data file's ``groups``, of which two splits have some.

    Images without labels may be of training's recordings, and of no other split's.
    """
    if not source.groups:
        return
    splits: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for split in (*source.splits(), UNLABELLED):
        for one in source.on_disk(split):
            splits[source.group_of(one)].setdefault(split, one.name)
    for group, examples in sorted(splits.items()):
        if len(examples) > 1 and examples.keys() - _LEARNT_FROM:
            places = ", ".join(f"{name} in {split}" for split, name in examples.items())
            yield Fault(FaultKind.SHARED_GROUP, group, places)


def notes_on_repeats(alike: Iterable[Places]) -> list[str]:
    """Return what is to be said of images that are in their split more than once."""
    repeats = sum(len(places) - 1 for places in alike)
    if repeats == 1:
        return ["1 image is in its split more than once"]
    return [f"{repeats:,} images are in their split more than once"] if repeats else []
