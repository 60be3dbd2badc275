"""Pictures and their files: what Pillow writes, and what it cannot (few bits, many, interlaced)."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[Any]
HEIGHT, WIDTH = 24, 40
COLOURS = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]], dtype=np.uint8)


def scene(height: int = HEIGHT, width: int = WIDTH) -> Array:
    """A smooth picture, so that lossy formats stay close to it."""
    rows, columns = np.mgrid[:height, :width]
    red, green = 255 * columns // max(1, width - 1), 255 * rows // max(1, height - 1)
    return np.stack([red, green, (red + green) // 2], axis=-1).astype(np.uint8)


def grey() -> Array:
    """One channel of it."""
    return scene()[..., 0]


def ids() -> Array:
    """Class ids 0, 1 and 2 in blocks, and some 255."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    found = ((rows // 5 + columns // 7) % 3).astype(np.uint8)
    found[:2, :3] = 255
    return found


def classes() -> Array:
    """Class ids 0, 1 and 2, with nothing to ignore."""
    return np.where(ids() == 255, 0, ids()).astype(np.uint8)


def rgb_of(values: Array) -> Array:
    """A grey picture as three equal channels."""
    return np.repeat(values[..., None], 3, axis=-1).astype(np.uint8)


def saved(pixels: Array | Image.Image, kind: str, **settings: Any) -> bytes:
    """A picture in a format of Pillow's."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    stream = io.BytesIO()
    image.save(stream, kind, **settings)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    values: Array,
    *,
    bits: int = 8,
    interlaced: bool = False,
    before: tuple[tuple[bytes, bytes], ...] = (),
    size: tuple[int, int] | None = None,
) -> bytes:
    """A PNG of one to four channels, with chunks before its data."""
    deep = values if values.ndim == 3 else values[..., None]
    height, width = size or deep.shape[:2]
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[deep.shape[2]]
    if any(name == b"PLTE" for name, _ in before):
        kind = 3
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    rows = [
        b"\0" + packed_row(row, bits)
        for top, left, down, right in passes
        for row in deep[top::down, left::right]
        if row.size
    ]
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, int(interlaced))
    parts = [chunk(b"IHDR", header), *(chunk(*one) for one in before)]
    parts += [chunk(b"IDAT", zlib.compress(b"".join(rows))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


ADAM7 = (
    *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
    *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
)


def packed_row(row: Array, bits: int) -> bytes:
    """One row of samples in so many bits each."""
    if bits == 16:
        return row.astype(">u2").tobytes()
    if bits == 8:
        return row.astype(np.uint8).tobytes()
    spread = (row.reshape(-1, 1).astype(np.uint8) >> np.arange(bits)[::-1]) & 1
    return np.packbits(spread.ravel()).tobytes()


def palette_chunk(colours: Array) -> tuple[bytes, bytes]:
    """The chunk of a palette."""
    return b"PLTE", colours.astype(np.uint8).tobytes()


def with_exif(value: int) -> Image.Exif:
    """The tag of an orientation."""
    exif = Image.Exif()
    exif[274] = value
    return exif


def on_black(colours: Array, alpha: Array) -> Array:
    """What is left of colours of some opacity before black, by Pillow's own rule."""
    layered = Image.fromarray(np.dstack([colours, alpha.astype(np.uint8)]))
    black = Image.new("RGBA", layered.size, (0, 0, 0, 255))
    return np.asarray(Image.alpha_composite(black, layered).convert("RGB"))


def decoded(data: bytes) -> Array:
    """What Pillow makes of a lossy picture."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
