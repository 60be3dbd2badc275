"""What a predictor returns for an image: labels, and pictures of them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from fasterseg.artifacts import durable_write
from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.pixels import NO_REMARKS, Remarks
from fasterseg.datasets.sample import LabelMap, Pixels


@dataclass(frozen=True, slots=True)
class Segmentation:
    """The labels of an image: `image` is (height, width, 3) uint8, `labels` (height, width).

    `image` is the picture as it was read, at its own size, and `remarks` say what in it was
    interpreted.
    """

    image: Pixels
    labels: LabelMap
    label_space: LabelSpace
    remarks: Remarks = NO_REMARKS

    def colours(self) -> Pixels:
        """The labels in their classes' colours, (height, width, 3) uint8."""
        palette = np.array(self.label_space.colours, dtype=np.uint8)
        painted: Pixels = palette[self.labels]
        return painted

    def overlay(self, *, opacity: float = 0.5) -> Pixels:
        """The image with the colours over it; an opacity of 1 hides the image."""
        # Row by row: the intermediate numbers take 24 bytes a pixel, and images may be large.
        mixed = self.colours()
        for row, pixels in enumerate(self.image):
            mixed[row] = np.rint(pixels * (1.0 - opacity) + mixed[row] * opacity)
        return mixed

    def shares(self) -> dict[str, float]:
        """Each class's share of the image's pixels."""
        counts = np.bincount(self.labels.ravel(), minlength=self.label_space.classes)
        return {
            name: int(count) / self.labels.size
            for name, count in zip(self.label_space.names, counts, strict=True)
        }

    def save(self, folder: Path | str, name: str) -> tuple[Path, Path, Path]:
        """Write ``name_overlay.png``, ``name_colours.png`` and ``name_labels.png``; return them.

        The label file holds class ids, in 8 bits, or 16 where there are more than 256 classes.
        """
        pictures = {"overlay": self.overlay(), "colours": self.colours(), "labels": self.labels}
        paths = tuple(Path(folder) / f"{name}_{kind}.png" for kind in pictures)
        for path, pixels in zip(paths, pictures.values(), strict=True):
            durable_write(path, png_bytes(pixels))
        return paths[0], paths[1], paths[2]


def png_bytes(pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> bytes:
    """An array as a PNG file's content."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()
