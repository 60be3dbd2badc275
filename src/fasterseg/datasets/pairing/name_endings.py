"""Images and masks none of which go together by name: what their names have more tells why."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import product
from pathlib import PurePosixPath

from fasterseg.datasets.data_files.affixes import Affixes
from fasterseg.datasets.data_files.remedies import lines, written
from fasterseg.datasets.faults import Fault, FaultKind

SEPARATORS = "/_.- "
"""What words of names end in."""

_UNPAIRED = (FaultKind.UNPAIRED_IMAGE, FaultKind.UNPAIRED_MASK)
_PART = re.compile(r"[._\- ]")
_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
_LEAST_SHARE = 0.9
"""So many of the images have to find a mask."""
_MOST = 6
"""So many beginnings, and ends, are tried."""


def told_by_endings(
    faults: Sequence[Fault], images: Collection[str], masks: Collection[str]
) -> tuple[Fault, ...]:
    """Return the faults of a split; where an ending would pair its files, they say which."""
    step = "" if set(images) & set(masks) else _step(images, masks)
    if not step:
        return tuple(faults)
    return tuple(replace(one, next_step=step) if one.kind in _UNPAIRED else one for one in faults)


def _step(images: Collection[str], masks: Collection[str]) -> str:
    """The keys that pair them: endings alone, else beginnings alone, else both."""
    none = [""]
    of_images, of_masks = (_starts(images), _ends(images)), (_starts(masks), _ends(masks))
    for starts, ends in ((False, True), (True, False), (True, True)):
        own = product(of_images[0] if starts else none, of_images[1] if ends else none)
        others = product(of_masks[0] if starts else none, of_masks[1] if ends else none)
        both = [(Affixes(*one), Affixes(*two)) for one, two in product([*own], [*others])]
        for one, two in sorted(both, key=_length):
            least = 0.0 if starts and not ends else _LEAST_SHARE
            if (one or two) and _are_paired(_inside(images, one), {*_inside(masks, two)}, least):
                return _told(one, two)
    return _step_of_numbers(images, masks)


def _step_of_numbers(images: Collection[str], masks: Collection[str]) -> str:
    """What to do where the names are one but for zeros before their numbers, as 7 and 007."""
    own, others = (
        {_ZEROS.sub("", name): name for name in names} for names in (sorted(images), sorted(masks))
    )
    is_each_one = len(own) == len(images) and len(others) == len(masks)
    if not is_each_one or not _are_paired([*own], others.keys(), _LEAST_SHARE):
        return ""
    name = next(name for name in own if name in others)
    return (
        f"call both alike: the image {own[name]} and the mask {others[name]} have one number, with "
        "more zeros before it in one of them"
    )


def _told(of_images: Affixes, of_masks: Affixes) -> str:
    keys = {
        "image_prefix": of_images.prefix,
        "image_suffix": of_images.suffix,
        "mask_prefix": of_masks.prefix,
        "mask_suffix": of_masks.suffix,
    }
    shown = lines(*(written(key, affix) for key, affix in keys.items() if affix))
    if of_images.suffix or of_masks.suffix:
        return f"write into data.yaml:{shown}"
    where = [
        f"{start!r} from the beginning of the {what}' names"
        for start, what in ((of_images.prefix, "images"), (of_masks.prefix, "masks"))
        if start
    ]
    return f"call both alike: take {' and '.join(where)}; or write into data.yaml:{shown}"


def _length(affixes: tuple[Affixes, Affixes]) -> int:
    return sum(len(one.prefix) + len(one.suffix) for one in affixes)


def _are_paired(images: Sequence[str], masks: Collection[str], least: float) -> bool:
    paired = sum(name in masks for name in images)
    return paired > 0 and paired >= least * len(images)


def _inside(names: Collection[str], affixes: Affixes) -> list[str]:
    """What the names of samples would be; a file that is called otherwise keeps its own."""
    return [affixes.inside(name) or name for name in names]


def _ends(names: Collection[str]) -> list[str]:
    """What all names end in, from one of its parts on: the whole, shorter ones, and nothing."""
    shared = shared_beginning([PurePosixPath(name).name[::-1] for name in names])[::-1]
    return ["", *(shared[found.start() :] for found in _PART.finditer(shared))][:_MOST]


def _starts(names: Collection[str]) -> list[str]:
    """What all begin with, up to one of its parts."""
    shared = shared_beginning([PurePosixPath(name).name for name in names])
    return ["", *(shared[: found.end()] for found in _PART.finditer(shared))][:_MOST]


def shared_words(texts: Collection[str]) -> str:
    """Return what all texts begin with, up to the end of a word."""
    shared = shared_beginning(texts)
    return shared[: max(map(shared.rfind, SEPARATORS)) + 1]


def shared_beginning(names: Collection[str]) -> str:
    """Return what all names begin with: what the first and the last of them do."""
    first, last = (min(names), max(names)) if names else ("", "")
    differ = (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return first[: next(differ, len(first))]
