"""Looking at one pair of files without stopping at its first fault."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from fasterseg.datasets.faults import Fault, FileFault
from fasterseg.datasets.files import FileSource
from fasterseg.datasets.mask_reading import RawMask
from fasterseg.datasets.pairing import Pair
from fasterseg.datasets.pixels import Remarks
from fasterseg.datasets.sample import LabelMap, Pixels

Read = TypeVar("Read")


@dataclass(slots=True)
class Look:
    """What one pair of files holds; ``labels`` is None where they could not be made out."""

    shown: str
    part: str = ""
    faults: list[Fault] = field(default_factory=list)
    image_hash: str = ""
    # Pixels by the integer that they hold.
    raw_values: dict[int, int] = field(default_factory=dict)
    unknown: dict[int, int] = field(default_factory=dict)
    labels: LabelMap | None = None
    remarks: Remarks | None = None


def look_at(source: FileSource, pair: Pair) -> Look:
    """Return what a pair holds and all that is wrong with it."""
    look = Look(source.shown(pair.image), pair.part)
    decoded = _read(look, lambda: source.decoded(pair, measured=True))
    image = None if decoded is None else decoded.pixels
    mask = _read(look, lambda: source.mask(pair))
    if decoded is not None:
        look.remarks, look.image_hash = decoded.remarks, _hash(decoded.pixels)
    if mask is not None:
        _look_at_mask(look, source, pair, mask)
    if image is not None and mask is not None:
        fault = source.size_fault(pair, image, mask)
        look.faults += [fault] if fault else []
    return look


def _hash(image: Pixels) -> str:
    found = hashlib.sha256(repr(image.shape).encode())
    found.update(np.ascontiguousarray(image).data)
    return found.hexdigest()


def _look_at_mask(look: Look, source: FileSource, pair: Pair, mask: RawMask) -> None:
    values, counts = np.unique(mask, return_counts=True)
    look.raw_values = dict(zip(values.tolist(), counts.tolist(), strict=True))
    labels, look.unknown = source.layout_of(pair).labelling.apply(mask)
    if look.unknown:
        look.faults.append(source.unknown_fault(pair, look.unknown))
    else:
        look.labels = labels


def _read(look: Look, reader: Callable[[], Read]) -> Read | None:
    try:
        return reader()
    except FileFault as error:
        look.faults.append(error.fault)
        return None
