"""One face for predictors: the same call for a bundle and for any exported file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.sample import Pixels
from fasterseg.deploy.exported_card import ExportedCard
from fasterseg.deploy.opening import Running, is_export, open_export
from fasterseg.deploy.sessions import Labels, Session
from fasterseg.deploy.tail import best_tail
from fasterseg.errors import DataError
from fasterseg.network import predicting
from fasterseg.network.description import BaselineBuilder
from fasterseg.network.predicting import NetworkPredictor, Picture, as_pixels
from fasterseg.network.segmentation import Segmentation
from fasterseg.space.blocks import Size


class ExportedPredictor:
    """An exported file with its classes, from images to labels."""

    def __init__(self, session: Session, card: ExportedCard, *, where: str) -> None:
        self.session = session
        self.card = card
        self._where = where

    @property
    def label_space(self) -> LabelSpace:
        """The classes, as the file says."""
        return self.card.label_space

    @property
    def tail_name(self) -> str:
        """What makes labels of the file's output."""
        return self.session.facts()["tail"]

    def label_map(self, image: Pixels) -> Labels:
        """The class ids, (height, width), of a (height, width, 3) uint8 image.

        Raises `DataError` for an image that does not have the file's size.
        """
        size = Size(image.shape[0], image.shape[1])
        if self.card.size not in (None, size):
            raise DataError(
                f"this file takes images of {self.card.height}x{self.card.width} only",
                where=self._where,
                why=f"the image is {size.height}x{size.width}",
                next_step="resize the images, or export with --dynamic for images of any size",
            )
        return self.session.run(np.ascontiguousarray(image))

    def __call__(self, image: Picture) -> Segmentation:
        """The segmentation of an image, at its own size; raises `DataError` for what is none."""
        pixels = as_pixels(image)
        kind = np.uint8 if self.label_space.classes <= 255 else np.uint16
        return Segmentation(pixels, self.label_map(pixels).astype(kind), self.label_space)


Predictor = NetworkPredictor | ExportedPredictor


def load_model(
    model: Path | str,
    *,
    device: torch.device | None = None,
    threads: int | None = None,
    baselines: Mapping[str, BaselineBuilder] | None = None,
) -> Predictor:
    """The predictor of a bundle or of an exported file: image to `Segmentation`.

    An image is a path, an array or a Pillow image.  `threads` are the processor's cores that are
    used, all that PyTorch uses when left out.  Raises `UsageError` for an unknown name,
    `FileError` for a file that is damaged or foreign, `EnvironmentFault` for a missing runtime.
    """
    count = threads or torch.get_num_threads()
    path = Path(model)
    if is_export(path) and path.is_file():
        session, card = open_export(path, Running(threads=count))
        return ExportedPredictor(session, card, where=str(model))
    predictor = predicting.load_model(model, device=device, baselines=baselines)
    if predictor.device.type == "cpu":
        predictor.tail = best_tail(threads=count)
    return predictor
