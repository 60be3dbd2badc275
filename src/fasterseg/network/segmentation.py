"""What a predictor returns for an image: labels, and pictures of them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.pictures.bands import count_values, rows_at_a_time
from fasterseg.datasets.pictures.pixels import NO_REMARKS, Remarks
from fasterseg.datasets.sample import LabelMap, Pixels
from fasterseg.durable import durable_write

# Pixels whose colours are mixed together: the numbers between take 50 bytes a pixel.
_MIXED_AT_ONCE = 1 << 13


_NAMED = 3
"""Classes that are named where a segmentation is printed."""
_SHOWN_SIDE = 1024
"""The longer side of the picture that a notebook shows of one."""


@dataclass(frozen=True, slots=True, repr=False)
class Segmentation:
    """The labels of an image: `image` is (height, width, 3) uint8, `labels` (height, width).

    `image` is the picture as it was read, at its own size, and `remarks` say what in it was
    interpreted.  `tiles` is how many parts the network saw it in.
    """

    image: Pixels
    labels: LabelMap
    label_space: LabelSpace
    remarks: Remarks = NO_REMARKS
    tiles: int = 1

    def colours(self) -> Pixels:
        """The labels in their classes' colours, (height, width, 3) uint8."""
        return self._whole(self._coloured)

    def overlay(self, *, opacity: float = 0.5) -> Pixels:
        """The image with the colours over it; an opacity of 1 hides the image."""
        return self._whole(lambda rows: self._mixed(rows, opacity))

    def shares(self) -> dict[str, float]:
        """Each class's share of the image's pixels."""
        counts = count_values(self.labels, self.label_space.classes)
        return {
            name: int(count) / self.labels.size
            for name, count in zip(self.label_space.names, counts, strict=True)
        }

    def save(self, folder: Path | str, name: str) -> tuple[Path, Path, Path]:
        """Write ``name_overlay.png``, ``name_colours.png`` and ``name_labels.png``; return them.

        The label file holds class ids, in 8 bits, or 16 where there are more than 256 classes.
        """
        kinds = ("overlay", "colours", "labels")
        overlay, colours, labels = (Path(folder) / f"{name}_{kind}.png" for kind in kinds)
        # One after the other: each takes as much memory as the image itself, and more.
        durable_write(overlay, _png(self._painted(lambda rows: self._mixed(rows, 0.5))))
        durable_write(colours, _png(self._painted(self._coloured)))
        durable_write(labels, png_bytes(self.labels))
        return overlay, colours, labels

    def __repr__(self) -> str:
        """``<Segmentation of 360x480: Sky 52.2 %, Road 37.8 %, Tree 5.4 %, ..>``."""
        height, width = self.labels.shape
        shares = sorted(self.shares().items(), key=lambda one: -one[1])
        named = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares[:_NAMED] if share)
        more = ", .." if sum(share > 0 for _, share in shares) > _NAMED else ""
        return f"<Segmentation of {height}x{width}: {named or 'nothing labelled'}{more}>"

    def _repr_png_(self) -> bytes:
        """What a notebook shows: the overlay, made smaller where it is large."""
        shown = self._painted(lambda rows: self._mixed(rows, 0.5))
        shown.thumbnail((_SHOWN_SIDE, _SHOWN_SIDE))
        return _png(shown)

    def _coloured(self, rows: slice) -> Pixels:
        palette = np.array(self.label_space.colours, dtype=np.uint8)
        painted: Pixels = palette[self.labels[rows]]
        return painted

    def _mixed(self, rows: slice, opacity: float) -> Pixels:
        mixed = self.image[rows] * (1.0 - opacity) + self._coloured(rows) * opacity
        return np.rint(mixed).astype(np.uint8)

    def _whole(self, painter: Callable[[slice], Pixels]) -> Pixels:
        found = np.empty_like(self.image)
        for rows in rows_at_a_time(*self.labels.shape, at_once=_MIXED_AT_ONCE):
            found[rows] = painter(rows)
        return found

    def _painted(self, painter: Callable[[slice], Pixels]) -> Image.Image:
        """As an image of Pillow's, of which no array is made."""
        height, width = self.labels.shape
        found = Image.new("RGB", (width, height))
        for rows in rows_at_a_time(height, width, at_once=_MIXED_AT_ONCE):
            found.paste(Image.fromarray(painter(rows)), (0, rows.start))
        return found


def png_bytes(pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> bytes:
    """An array as a PNG file's content."""
    return _png(Image.fromarray(pixels))


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
