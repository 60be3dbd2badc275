"""What a subnet scores, and by how much more than noise two of them differ.

Networks are scored on the same images, so what counts is their difference on images drawn anew, the
same ones for both (the paired bootstrap).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fasterseg.errors import DataError
from fasterseg.evaluation import ConfusionMatrix
from fasterseg.events import Progress
from fasterseg.learning.stepping import Stage
from fasterseg.runtime import numpy_generator
from fasterseg.space.architecture import Architecture

Score = Callable[[Architecture, str], float]
"""The mean IoU of an architecture's subnet, a share of one, as the contender of a name has it."""

RESAMPLES = 200
FINAL_TIMES = 4
"""A finalist is scored on so many times the images of a candidate."""

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ResampledScore:
    """A mean IoU, and what it is on the same number of images drawn anew; shares of one."""

    mean_iou: float
    resamples: tuple[float, ...] = ()


ScoreResampled = Callable[[Architecture, str], ResampledScore]
"""As `Score`, the mean IoU on many images, and on these drawn anew."""

ScoreTrained = Callable[[Architecture, str, Progress], ResampledScore]
"""As `ScoreResampled`, of a network that was trained for a while first; told step by step."""


class FinalistStage(Stage, Protocol):
    """The training of a finalist for a while."""

    def resampled_score(self) -> ResampledScore:
        """The mean IoU of the network as it is now, and on images drawn anew."""
        ...

    def close(self) -> None:
        """End whatever reads batches ahead."""
        ...


class FinalistTrainer(Protocol):
    """Trains finalists for a while, each from its beginning."""

    @property
    def steps(self) -> int:
        """Steps that each is trained for."""
        ...

    @property
    def checkpoint_every(self) -> int:
        """After so many steps a training is saved."""
        ...

    @property
    def digest(self) -> str:
        """Of the settings that decide what a finalist comes to."""
        ...

    def begun(self, architecture: Architecture, name: str) -> FinalistStage:
        """The training of a contender's network, before its first step."""
        ...


@dataclass(frozen=True, slots=True)
class Scorers:
    """What scores subnets: candidates and finalists on images held out from the supernet's weights.

    `validation` scores on the validation split, which chooses nothing in a search; `finalists`
    trains finalists, to be scored as `finals` does: None where subnets' own scores decide.
    """

    candidates: Score
    finals: ScoreResampled
    validation: ScoreResampled
    finalists: FinalistTrainer | None = None


@dataclass(frozen=True, slots=True)
class Lead:
    """By how much one subnet scores better than another, and that difference's standard error."""

    difference: float
    error: float


def resampled_score(matrices: Sequence[ConfusionMatrix], *, seed: int) -> ResampledScore:
    """The mean IoU over all images, one confusion matrix each, and over images drawn anew.

    Which images are drawn depends on the seed and their number alone, so that scores of two
    networks on the same images are paired.  Raises `DataError` without a labelled pixel.
    """
    mean_iou = whole_mean_iou(matrices)
    hits = np.stack([np.diagonal(one.counts) for one in matrices])
    unions = np.stack([_union(one) for one in matrices])
    count = len(matrices)
    generator = numpy_generator(seed, "redrawn images", count)
    drawn = generator.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    return ResampledScore(mean_iou, tuple(_mean_ious(hits, unions, drawn)))


def whole_mean_iou(matrices: Sequence[ConfusionMatrix]) -> float:
    """The mean IoU over all images; raises `DataError` where none has a labelled pixel."""
    whole = ConfusionMatrix(matrices[0].classes if matrices else 0)
    for one in matrices:
        whole.merge(one)
    mean_iou = whole.mean_iou()
    if mean_iou is None:
        raise DataError(
            "there is no labelled pixel to score subnets by",
            where=f"{len(matrices)} images",
            why="every pixel of their masks is one that never counts",
            next_step="label more images, or score more of them (search.selection.images, "
            "search.validation_images)",
        )
    return mean_iou


def lead(first: ResampledScore, second: ResampledScore) -> Lead:
    """By how much the first scores better than the second on the same images."""
    differences = np.subtract(first.resamples, second.resamples)
    error = float(differences.std(ddof=1)) if len(differences) > 1 else 0.0
    return Lead(first.mean_iou - second.mean_iou, error)


def _union(matrix: ConfusionMatrix) -> Counts:
    counts = matrix.counts
    union: Counts = counts.sum(axis=0) + counts.sum(axis=1) + matrix.missed - np.diagonal(counts)
    return union


def _mean_ious(hits: Counts, unions: Counts, times: npt.NDArray[Any]) -> list[float]:
    """The mean IoU of each row of `times`, which says how often each image counts."""
    hit, whole = times @ hits, times @ unions
    present = whole > 0
    ious = np.where(present, hit / np.maximum(whole, 1), 0.0)
    means: list[float] = (ious.sum(axis=1) / np.maximum(present.sum(axis=1), 1)).tolist()
    return means
