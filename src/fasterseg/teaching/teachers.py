"""Single teachers: a bundle's network, an exported file, a foreign ONNX file with its card.

Each sees a picture as it was trained to: brought to its own size, normalised as its own card says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from fasterseg.artifacts import digest_of_value
from fasterseg.config.size_bounds import LEAST_SIDE
from fasterseg.datasets.pictures.resampling import resampled
from fasterseg.datasets.sample import ImageSize, Pixels
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.runtimes.sessions import Graph
from fasterseg.deploy.runtimes.untrusted.outputs import fault_of
from fasterseg.deploy.runtimes.untrusted.trial_child import reason_of
from fasterseg.errors import DataError, FastersegError
from fasterseg.layers.resizing import resize
from fasterseg.network.predicting import NetworkPredictor
from fasterseg.network.teacher_facts import TeacherFacts
from fasterseg.space.blocks import Size
from fasterseg.teaching.answering import Logits
from fasterseg.teaching.class_map import ClassMap, logarithms, probabilities
from fasterseg.teaching.foreign_graph import ForeignSession
from fasterseg.teaching.grids import FINEST_STRIDE, Grid, brought_to, finest_of, kept_size

_LOOK = 128
"""Pixels along a side of a picture in which a network's stride is seen."""


@dataclass(frozen=True)
class BundleTeacher:
    """A trained network of this package, on any device."""

    predictor: NetworkPredictor
    class_map: ClassMap
    facts: TeacherFacts
    stride: int

    @property
    def classes(self) -> int:
        """See `Answering`."""
        return len(self.class_map.channels)

    @property
    def digest(self) -> str:
        """See `Answering`: that of the weights, where the classes are the data's."""
        return mapped_digest(self.facts.digest, self.class_map)

    def logits(self, image: Pixels, scale: float = 1.0) -> Logits:
        """See `Scalable`."""
        picture = (image.shape[0], image.shape[1])
        shown = resampled(image, shown_size(picture, self.predictor.size, scale))
        found = self.predictor.logits(shown, "low-resolution-logits")
        return _kept(self.class_map.of_logits(found), picture)


@dataclass(frozen=True)
class ExportTeacher:
    """An exported file of this package that gives logits, of any runtime."""

    graph: Graph
    card: ExportedCard
    class_map: ClassMap
    facts: TeacherFacts
    where: str
    stride: int = FINEST_STRIDE

    @property
    def classes(self) -> int:
        """See `Answering`."""
        return len(self.class_map.channels)

    @property
    def digest(self) -> str:
        """See `Answering`."""
        return mapped_digest(self.facts.digest, self.class_map)

    def logits(self, image: Pixels, scale: float = 1.0) -> Logits:
        """See `Scalable`; raises `DataError` where the file does not run on the picture."""
        picture = (image.shape[0], image.shape[1])
        size = shown_size(picture, self.card.size or self.card.working_size, scale)
        found = self._given(np.ascontiguousarray(resampled(image, size)))
        if self.card.output == "logits":
            found = _before_its_resizing(found, finest_of(size))
        return _kept(self.class_map.of_logits(found), picture)

    def _given(self, shown: Pixels) -> Logits:
        try:
            found = self.graph.run(shown[None])
        except FastersegError as error:
            raise error.fill_in(where=self.where) from error
        except Exception as error:  # a runtime raises what it likes
            raise self._no_answer(shown, reason_of(error)) from error
        size = (shown.shape[0], shown.shape[1])
        classes = self.card.label_space.classes
        if why := fault_of(found, size, output=self.card.output, classes=classes):
            raise self._no_answer(shown, why)
        answer: Logits = np.asarray(found[0])
        return answer

    def _no_answer(self, shown: Pixels, why: str) -> DataError:
        return DataError(
            "the teacher does not answer for a picture",
            where=self.where,
            why=f"the picture is {shown.shape[0]}x{shown.shape[1]}: {why}",
            next_step="export the teacher again, or name its bundle in place of the file",
        )


@dataclass(frozen=True)
class ForeignTeacher:
    """A foreign file that was tried; its answers are log-probabilities of the data's classes."""

    session: ForeignSession
    shown_at: Size | None
    gives_probabilities: bool
    grid: Grid
    class_map: ClassMap
    facts: TeacherFacts
    digest: str
    stride: int = FINEST_STRIDE

    @property
    def classes(self) -> int:
        """See `Answering`."""
        return len(self.class_map.channels)

    def logits(self, image: Pixels, scale: float = 1.0) -> Logits:
        """See `Scalable`; raises `DataError` where the file does not run on the picture."""
        picture = (image.shape[0], image.shape[1])
        shown = resampled(image, shown_size(picture, self.shown_at, scale))
        found = self.session.given(shown)
        mapped = (
            self.class_map.of_probabilities(found)
            if self.gives_probabilities
            else logarithms(probabilities(self.class_map.of_logits(found)))
        )
        size = kept_size((found.shape[1], found.shape[2]), picture)
        return brought_to(mapped, size, grid=self.grid, picture=picture)


def stride_of(predictor: NetworkPredictor) -> int:
    """Pixels of a picture for one of the network's map, as near as a whole number tells it."""
    rows = predictor.logits(np.zeros((_LOOK, _LOOK, 3), np.uint8), "low-resolution-logits").shape[1]
    whole = predictor.size is None and _LOOK % rows == 0
    return max(FINEST_STRIDE, _LOOK // rows) if whole else FINEST_STRIDE


def shown_size(picture: ImageSize, own: ImageSize | None, scale: float) -> ImageSize:
    """What a picture is brought to for a teacher of a size of its `own`, or of any."""
    height, width = own or picture
    if scale == 1.0:
        return height, width
    return max(LEAST_SIDE, round(height * scale)), max(LEAST_SIDE, round(width * scale))


def mapped_digest(digest: str, class_map: ClassMap) -> str:
    """The digest of a teacher of which these channels are asked: its own where it is all."""
    if class_map.is_identity:
        return digest
    return digest_of_value({"of": digest, "channels": [[*one] for one in class_map.channels]})


def _before_its_resizing(logits: Logits, size: ImageSize) -> Logits:
    """What a network of ours brought to its picture's size, corner on corner, as it was before."""
    small: Logits = resize(torch.from_numpy(logits)[None], size)[0].numpy()
    return small


def _kept(logits: Logits, picture: ImageSize) -> Logits:
    """A map as it is kept: as the network has it, but for one that is finer than is of use."""
    return brought_to(logits, kept_size((logits.shape[1], logits.shape[2]), picture))
