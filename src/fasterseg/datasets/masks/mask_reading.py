"""Reading one mask file: the integers that it holds, or its colours for a declared palette.

Palette files are read as indices (a GIF of greys as greys), grey ones as what the file stores, and
RGB whose three channels are equal as one of them.  For a palette every picture is one of colours,
grey ones too: packed as ``red << 16 | green << 8 | blue``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from fasterseg.datasets.faults import Fault, FaultKind, FileFault
from fasterseg.datasets.labels import Colour
from fasterseg.datasets.masks import smoothed
from fasterseg.datasets.masks.mask_values import TooManyValues, ValueCounts
from fasterseg.datasets.pictures.bands import bands_of, count_values
from fasterseg.datasets.pictures.deep_pixels import WIDE_MODES
from fasterseg.datasets.pictures.limits import DEFAULT_LIMIT, PixelLimit
from fasterseg.datasets.pictures.picture_opening import (
    PLAIN_MASKS,
    Wanted,
    file_bytes,
    opened_bytes,
)
from fasterseg.datasets.pictures.pixels import as_stored, upright_shape

RawMask = npt.NDArray[np.integer[Any]]
"""Of the narrowest type that the file's integers have: 8 or 16 bits, else 32."""


@dataclass(frozen=True, slots=True)
class ReadMask:
    """A mask's integers, and the colours of these, packed, where they are places in a palette."""

    values: RawMask
    palette: tuple[int, ...] = ()


_FORMATS = ("PNG", "TIFF", "BMP", "GIF", "WEBP")
_GREY = frozenset({"1", "L", "LA"})
_COLOURS = frozenset({"RGB", "RGBA", "RGBX"})
_PALETTES = frozenset({"P", "PA"})
_IN_WORDS = {"F": "floating-point numbers", "CMYK": "inks (CMYK)", "LAB": "Lab colours"}
_NAMED_COLOURS = 6


def read_mask(
    path: Path,
    *,
    in_colour: bool = False,
    lossy: bool = False,
    shown_as: str = "",
    limit: PixelLimit = DEFAULT_LIMIT,
) -> RawMask:
    """Return a mask's integers, (height, width); packed colours where ``in_colour``.

    Raises as `read_whole_mask` does.
    """
    return read_whole_mask(
        path, in_colour=in_colour, lossy=lossy, shown_as=shown_as, limit=limit
    ).values


def read_whole_mask(
    path: Path,
    *,
    in_colour: bool = False,
    lossy: bool = False,
    shown_as: str = "",
    limit: PixelLimit = DEFAULT_LIMIT,
) -> ReadMask:
    """Return a mask's integers, packed colours where ``in_colour``, and what a palette shows.

    ``lossy`` lets JPEG and lossy WebP pass, and takes the brightness of colours for integers.  A
    mask's orientation tag is applied, as it is to images.  Raises FileFault for lossy formats, for
    several pictures in one file, for transparency and other bands beside colours, for more bits
    than are read, for more pixels than the ``limit``, and for colours where none were declared.
    """
    name, formats = shown_as or str(path), (*_FORMATS, *(("JPEG",) if lossy else ()))
    wanted = Wanted(formats, is_mask=True, limit=limit)
    opened = opened_bytes(file_bytes(path, name, wanted), name, wanted)
    image = opened.image
    if opened.several:
        step = "save the one picture that is the mask: each pixel is one id, or one colour"
        raise _unreadable(name, "it has several pictures in one file", step)
    try:
        image.getexif()
    except (ValueError, OSError, SyntaxError) as error:
        step = "save the mask anew, without its orientation tag"
        raise _unreadable(name, f"its orientation tag: {error}", step) from error
    _require_opaque(image, name)
    if opened.bits > 8 and image.mode not in WIDE_MODES | {"F"}:
        reason = f"it has {opened.bits} bits to a channel, and several channels"
        raise _unreadable(name, reason, PLAIN_MASKS)
    if opened.spare and image.format == "TIFF" and image.mode != "RGBA":
        raise _unreadable(name, "it has bands beside its ids or colours", PLAIN_MASKS)
    if lossy and not in_colour and image.mode in _COLOURS | {"CMYK"}:
        image = image.convert("L")
    if in_colour:
        return ReadMask(_upright(_packed_colours(image, name), opened.turn))
    found, palette = _integers(image, name, opened.bits), _palette_of(image)
    return ReadMask(_upright(found, opened.turn), palette)


def read_smoothed_mask(
    path: Path,
    declared: Sequence[int],
    *,
    in_colour: bool = False,
    shown_as: str = "",
    limit: PixelLimit = DEFAULT_LIMIT,
) -> RawMask:
    """Return a mask of which each pixel is the nearest of the integers that are declared.

    Raises as `read_mask` does, but for lossy formats, and for a mask of something else.
    """
    mask = read_mask(path, in_colour=in_colour, lossy=True, shown_as=shown_as, limit=limit)
    try:
        return smoothed.snapped(mask, declared, in_colour=in_colour)
    except ValueError as error:
        step = (
            "declare what else these masks hold, under palette or label_mapping in data.yaml, or "
            "export them as PNG, each pixel in the very colour of its class"
        )
        raise _unreadable(shown_as or str(path), str(error), step) from error


def pack(colour: Colour) -> int:
    """Return a colour as one integer."""
    red, green, blue = colour
    return red << 16 | green << 8 | blue


def unpacked(value: int) -> Colour:
    """Return the colour that an integer holds."""
    return value >> 16, value >> 8 & 255, value & 255


def packed(colours: npt.NDArray[np.uint8]) -> RawMask:
    """Return (height, width, 3) colours as one integer each."""
    wide = colours.astype(np.int32)
    return (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]


def shown_colour(value: int) -> str:
    """Return a packed colour as data files write it."""
    return str(list(unpacked(value)))


def _require_opaque(image: Image.Image, name: str) -> None:
    if image.mode in ("LA", "PA", "RGBA") and image.getchannel("A").getextrema()[0] != 255:
        step = "export masks without transparency: each pixel is one id, or one colour"
        raise _unreadable(name, "it is transparent", step)


def _upright(mask: RawMask, turn: int) -> RawMask:
    upright = np.empty(upright_shape(mask.shape, turn), dtype=mask.dtype)
    as_stored(upright, turn)[...] = mask
    return upright


def _integers(image: Image.Image, name: str, bits: int) -> RawMask:
    if image.mode in WIDE_MODES:
        values = np.asarray(image)
        return values.astype(values.dtype.newbyteorder("="), copy=False)
    if image.format == "GIF" and image.mode == "P":
        return _of_gif(image)
    if image.mode in _GREY | _PALETTES:
        return np.asarray(image.getchannel(0)).astype(np.uint8) // np.uint8(_grey_step(image, bits))
    if image.mode not in _COLOURS:
        raise _unreadable(name, f"its pixels are {_in_words(image.mode)}", PLAIN_MASKS)
    found = np.empty((image.height, image.width), dtype=np.uint8)
    for band in bands_of(image):
        colours = np.asarray(band.image.convert("RGB"))
        if not (colours == colours[..., :1]).all():
            raise FileFault(_in_colours(image, name))
        found[band.rows] = colours[..., 0]
    return found


def _palette_of(image: Image.Image) -> tuple[int, ...]:
    """The colours of an image's integers; none where these are greys, or shown as such."""
    if image.mode not in _PALETTES:
        return ()
    colours = np.asarray(image.getpalette() or [], np.uint8).reshape(-1, 3)
    used = np.flatnonzero(count_values(np.asarray(image.getchannel(0)), 1))
    used = used[used < len(colours)]
    of_used = colours[used]
    is_grey = (of_used == of_used[:, :1]).all()
    if is_grey and (image.format == "GIF" or np.array_equal(of_used[:, 0], used)):
        return ()
    return tuple(packed(colours[None])[0].tolist())


def _of_gif(image: Image.Image) -> RawMask:
    """Indices, but greys where all colours are: GIF has no other way to hold these."""
    indices = np.asarray(image)
    palette = np.asarray(image.getpalette() or [], np.uint8).reshape(-1, 3)
    used = palette[np.flatnonzero(np.bincount(indices.reshape(-1), minlength=len(palette)))]
    return palette[indices][..., 0] if (used == used[:, :1]).all() else indices


def _grey_step(image: Image.Image, bits: int) -> int:
    # Pillow stretches grey of 2 and 4 bits over 0..255; the file's own integers are wanted.
    return {2: 85, 4: 17}.get(bits, 1) if image.mode == "L" else 1


def _packed_colours(image: Image.Image, name: str) -> RawMask:
    if image.mode not in _GREY | _PALETTES | _COLOURS:
        detail = f"a palette is declared, but its pixels are {_in_words(image.mode)}"
        raise _unreadable(name, detail, PLAIN_MASKS)
    found = np.empty((image.height, image.width), dtype=np.int32)
    for band in bands_of(image):
        found[band.rows] = packed(np.asarray(band.image.convert("RGB")))
    return found


def _in_words(mode: str) -> str:
    return "grey of 16 bits or more" if mode in WIDE_MODES else _IN_WORDS.get(mode, mode)


def _in_colours(image: Image.Image, name: str) -> Fault:
    """The fault of a mask in colours: some of these, and how many more there are."""
    try:
        counts = _colour_counts(image)
    except TooManyValues as error:
        return Fault(FaultKind.COLOUR_MASK, name, str(error))
    main = smoothed.main_colours(counts)
    found = list(map(shown_colour, main or counts))[:_NAMED_COLOURS]
    rest = len(counts) - len(found)
    more = f" and {rest} more colours" if rest > 0 else ""
    between = " between them" if main and rest > 0 else ""
    step = smoothed.STEP if main else ""
    return Fault(FaultKind.COLOUR_MASK, name, ", ".join(found) + more + between, step)


def _colour_counts(image: Image.Image) -> dict[int, int]:
    """Return how many pixels have each colour, packed; raises `TooManyValues`."""
    counts = ValueCounts()
    for band in bands_of(image):
        counts.add(packed(np.asarray(band.image.convert("RGB"))))
    return counts.by_value()


def _unreadable(name: str, detail: str, next_step: str) -> FileFault:
    return FileFault(Fault(FaultKind.UNREADABLE_MASK, name, detail, next_step))
