"""Looking at the files of one sample without stopping at their first fault."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from fasterseg.datasets.checking.data_report import LabelCounts
from fasterseg.datasets.faults import Fault, FaultKind, FileFault
from fasterseg.datasets.masks.mask_reading import RawMask
from fasterseg.datasets.masks.mask_values import TooManyValues, counts_of
from fasterseg.datasets.pairing.pairs import Lone, OnDisk, Pair
from fasterseg.datasets.pictures.pixels import NO_REMARKS, Remarks
from fasterseg.datasets.sample import ImageSize, Pixels
from fasterseg.datasets.sources.files import FileSource
from fasterseg.datasets.sources.mask_sizes import size_fault

_MASK_DIGITS = 16
"""Masks are told apart among those of one image only."""

Read = TypeVar("Read")


@dataclass(slots=True)
class Look:
    """What one sample's files hold; ``labels`` is None where they could not be made out.

    It is small, however large the pictures are.  One that is `lone` has no labels.
    """

    shown: str
    part: str = ""
    faults: list[Fault] = field(default_factory=list)
    image_hash: str = ""
    mask_hash: str = ""
    # Pixels by the integer that they hold.
    raw_values: dict[int, int] = field(default_factory=dict)
    # The colours, packed, that a mask's palette gives to these.
    colours: dict[int, int] = field(default_factory=dict)
    unknown: dict[int, int] = field(default_factory=dict)
    labels: LabelCounts | None = None
    remarks: Remarks | None = None
    size: ImageSize | None = None
    lone: bool = False


def look_at(source: FileSource, pair: OnDisk) -> Look:
    """Return what a sample's files hold and all that is wrong with them."""
    look = Look(source.shown(pair.image), pair.part, lone=isinstance(pair, Lone))
    image = _look_at_image(look, source, pair)
    if isinstance(pair, Lone):
        return look
    read = _read(look, lambda: source.mask(pair))
    mask = None if read is None else read.values
    if mask is not None:
        _read(look, lambda: _look_at_mask(look, source, pair, mask))
    if read is not None:
        look.mask_hash = _hash(_narrowed(read.values))[:_MASK_DIGITS]
        known = look.raw_values.keys() & {*range(len(read.palette))}
        look.colours = {value: read.palette[value] for value in sorted(known)}
    if image is not None and mask is not None:
        remarks = look.remarks or NO_REMARKS
        name, on_its_side = source.shown_mask(pair), remarks.on_its_side
        fault = size_fault(name, image, mask.shape, on_its_side=on_its_side)
        look.faults += [fault] if fault else []
    return look


def _look_at_image(look: Look, source: FileSource, pair: OnDisk) -> tuple[int, ...] | None:
    """An image's shape; its pixels are not kept while the mask's are looked at."""
    decoded = _read(look, lambda: source.decoded(pair, measured=True))
    if decoded is None:
        return None
    look.remarks, look.image_hash = decoded.remarks, _hash(decoded.pixels)
    look.size = (decoded.pixels.shape[0], decoded.pixels.shape[1])
    return decoded.pixels.shape


def _hash(values: Pixels | RawMask) -> str:
    found = hashlib.sha256(repr(values.shape).encode())
    found.update(np.ascontiguousarray(values).data)
    return found.hexdigest()


def _narrowed(mask: RawMask) -> RawMask:
    """The same integers in bytes, where these hold them: however many bits a file gave them."""
    fits = mask.size and mask.min() >= 0 and mask.max() <= 255
    return mask.astype(np.uint8, copy=False) if fits else mask.astype(np.int32, copy=False)


def _look_at_mask(look: Look, source: FileSource, pair: Pair, mask: RawMask) -> None:
    try:
        look.raw_values = counts_of(mask)
    except TooManyValues as error:
        fault = Fault(FaultKind.UNREADABLE_MASK, source.shown_mask(pair), str(error))
        raise FileFault(fault) from error
    labels, look.unknown = source.labels(pair, mask)
    if look.unknown:
        look.faults.append(source.unknown_fault(pair, look.unknown))
    else:
        look.labels = LabelCounts.of(labels, source.label_space)


def _read(look: Look, reader: Callable[[], Read]) -> Read | None:
    try:
        return reader()
    except FileFault as error:
        look.faults.append(error.fault)
        return None
