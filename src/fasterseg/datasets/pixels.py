"""From a decoded picture to pixels: the one place where a picture's values are interpreted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms, ImageOps

from fasterseg.datasets.reading import Reading
from fasterseg.datasets.sample import Pixels

WIDE_MODES = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N"})
MOST_VALUE = 65535
_UPRIGHT = 1
_OPAQUE = 255
_DEEP_COLOUR = ("RGB;16", "RGBA;16", "RGBX;16", "RGBa;16", "LA;16", "CMYK;16")
_SPARE_BANDS = ("RGBX", "BGRX", "XRGB", "XBGR", "LX")

Values = npt.NDArray[np.generic]


class Interpretation(StrEnum):
    """Something in a picture that could be meant otherwise; its value ends a note's sentence."""

    ORIENTATION = "turned as an orientation tag says"
    TRANSPARENT = "put on black where transparent"
    INKS = "turned from four inks (CMYK) to RGB, without a colour profile"
    FOURTH_BAND = "read without a fourth band"
    SEVERAL = "read as the first of several pictures in a file"
    DEEP = "of more than 8 bits a channel, brought to 8"
    CLIPPED = "of values outside the declared range, cut off at its ends"


@dataclass(frozen=True, slots=True)
class Depth:
    """The values of a deep picture: its lowest and highest, and the highest that it could hold."""

    lowest: float
    highest: float
    most: float

    def joined(self, other: Depth) -> Depth:
        """Return what both pictures hold together."""
        lowest, highest = min(self.lowest, other.lowest), max(self.highest, other.highest)
        return Depth(lowest, highest, max(self.most, other.most))

    def share_of(self, ends: tuple[float, float]) -> float:
        """Return the share of a range that lies between the lowest and the highest value."""
        inside = min(self.highest, ends[1]) - max(self.lowest, ends[0])
        return max(0.0, inside) / (ends[1] - ends[0])


@dataclass(frozen=True, slots=True)
class Remarks:
    """What was interpreted on the way from a picture to its pixels; the depth of a deep one."""

    interpreted: frozenset[Interpretation] = frozenset()
    depth: Depth | None = None


NO_REMARKS = Remarks()


@dataclass(frozen=True, slots=True)
class Decoded:
    """Pixels, (height, width, 3) uint8 RGB, and what is to be said of how they came about."""

    pixels: Pixels
    remarks: Remarks = NO_REMARKS


class OutOfRange(ValueError):
    """Values that go beyond what their type may hold where no range is declared."""

    def __init__(self, depth: Depth) -> None:
        kind = "floating-point" if depth.most == 1.0 else "whole"
        super().__init__(
            f"its values go from {depth.lowest:g} to {depth.highest:g}; {kind} numbers must lie "
            f"between 0 and {depth.most:g} where no range is declared"
        )
        self.depth = depth


@dataclass(frozen=True, slots=True)
class Opened:
    """A picture as its decoder left it.

    ``raw_mode`` is how its file has it (Pillow's word; empty where that is not known), ``turned``
    whether an orientation tag turns it, ``several`` whether more pictures follow in its file.
    ``low`` has the lower bytes of 16-bit colours, of which Pillow's image has the upper ones only.
    """

    image: Image.Image
    raw_mode: str = ""
    turned: bool = False
    several: bool = False
    low: Image.Image | None = None

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


def is_turned(image: Image.Image) -> bool:
    """Whether an orientation tag turns or mirrors an image; one that cannot be read does not."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation, _UPRIGHT) in range(2, 9)
    except Exception:  # Pillow raises nearly every type on damaged tags.
        return False


def is_one_of_several(image: Image.Image) -> bool:
    """Whether a file has further pages or frames; previews that cameras add to a JPEG are none."""
    try:
        return image.format in ("TIFF", "PNG", "WEBP") and getattr(image, "n_frames", 1) > 1
    except Exception:  # as above: what is damaged behind the first picture is not read.
        return False


def interpret(opened: Opened, reading: Reading) -> Decoded:
    """Return a picture's pixels; raises ValueError for values that no rule brings to 8 bits."""
    image, low = (_upright(part, opened) for part in (opened.image, opened.low))
    assert image is not None
    found = {Interpretation.ORIENTATION} if opened.turned else set()
    if opened.several:
        found.add(Interpretation.SEVERAL)
    if opened.raw_mode.startswith(_SPARE_BANDS) or image.mode == "RGBX":
        found.add(Interpretation.FOURTH_BAND)
    depth = None
    if image.mode in WIDE_MODES or image.mode == "F" or opened.has_deep_colour:
        found.add(Interpretation.DEEP)
        pixels, depth = _of_deep(image, low, reading, found)
    else:
        pixels = _of_8_bits(image, found)
    remarks = Remarks(frozenset(found), depth)
    return Decoded(without_colour(pixels) if reading.is_grey else pixels, remarks)


def without_colour(pixels: Pixels) -> Pixels:
    """Return the brightness of (height, width, 3) RGB in all three channels."""
    return np.array(Image.fromarray(pixels).convert("L").convert("RGB"))


def _upright(image: Image.Image | None, opened: Opened) -> Image.Image | None:
    return ImageOps.exif_transpose(image) if opened.turned and image is not None else image


def _of_deep(
    image: Image.Image, low: Image.Image | None, reading: Reading, found: set[Interpretation]
) -> tuple[Pixels, Depth | None]:
    """Pixels and depth; without a range, 16-bit colour keeps its upper bytes, as by Pillow."""
    colour = image.mode not in WIDE_MODES and image.mode != "F"
    if colour and low is None:
        if reading.range is not None:
            raise ValueError("of its 16-bit colours only the upper 8 bits can be read here")
        return _of_8_bits(image, found), None
    values = _joined(image, low) if low is not None else np.asarray(image)
    depth = Depth(
        float(values.min()), float(values.max()), 1.0 if image.mode == "F" else MOST_VALUE
    )
    ends = reading.range
    if ends is not None and (depth.lowest < ends[0] or depth.highest > ends[1]):
        found.add(Interpretation.CLIPPED)
    if ends is None and colour:
        scaled = _without_key(image)
    else:
        scaled = Image.fromarray(_to_8_bits(values, depth, ends))
    if image.mode == "RGBA":
        scaled.putalpha(image.getchannel("A"))
    elif "transparency" in image.info:
        clear = np.atleast_3d(values) == np.atleast_1d(image.info["transparency"])
        scaled.putalpha(Image.fromarray(np.where(clear.all(-1), 0, _OPAQUE).astype(np.uint8)))
    return _of_8_bits(scaled, found), depth


def _without_key(image: Image.Image) -> Image.Image:
    """A copy without the one colour that counts as transparent: it is of 16 bits."""
    copy = image.copy()
    copy.info.pop("transparency", None)
    return copy


def _joined(high: Image.Image, low: Image.Image) -> npt.NDArray[np.uint16]:
    """The 16-bit colours, (height, width, 3), of their upper and lower bytes."""
    upper, lower = (np.asarray(part)[..., :3].astype(np.uint16) for part in (high, low))
    joined: npt.NDArray[np.uint16] = upper << np.uint16(8) | lower
    return joined


def _to_8_bits(values: Values, depth: Depth, ends: tuple[float, float] | None) -> Pixels:
    if not np.isfinite([depth.lowest, depth.highest]).all():
        raise ValueError("some of its values are no numbers")
    if ends is None:
        return _of_whole_range(values, depth)
    lowest, highest = ends
    clipped = np.clip(values.astype(np.float64), lowest, highest)
    return np.rint((clipped - lowest) * (255 / (highest - lowest))).astype(np.uint8)


def _of_whole_range(values: Values, depth: Depth) -> Pixels:
    """All that the type may hold brought to 0..255: 16 bits, or floats of 0..1."""
    if depth.lowest < 0 or depth.highest > depth.most:
        raise OutOfRange(depth)
    if depth.most == 1.0:
        return np.rint(values.astype(np.float64) * 255).astype(np.uint8)
    return ((values.astype(np.uint32) * 255 + 32767) // MOST_VALUE).astype(np.uint8)


def _of_8_bits(image: Image.Image, found: set[Interpretation]) -> Pixels:
    if image.mode == "RGB" and not image.has_transparency_data:
        return np.array(image)
    if image.mode == "LAB":
        return np.array(_lab_to_rgb(image))
    if image.mode == "CMYK":
        found.add(Interpretation.INKS)
    if not image.has_transparency_data:
        return np.array(image.convert("RGB"))
    layered = image.convert("RGBA")
    if layered.getchannel("A").getextrema() != (_OPAQUE, _OPAQUE):
        found.add(Interpretation.TRANSPARENT)
    black = Image.new("RGBA", layered.size, (0, 0, 0, _OPAQUE))
    return np.array(Image.alpha_composite(black, layered).convert("RGB"))


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
    if converted is None:
        raise ValueError("the Lab colours could not be converted")
    return converted
