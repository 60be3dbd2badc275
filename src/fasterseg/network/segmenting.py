"""What a model makes of a picture in any form: read as it reads them, shown at a size, labelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fasterseg.datasets.decoding import Picture, decode
from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.pictures.limits import PixelLimit
from fasterseg.datasets.pictures.pixels import Decoded
from fasterseg.datasets.pictures.reading import Reading
from fasterseg.datasets.pictures.resampling import resampled
from fasterseg.datasets.sample import LabelMap, Pixels
from fasterseg.datasets.transforming.transforms import resize_labels
from fasterseg.network.segmentation import Segmentation
from fasterseg.network.showing import Shown, Sized, require_shown, shown_size
from fasterseg.network.tiling import tiles_of


class OfPixels(Sized, Protocol):
    """A predictor of pixels, as far as pictures need it."""

    @property
    def label_space(self) -> LabelSpace:
        """The classes."""

    @property
    def reading(self) -> Reading:
        """How pictures become pixels."""

    def labels(self, image: Pixels) -> npt.NDArray[Any]:
        """The class ids, (height, width), of a (height, width, 3) uint8 image."""


class OfPictures:
    """A predictor of pixels that can be called on pictures."""

    def __call__(
        self: OfPixels,
        image: Picture,
        *,
        size: Shown | None = None,
        most_pixels: int | None = None,
    ) -> Segmentation:
        """The segmentation of an image, at its own size; raises `DataError` for what is none.

        The model is shown the image at a `size`, (height, width) or ``"360x640"``, or at its own,
        ``"own"``; by default at the size that it was trained for, where its card has one.
        `most_pixels` raises the limit of what is read (`datasets.pictures.limits`).
        """
        limit = PixelLimit(most_pixels)
        shown = shown_size(size, self)
        require_shown(shown, limit)
        decoded = decode(image, self.reading, limit=limit)
        return segmented(self.labels, decoded, self.label_space, size=shown)


def segmented(
    label_map: Callable[[Pixels], npt.NDArray[Any]],
    decoded: Decoded,
    space: LabelSpace,
    *,
    size: tuple[int, int] | None = None,
) -> Segmentation:
    """What a function from pixels to labels makes of a picture, shown at a size or its own."""
    image = decoded.pixels
    kind = np.uint8 if space.classes <= 255 else np.uint16
    shown = image if size is None else resampled(image, size)
    tiles = tiles_of(*shown.shape[:2])
    labels: LabelMap = label_map(shown).astype(kind, copy=False)
    del shown
    if size is not None:
        labels = resize_labels(labels, (image.shape[0], image.shape[1]))
    return Segmentation(image, labels, space, decoded.remarks, tiles)
