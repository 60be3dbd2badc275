"""The values of pictures with more than 8 bits a channel, and how they become 8."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from fasterseg.datasets.pictures.bands import OPAQUE, Band, bands_of
from fasterseg.datasets.sample import Pixels

WIDE_MODES = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N"})
MOST_VALUE = 65535

Values = npt.NDArray[np.generic]


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


class OutOfRange(ValueError):
    """Values that go beyond what their type may hold where no range is declared."""

    def __init__(self, depth: Depth) -> None:
        kind = "floating-point" if depth.most == 1.0 else "whole"
        super().__init__(
            f"its values go from {depth.lowest:g} to {depth.highest:g}; {kind} numbers must lie "
            f"between 0 and {depth.most:g} where no range is declared"
        )
        self.depth = depth


def depth_of(image: Image.Image, low: Image.Image | None) -> Depth:
    """Return the depth of a loaded picture; of 16-bit colours it needs the lower bytes, too."""
    lowest, highest = [], []
    for band in bands_of(image, low):
        values = _values_of(band)
        lowest.append(values.min())
        highest.append(values.max())
    most = 1.0 if image.mode == "F" else MOST_VALUE
    # NumPy's, which pass on what is no number.
    return Depth(float(np.min(lowest)), float(np.max(highest)), most)


def brought_to_8_bits(band: Band, depth: Depth, ends: tuple[float, float] | None) -> Image.Image:
    """Return a band of a deep picture in 8 bits, as transparent as it was.

    Raises ValueError for values that no rule scales, `OutOfRange` for those that need a range.
    """
    image, values = band.image, _values_of(band)
    if ends is None and band.low is not None:
        scaled = _without_key(image)
    else:
        scaled = Image.fromarray(_to_8_bits(values, depth, ends))
    if image.mode == "RGBA":
        scaled.putalpha(image.getchannel("A"))
    elif "transparency" in image.info:
        clear = np.atleast_3d(values) == np.atleast_1d(image.info["transparency"])
        scaled.putalpha(Image.fromarray(np.where(clear.all(-1), 0, OPAQUE).astype(np.uint8)))
    return scaled


def _values_of(band: Band) -> Values:
    return np.asarray(band.image) if band.low is None else _joined(band.image, band.low)


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
