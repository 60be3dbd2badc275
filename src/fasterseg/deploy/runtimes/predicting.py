"""An exported file as a predictor: the same face as a bundle's network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.pictures.reading import Reading
from fasterseg.datasets.sample import Pixels
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.deploy.runtimes.sessions import Labels, Running, Session
from fasterseg.deploy.runtimes.untrusted.outputs import fault_of
from fasterseg.errors import DataError, FastersegError, FileError
from fasterseg.evaluation import LabelsAndLogits
from fasterseg.network.segmenting import OfPictures
from fasterseg.network.tiling import in_tiles
from fasterseg.space.blocks import Size


class ExportedPredictor(OfPictures):
    """An exported file with its classes, from images to labels.

    One that was `opened` can be pickled: where it is read, the file is opened again.
    """

    def __init__(self, session: Session, card: ExportedCard, *, where: str) -> None:
        self.session = session
        self.card = card
        self._where = where
        self._opened: tuple[Path, Running] | None = None

    @classmethod
    def opened(cls, path: Path, running: Running, where: str, *, digest: str = "") -> Self:
        """The predictor of a file; raises as `open_export` does.

        With a `digest` the file has to be that one: `FileError` where it was replaced since.
        """
        session, card = open_export(path, running)
        if digest not in ("", session.digest):
            raise FileError(
                "the file is not the one that was loaded",
                where=str(path),
                why="it was replaced since a predictor of it was pickled",
                next_step="load the model again, in the process that runs it",
            )
        found = cls(session, card, where=where)
        found._opened = path.absolute(), running
        return found

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """How another process has it: by opening the file there; a runtime's session stays here."""
        if self._opened is None:
            raise TypeError(f"the predictor of {self._where} was not opened from a file")
        return _reopened, (type(self), *self._opened, self._where, self.session.digest)

    @property
    def label_space(self) -> LabelSpace:
        """The classes, as the file says."""
        return self.card.label_space

    @property
    def reading(self) -> Reading:
        """How pictures become the file's input, as the file says."""
        return self.card.reading

    @property
    def size(self) -> Size | None:
        """What pictures are brought to before the file sees them; None where it resizes itself."""
        return None if self.card.resizes else self.card.working_size

    @property
    def resizes(self) -> bool:
        """Whether the file brings pictures of any size to its own."""
        return self.card.resizes

    @property
    def tail_name(self) -> str:
        """What makes labels of the file's output."""
        return self.session.facts()["tail"]

    def labels(self, image: Pixels) -> Labels:
        """The class ids, (height, width), of a (height, width, 3) uint8 image.

        A file that takes any size sees large ones in tiles, unless it resizes them.  Raises as
        `label_map` does.
        """
        whole = self.card.size is not None or self.card.resizes
        return self.label_map(image) if whole else in_tiles(self.label_map, image)

    def labels_and_logits(self, image: Pixels) -> LabelsAndLogits:
        """`labels`; a file does not tell how sure it is."""
        return LabelsAndLogits(self.labels(image), None)

    def label_map(self, image: Pixels) -> Labels:
        """The class ids of an image that the file sees whole.

        Raises `DataError` for an image that does not have the file's size.
        """
        size = Size(image.shape[0], image.shape[1])
        if self.card.size not in (None, size):
            raise DataError(
                "the image does not have the size that this file takes",
                where=self._where,
                why=f"the image is {size}, the file takes {self.card.size} alone",
                next_step=f"--size {self.card.size} makes that of it, in Python "
                f'model(image, size="{self.card.size}"); or export with --dynamic for images of '
                "any size",
            )
        try:
            labels = self.session.run(np.ascontiguousarray(image))
        except FastersegError as error:
            error.fill_in(where=self._where)
            raise
        why = fault_of(labels[None], size, output="labels", classes=self.label_space.classes)
        if why:
            raise FileError(
                "the file does not do what it says it does",
                where=self._where,
                why=why,
                next_step="export the model again",
            )
        return labels


def _reopened(
    kind: type[ExportedPredictor], path: Path, running: Running, where: str, digest: str
) -> ExportedPredictor:
    return kind.opened(path, running, where, digest=digest)
