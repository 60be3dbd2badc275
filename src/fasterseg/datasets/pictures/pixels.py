"""From a decoded picture to pixels: the one place where a picture's values are interpreted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms

from fasterseg.datasets.pictures.bands import OPAQUE, bands_of, rows_at_a_time
from fasterseg.datasets.pictures.deep_pixels import WIDE_MODES, Depth, brought_to_8_bits, depth_of
from fasterseg.datasets.pictures.reading import Reading
from fasterseg.datasets.sample import Pixels

UPRIGHT = 1
# Tags whose pictures lie on their side, and by which steps rows and columns are gone through then.
_ACROSS = frozenset({5, 6, 7, 8})
_STEPS = {
    1: (1, 1),
    2: (1, -1),
    3: (-1, -1),
    4: (-1, 1),
    5: (1, 1),
    6: (-1, 1),
    7: (-1, -1),
    8: (1, -1),
}
_DEEP_COLOUR = ("RGB;16", "RGBA;16", "RGBX;16", "RGBa;16", "LA;16", "CMYK;16")
_SPARE_BANDS = ("RGBX", "BGRX", "XRGB", "XBGR", "LX")

T = TypeVar("T", bound=np.generic)


class Interpretation(StrEnum):
    """Something in a picture that could be meant otherwise; its value ends a note's sentence."""

    ORIENTATION = "turned as an orientation tag says"
    TRANSPARENT = "put on black where transparent"
    INKS = "turned from four inks (CMYK) to RGB, without a colour profile"
    FOURTH_BAND = "read without the bands that are called neither colour nor transparency"
    SEVERAL = "read as the first of several pictures in a file"
    DEEP = "of more than 8 bits a channel, brought to 8"
    CLIPPED = "of values outside the declared range, cut off at its ends"


@dataclass(frozen=True, slots=True)
class Remarks:
    """What was interpreted on the way from a picture to its pixels; the depth of a deep one.

    ``on_its_side`` says whether its rows lie as columns in its file, as a tag tells.
    """

    interpreted: frozenset[Interpretation] = frozenset()
    depth: Depth | None = None
    on_its_side: bool = False


NO_REMARKS = Remarks()


@dataclass(frozen=True, slots=True)
class Decoded:
    """Pixels, (height, width, 3) uint8 RGB, and what is to be said of how they came about."""

    pixels: Pixels
    remarks: Remarks = NO_REMARKS


@dataclass(frozen=True, slots=True)
class Opened:
    """A picture as its decoder left it.

    ``raw_mode`` is how its file has it (Pillow's word; empty where that is not known), ``tag`` the
    orientation that its tags ask for, ``several`` whether more pictures follow in its file.
    ``low`` has the lower bytes of 16-bit colours, of which Pillow's image has the upper ones only.
    ``turn`` is the orientation that the loaded image still waits for, ``bits`` what the file gives
    to a channel, ``spare`` whether it has bands beside colours and transparency.
    """

    image: Image.Image
    raw_mode: str = ""
    tag: int = UPRIGHT
    several: bool = False
    low: Image.Image | None = None
    turn: int = UPRIGHT
    bits: int = 8
    spare: bool = False

    @property
    def has_deep_colour(self) -> bool:
        """Whether its colours have 16 bits, and not the 8 that Pillow keeps."""
        return self.raw_mode.startswith(_DEEP_COLOUR)


def raw_mode_of(image: Image.Image) -> str:
    """Return how an image that was opened and not loaded lies in its file, as Pillow calls it."""
    for tile in getattr(image, "tile", ()):
        arguments = tile[3]
        first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
        return first if isinstance(first, str) else ""
    return ""


def has_spare_band(image: Image.Image, raw_mode: str) -> bool:
    """Whether Pillow leaves out a band of an image; of a TIFF its own tags tell."""
    is_spare = raw_mode.startswith(_SPARE_BANDS) or image.mode == "RGBX"
    return is_spare and image.format != "TIFF"


def turn_of(image: Image.Image) -> int:
    """Return the orientation that an image's tags ask for: 1, upright, where none can be read.

    Of a TIFF that was loaded nothing may be left to do.
    """
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
        return int(found) if found in range(1, 9) else UPRIGHT
    except Exception:  # Pillow raises nearly every type on damaged tags.
        return UPRIGHT


def is_one_of_several(image: Image.Image) -> bool:
    """Whether a file has further pages or frames; previews that cameras add to a JPEG are none."""
    try:
        # To count a TIFF's pages, all of them are read.
        return image.format in ("TIFF", "PNG", "WEBP") and bool(image.is_animated)  # type: ignore[attr-defined]
    except Exception:  # as above: what is damaged behind the first picture is not read.
        return False


def interpret(opened: Opened, reading: Reading) -> Decoded:
    """Return a picture's pixels; raises ValueError for values that no rule brings to 8 bits.

    It goes band by band, since what lies between a decoder's pixels and these is several times as
    large as they are.
    """
    found = {Interpretation.ORIENTATION} if opened.tag != UPRIGHT else set()
    if opened.several:
        found.add(Interpretation.SEVERAL)
    if opened.spare:
        found.add(Interpretation.FOURTH_BAND)
    depth = _depth_of(opened, reading, found)
    pixels, stored = _room_for(opened)
    for band in bands_of(opened.image, opened.low):
        image = band.image if depth is None else brought_to_8_bits(band, depth, reading.range)
        values = _of_8_bits(image, found)
        stored[band.rows] = without_colour(values) if reading.is_grey else values
    return Decoded(pixels, Remarks(frozenset(found), depth, opened.tag in _ACROSS))


def without_colour(pixels: Pixels) -> Pixels:
    """Return the brightness of (height, width, 3) RGB in all three channels."""
    grey = np.empty_like(pixels)
    for rows in rows_at_a_time(*pixels.shape[:2]):
        band = Image.fromarray(pixels[rows]).convert("L")
        grey[rows] = np.asarray(band)[..., None]
    return grey


def _depth_of(opened: Opened, reading: Reading, found: set[Interpretation]) -> Depth | None:
    """The depth of a picture whose values have to be scaled; None for one of 8 bits.

    Without a range, 16-bit colour keeps its upper bytes, as by Pillow.
    """
    wide = opened.image.mode in WIDE_MODES or opened.image.mode == "F"
    if not wide and not opened.has_deep_colour:
        return None
    found.add(Interpretation.DEEP)
    if not wide and opened.low is None:
        if reading.range is not None:
            raise ValueError("of its 16-bit colours only the upper 8 bits can be read here")
        return None
    depth = depth_of(opened.image, opened.low)
    ends = reading.range
    if ends is not None and (depth.lowest < ends[0] or depth.highest > ends[1]):
        found.add(Interpretation.CLIPPED)
    return depth


def _room_for(opened: Opened) -> tuple[Pixels, Pixels]:
    """Room for the upright pixels, and the same room as it lies in the file."""
    width, height = opened.image.size
    pixels = np.empty((*upright_shape((height, width), opened.turn), 3), dtype=np.uint8)
    return pixels, as_stored(pixels, opened.turn)


def upright_shape(stored: tuple[int, ...], turn: int) -> tuple[int, ...]:
    """Return the (height, width) of a picture, once it is turned, that lies like this in a file."""
    return stored[::-1] if turn in _ACROSS else stored


def as_stored(upright: npt.NDArray[T], turn: int) -> npt.NDArray[T]:
    """Return a view of upright values as they lie in a file with that orientation tag."""
    if turn in _ACROSS:
        upright = upright.swapaxes(0, 1)
    down, right = _STEPS[turn]
    return upright[::down, ::right]


def _of_8_bits(image: Image.Image, found: set[Interpretation]) -> Pixels:
    if image.mode == "RGB" and not image.has_transparency_data:
        return np.asarray(image)
    if image.mode == "LAB":
        return np.asarray(_lab_to_rgb(image))
    if image.mode == "CMYK":
        found.add(Interpretation.INKS)
    if not image.has_transparency_data:
        return np.asarray(image.convert("RGB"))
    layered = image.convert("RGBA")
    if layered.getchannel("A").getextrema() != (OPAQUE, OPAQUE):
        found.add(Interpretation.TRANSPARENT)
    black = Image.new("RGBA", layered.size, (0, 0, 0, OPAQUE))
    return np.asarray(Image.alpha_composite(black, layered).convert("RGB"))


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
    if converted is None:
        raise ValueError("the Lab colours could not be converted")
    return converted
