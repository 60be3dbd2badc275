"""The two halves of the training images: one for weights, one for architecture parameters."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from fasterseg.datasets.sample import Recorded
from fasterseg.datasets.sources.source import DataSource
from fasterseg.errors import DataError

Halves = tuple[tuple[int, ...], tuple[int, ...]]
"""Indices for the weights, and for the architecture parameters."""

ENOUGH_RECORDINGS = 8
"""From so many on, halves are whole recordings; fewer are cut, each into two stretches."""


def halves_of(source: DataSource, split: str, seed: int) -> Halves:
    """The halves of a split that a search learns from, by what is known of its images.

    Images of one of the data file's ``groups`` stay together.  Where only the layout knows of
    recordings, these stay whole if there are `ENOUGH_RECORDINGS`; else each is cut in time.
    Raises `DataError` where there is nothing for one of the halves.
    """
    recorded = source.recordings(split)
    groups = None if recorded is None else [one.recording for one in recorded]
    few = groups is not None and len({*groups}) < ENOUGH_RECORDINGS
    if recorded is not None and few and not source.groups:
        halves = split_stretches(recorded, seed)
    else:
        halves = split_halves(source.names(split), seed, groups=groups)
    if not all(halves):
        raise _cannot_be_halved(source, split)
    return halves


def split_halves(names: Sequence[str], seed: int, *, groups: Sequence[str] | None = None) -> Halves:
    """Return indices for the weights and for the architecture: two disjoint halves of the names.

    Decided by a hash of (seed, name), so equal in every process and for any order of the names.
    The halves differ by one image at most; the weights get the odd one.  Images of one of the
    ``groups`` (a name for each image) stay together, and the weights' half is then the first that
    holds half of the images; of several groups the last is left to the architecture.
    """
    if groups is not None:
        return _split_groups(groups, seed)
    order = _shuffled(names, seed)
    middle = (len(names) + 1) // 2
    return _sorted(order[:middle], order[middle:])


def _split_groups(groups: Sequence[str], seed: int) -> Halves:
    members = _members(groups)
    names = [*members]
    order = [names[index] for index in _shuffled(names, seed)]
    weights: list[int] = []
    while order and 2 * len(weights) < len(groups) and (len(order) > 1 or not weights):
        weights.extend(members[order.pop(0)])
    return _sorted(weights, [index for name in order for index in members[name]])


def split_stretches(recorded: Sequence[Recorded], seed: int) -> Halves:
    """Return halves of stretches: each recording's first part in one, its second in the other.

    Only where a recording is cut do two images that follow one another lie in different halves.
    A hash of (seed, recording) says which half gets the first part; the halves differ by one image
    at most.
    """
    members = _members([one.recording for one in recorded])
    names = [*members]
    halves: tuple[list[int], list[int]] = ([], [])
    for name in (names[index] for index in _shuffled(names, seed)):
        inside = sorted(members[name], key=lambda index: in_time(recorded[index].name))
        first = _hash(seed, name)[0] % 2
        # The odd image goes where there are fewer, to the weights where neither has fewer.
        fewer = 0 if len(halves[0]) <= len(halves[1]) else 1
        middle = (len(inside) + (first == fewer)) // 2
        halves[first].extend(inside[:middle])
        halves[1 - first].extend(inside[middle:])
    return _sorted(*halves)


def _sorted(weights: Iterable[int], architecture: Iterable[int]) -> Halves:
    return tuple(sorted(weights)), tuple(sorted(architecture))


def _members(groups: Iterable[str]) -> dict[str, list[int]]:
    """The indices of each group's images."""
    members: defaultdict[str, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    return dict(members)


def _shuffled(names: Sequence[str], seed: int) -> list[int]:
    """The names' indices in an order that a hash of (seed, name) decides."""
    keys = [_hash(seed, name) for name in names]
    return sorted(range(len(names)), key=lambda index: (keys[index], names[index]))


def _hash(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()


def in_time(name: str) -> tuple[list[str | int], str]:
    """Return a key: frame 9 before frame 10, whether or not their numbers have zeros in front."""
    words = re.split(r"(\d+)", name)
    return [int(word) if word.isdecimal() else word for word in words], name


def _cannot_be_halved(source: DataSource, split: str) -> DataError:
    images = source.length(split)
    single = images < 2
    return DataError(
        f"the split {split!r} cannot be divided into two halves for a search",
        where=source.name,
        why=f"a search learns weights from one half and architectures from the other, and there "
        f"{'is 1 image' if images == 1 else 'is no image'}"
        if single
        else f"its {images} images are of one recording, by 'groups', which stays in one half",
        next_step="add images, or name another split by --set data.train_split=..."
        if single
        else "add a second recording, or take 'groups' out of data.yaml",
    )
