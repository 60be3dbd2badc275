"""Images and masks none of which go together by name: what their names have more tells why."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import PurePosixPath

from fasterseg.datasets.data_files.remedies import lines, written
from fasterseg.datasets.faults import Fault, FaultKind

_UNPAIRED = (FaultKind.UNPAIRED_IMAGE, FaultKind.UNPAIRED_MASK)
_PART = re.compile(r"[._\- ]")
_LEAST_SHARE = 0.9
"""So many of the images have to find a mask."""


def told_by_endings(
    faults: Sequence[Fault], images: Collection[str], masks: Collection[str]
) -> tuple[Fault, ...]:
    """Return the faults of a split; where an ending would pair its files, they say which."""
    step = "" if set(images) & set(masks) else _step(images, masks)
    if not step:
        return tuple(faults)
    return tuple(replace(one, next_step=step) if one.kind in _UNPAIRED else one for one in faults)


def _step(images: Collection[str], masks: Collection[str]) -> str:
    for image_end, mask_end in sorted(product(_ends(images), _ends(masks)), key=_length):
        if (image_end or mask_end) and _are_paired(_without(images, image_end), masks, mask_end):
            keys = {"image_suffix": image_end, "mask_suffix": mask_end}
            return "write into data.yaml:" + lines(
                *(written(key, end) for key, end in keys.items() if end)
            )
    for image_start, mask_start in sorted(product(_starts(images), _starts(masks)), key=_length):
        plain = {_behind(name, image_start) for name in images}
        if plain & {_behind(name, mask_start) for name in masks}:
            where = [
                f"{start!r} from the beginning of the {what}' names"
                for start, what in ((image_start, "images"), (mask_start, "masks"))
                if start
            ]
            return f"call both alike: take {' and '.join(where)}"
    return ""


def _length(ends: tuple[str, str]) -> int:
    return sum(map(len, ends))


def _are_paired(images: Collection[str], masks: Collection[str], mask_end: str) -> bool:
    known = set(_without(masks, mask_end))
    return sum(name in known for name in images) >= _LEAST_SHARE * len(images)


def _without(names: Iterable[str], end: str) -> list[str]:
    return [name.removesuffix(end) for name in names]


def _behind(name: str, start: str) -> str:
    path = PurePosixPath(name)
    return path.with_name(path.name.removeprefix(start)).as_posix()


def _ends(names: Collection[str]) -> Iterator[str]:
    """What all names end in, from one of its parts on: the whole, shorter ones, and nothing."""
    yield ""
    shared = shared_beginning([PurePosixPath(name).name[::-1] for name in names])[::-1]
    yield from (shared[found.start() :] for found in _PART.finditer(shared))


def _starts(names: Collection[str]) -> Iterator[str]:
    """What all begin with, up to one of its parts."""
    yield ""
    shared = shared_beginning([PurePosixPath(name).name for name in names])
    yield from (shared[: found.end()] for found in _PART.finditer(shared))


def shared_beginning(names: Collection[str]) -> str:
    """Return what all names begin with: what the first and the last of them do."""
    first, last = (min(names), max(names)) if names else ("", "")
    differ = (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return first[: next(differ, len(first))]
