"""Images and recordings that lie where others may not: in two splits, or without labels too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fasterseg.amounts import first_few
from fasterseg.datasets.faults import Fault, FaultKind
from fasterseg.datasets.sample import UNLABELLED
from fasterseg.datasets.sources.files import FileSource
from fasterseg.datasets.sources.serving import TRAIN


class Place(NamedTuple):
    """The split and the file of an image, and what tells its mask from others, if it has one."""

    split: str
    file: str
    mask: str = ""


Places = list[Place]
"""Where images lie that have the same pixels."""

_NAMED = 3
_LEARNT_FROM = {TRAIN, UNLABELLED}


def shared_images(alike: Iterable[Places]) -> Iterator[Fault]:
    """Yield a fault for images of several splits that are one, and for lone ones of any split."""
    for places in alike:
        labelled = [place for place in places if place.split != UNLABELLED]
        if len({place.split for place in labelled}) > 1:
            yield Fault(FaultKind.SHARED_IMAGE, labelled[0].file, _same_as(labelled[1:]))
        files = {place.file for place in labelled}
        for place in places:
            # The same file is a fault of the listing already.
            if place.split == UNLABELLED and labelled and place.file not in files:
                yield Fault(FaultKind.LABELLED_TOO, place.file, _same_as(labelled))


def _same_as(places: Places) -> str:
    return "the same as " + ", ".join(f"{place.file} in {place.split}" for place in places)


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
    several = [places for places in alike if len(places) > 1]
    differ = [places for places in several if len({one.mask for one in places if one.mask}) > 1]
    repeats = sum(len(places) - 1 for places in several) - sum(len(one) - 1 for one in differ)
    notes = [_repeated(repeats)] if repeats else []
    if differ:
        named = [" and ".join(one.file for one in places[:_NAMED]) for places in differ]
        notes.append(
            f"{_repeated(len(differ))} with masks that differ: {first_few(named, _NAMED)}; they "
            "teach, and are scored by, what contradicts itself: keep the mask that is right"
        )
    return notes


def _repeated(count: int) -> str:
    if count == 1:
        return "1 image is in its split more than once"
    return f"{count:,} images are in their split more than once"
