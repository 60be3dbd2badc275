"""TIFFs of forms that Pillow does not write: planes, tiles, byte orders, bands without names."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[Any]
KINDS = {"u": 1, "i": 2, "f": 3}
PACKINGS = {"raw": 1, "lzw": 5, "deflate": 8}


@dataclass(frozen=True)
class Written:
    """How a TIFF is written; `tile` and `rows` are 0 for one strip, `extra` is a tag's numbers.

    With `sparse` parts that hold 0 alone are left out.
    """

    order: str = "<"
    planar: bool = False
    packing: str = "raw"
    tile: int = 0
    rows: int = 0
    large: bool = False
    meaning: int | None = None
    extra: tuple[int, ...] = ()
    orientation: int = 0
    sparse: bool = False

    def file(self, values: Array) -> bytes:
        """The bytes of a file of (height, width) or (height, width, bands) numbers."""
        bands = values if values.ndim == 3 else values[..., None]
        planes = np.split(bands, bands.shape[2], axis=2) if self.planar else [bands]
        parts = [self._packed(block) for plane in planes for block in self._blocks(plane)]
        places, at = [], 16 if self.large else 8
        for part in parts:
            places.append(at)
            at += len(part)
        places = [
            0 if self.sparse and not any(part) else place
            for place, part in zip(places, parts, strict=True)
        ]
        tags = self._tags(bands) | self._parts(bands, places, parts)
        body = b"".join(parts)
        return self._head(at) + body + self._directory(tags, at)

    def _packed(self, block: Array) -> bytes:
        data = block.astype(block.dtype.newbyteorder(self.order)).tobytes()
        return {"raw": bytes, "deflate": zlib.compress, "lzw": lzw}[self.packing](data)

    def _blocks(self, plane: Array) -> Iterator[Array]:
        height, width, bands = plane.shape
        if not self.tile:
            step = self.rows or height
            yield from (plane[top : top + step] for top in range(0, height, step))
            return
        for top in range(0, height, self.tile):
            for left in range(0, width, self.tile):
                block = plane[top : top + self.tile, left : left + self.tile]
                whole = np.zeros((self.tile, self.tile, bands), plane.dtype)
                whole[: block.shape[0], : block.shape[1]] = block
                yield whole

    def _tags(self, bands: Array) -> dict[int, tuple[int, ...]]:
        height, width, count = bands.shape
        meaning = self.meaning if self.meaning is not None else 2 if count > 2 else 1
        tags: dict[int, tuple[int, ...]] = {
            256: (width,), 257: (height,), 258: (8 * bands.dtype.itemsize,) * count,
            259: (PACKINGS[self.packing],), 262: (meaning,), 277: (count,),
            284: (2 if self.planar else 1,), 339: (KINDS[bands.dtype.kind],) * count,
        }  # fmt: skip
        tags |= {338: self.extra} if self.extra else {}
        return tags | ({274: (self.orientation,)} if self.orientation else {})

    def _parts(
        self, bands: Array, places: list[int], parts: list[bytes]
    ) -> dict[int, tuple[int, ...]]:
        sizes = tuple(map(len, parts))
        if self.tile:
            return {322: (self.tile,), 323: (self.tile,), 324: tuple(places), 325: sizes}
        return {273: tuple(places), 278: (self.rows or bands.shape[0],), 279: sizes}

    def _head(self, at: int) -> bytes:
        mark = b"II" if self.order == "<" else b"MM"
        if self.large:
            return mark + struct.pack(f"{self.order}HHHQ", 43, 8, 0, at)
        return mark + struct.pack(f"{self.order}HI", 42, at)

    def _directory(self, tags: Mapping[int, tuple[int, ...]], at: int) -> bytes:
        count, offset = ("Q", "Q") if self.large else ("H", "I")
        room = struct.calcsize(offset)
        entry = struct.calcsize(f"{self.order}HH{offset}") + room
        behind = at + struct.calcsize(count) + entry * len(tags) + room
        entries, values = struct.pack(f"{self.order}{count}", len(tags)), b""
        for tag, numbers in sorted(tags.items()):
            packed = struct.pack(f"{self.order}{len(numbers)}I", *numbers)
            if len(packed) > room:
                place = struct.pack(f"{self.order}{offset}", behind + len(values))
                values, packed = values + packed, place
            entries += struct.pack(f"{self.order}HH{offset}", tag, 4, len(numbers))
            entries += packed.ljust(room, b"\0")
        return entries + bytes(room) + values


def lzw(data: bytes) -> bytes:
    """Bytes packed as TIFF's LZW does, by Pillow: as one row of a grey picture."""
    stream = io.BytesIO()
    row = Image.frombytes("L", (len(data), 1), data)
    row.save(stream, "TIFF", compression="tiff_lzw")
    with Image.open(stream) as image:
        tags = image.tag_v2  # type: ignore[attr-defined]
        (place,), (size,) = tags[273], tags[279]
    return stream.getvalue()[place : place + size]
