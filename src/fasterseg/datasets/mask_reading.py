"""Reading one mask file: the integers that it holds, or its colours for a declared palette.

Palette files are read as indices, grey ones as what the file stores, and RGB whose three channels
are equal as one of them.  For a palette every picture is one of colours, grey ones too: packed as
``red << 16 | green << 8 | blue``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from fasterseg.datasets.decoding import BITS_KEY, SEVERAL_KEY, WIDE_MODES, decoded
from fasterseg.datasets.faults import Fault, FaultKind, FileFault
from fasterseg.datasets.labels import Colour

RawMask = npt.NDArray[np.int32]

_FORMATS = ("PNG", "TIFF", "BMP")
_GREY = frozenset({"1", "L", "LA"})
_COLOURS = frozenset({"RGB", "RGBA", "RGBX"})
_PALETTES = frozenset({"P", "PA"})
_IN_WORDS = {"F": "floating-point numbers", "CMYK": "inks (CMYK)", "LAB": "Lab colours"}
_NAMED_COLOURS = 6
_PLAIN = "save masks as PNG: ids as grey of 8 or 16 bits, colours as RGB of 8 bits"


def read_mask(path: Path, *, in_colour: bool = False, shown_as: str = "") -> RawMask:
    """Return a mask's integers, (height, width) int32; packed colours where ``in_colour``.

    Its orientation tag is applied, as it is to images.  Raises FileFault for lossy formats, for
    several pictures in one file, for transparency, for more bits than are read, and for colours
    where none were declared.
    """
    name = shown_as or str(path)
    image = decoded(path, name, formats=_FORMATS, mask=True)
    bits = image.info[BITS_KEY]
    if image.info[SEVERAL_KEY]:
        step = "save the one picture that is the mask: each pixel is one id, or one colour"
        raise _unreadable(name, "it has several pictures in one file", step)
    try:
        image = ImageOps.exif_transpose(image)
    except (ValueError, OSError, SyntaxError) as error:
        step = "save the mask anew, without its orientation tag"
        raise _unreadable(name, f"its orientation tag: {error}", step) from error
    _require_opaque(image, name)
    if bits > 8 and image.mode not in WIDE_MODES | {"F"}:
        raise _unreadable(name, f"it has {bits} bits to a channel, and several channels", _PLAIN)
    return _packed_colours(image, name) if in_colour else _integers(image, name, bits)


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


def _integers(image: Image.Image, name: str, bits: int) -> RawMask:
    if image.mode in WIDE_MODES:
        return np.asarray(image).astype(np.int32)
    if image.mode in _GREY | _PALETTES:
        return np.asarray(image.getchannel(0)).astype(np.int32) // _grey_step(image, bits)
    if image.mode not in _COLOURS:
        raise _unreadable(name, f"its pixels are {_in_words(image.mode)}", _PLAIN)
    colours = np.asarray(image.convert("RGB"))
    if (colours == colours[..., :1]).all():
        return colours[..., 0].astype(np.int32)
    raise FileFault(Fault(FaultKind.COLOUR_MASK, name, _listed(packed(colours))))


def _grey_step(image: Image.Image, bits: int) -> int:
    # Pillow stretches grey of 2 and 4 bits over 0..255; the file's own integers are wanted.
    return {2: 85, 4: 17}.get(bits, 1) if image.mode == "L" else 1


def _packed_colours(image: Image.Image, name: str) -> RawMask:
    if image.mode not in _GREY | _PALETTES | _COLOURS:
        detail = f"a palette is declared, but its pixels are {_in_words(image.mode)}"
        raise _unreadable(name, detail, _PLAIN)
    return packed(np.asarray(image.convert("RGB")))


def _in_words(mode: str) -> str:
    return "grey of 16 bits or more" if mode in WIDE_MODES else _IN_WORDS.get(mode, mode)


def _listed(colours: RawMask) -> str:
    found = [shown_colour(value) for value in np.unique(colours).tolist()]
    rest = len(found) - _NAMED_COLOURS
    return ", ".join(found[:_NAMED_COLOURS]) + (f" and {rest} more colours" if rest > 0 else "")


def _unreadable(name: str, detail: str, next_step: str) -> FileFault:
    return FileFault(Fault(FaultKind.UNREADABLE_MASK, name, detail, next_step))
