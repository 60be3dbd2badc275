"""Scoring many subnets alike: on the same few images, their statistics measured on the same few.

What a search's selection costs is this, so what does not differ between subnets is done once: the
images are read, augmented and kept.  How few are enough, `benchmarks/selection_scoring.py` prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from fasterseg.datasets.loading import SampleMemory, TrainingBatches
from fasterseg.datasets.part import PartOfSplit, spread
from fasterseg.datasets.sample import MEMORY_BYTES, Sample
from fasterseg.datasets.source import DataSource
from fasterseg.evaluation import ConfusionMatrix
from fasterseg.network.network import Network
from fasterseg.network.predicting import NetworkPredictor
from fasterseg.searching.data import SearchData
from fasterseg.searching.scores import (
    FINAL_TIMES,
    Redrawn,
    Score,
    ScoreRedrawn,
    redrawn,
    whole_mean_iou,
)
from fasterseg.space.architecture import Architecture
from fasterseg.supernet.calibrating import recalibrate
from fasterseg.supernet.supernet import Supernet

CALIBRATED_TOGETHER = 8
"""Images in a batch of calibration, however many a step of the search has."""


@dataclass
class KeptBatches:
    """The images of the first batches, on a device; as many as fit are kept."""

    batches: TrainingBatches
    count: int
    device: torch.device
    kept: list[Tensor] = field(default_factory=list)
    kept_bytes: int = 0

    def __iter__(self) -> Iterator[Tensor]:
        yield from self.kept
        for step in range(len(self.kept), self.count):
            images = self.batches.batch(step).images.to(self.device)
            if len(self.kept) == step and self.kept_bytes + images.nbytes <= MEMORY_BYTES:
                self.kept_bytes += images.nbytes
                self.kept.append(images)
            yield images


@dataclass(frozen=True, slots=True)
class SubnetScoring:
    """Scores a supernet's subnets on some images of a split, calibrated on some batches."""

    supernet: Supernet
    seed: int
    scored: PartOfSplit
    calibration: KeptBatches
    samples: SampleMemory

    @classmethod
    def of(
        cls,
        supernet: Supernet,
        data: SearchData,
        indices: Sequence[int],
        *,
        calibration_images: int,
        device: torch.device,
    ) -> SubnetScoring:
        """On images of the split by their indices, calibrated on so many of the weights' half."""
        batches = data.batches("calibration", data.halves[0], batch_size=CALIBRATED_TOGETHER)
        count = -(-calibration_images // CALIBRATED_TOGETHER)
        scored = PartOfSplit(data.source, data.split, indices)
        samples = SampleMemory(scored, data.split, limit_bytes=MEMORY_BYTES)
        kept = KeptBatches(batches, count, device)
        return cls(supernet, data.seed, scored, kept, samples)

    def matrices(self, architecture: Architecture) -> list[ConfusionMatrix]:
        """The subnet's confusion matrix on each of the images."""
        network = self.supernet.subnet(architecture, Network)
        # All batches, however still: what is compared is measured on the same ones.
        recalibrate(network, self.calibration, tolerance=0.0, must_settle=False)
        samples = map(self.samples.sample, range(self.scored.length(self.scored.split)))
        return matrices_of(network, samples, self.scored, device=self.calibration.device)

    def mean_iou(self, architecture: Architecture) -> float:
        """The subnet's mean IoU, a share of one."""
        return whole_mean_iou(self.matrices(architecture))

    def redrawn(self, architecture: Architecture) -> Redrawn:
        """The subnet's mean IoU, and what it is on images drawn anew."""
        return redrawn(self.matrices(architecture), seed=self.seed)


def matrices_of(
    network: nn.Module, samples: Iterable[Sample], source: DataSource, *, device: torch.device
) -> list[ConfusionMatrix]:
    """A calibrated network's confusion matrix on each of some images of a source."""
    space, found = source.label_space, list[ConfusionMatrix]()
    predictor = NetworkPredictor(
        network, label_space=space, normalisation=source.normalisation, device=device
    )
    for sample in samples:
        one = ConfusionMatrix(space.classes)
        one.update(predictor.labels(sample.image), sample.labels, ignore=space.ignore)
        found.append(one)
    return found


def candidate_scores(
    supernet: Supernet, data: SearchData, *, device: torch.device
) -> tuple[Score, ScoreRedrawn]:
    """The scores of candidates, and of finalists, on the half held out from the weights.

    Finalists are scored on other images than those that chose them, as far as there are any.
    """
    settings = data.settings.selection
    first = spread(data.halves[1], settings.images)
    others = sorted({*data.halves[1]} - {*first})
    final = spread(others if len(others) >= len(first) else data.halves[1], _more(settings.images))
    images = settings.calibration_images
    scoring = SubnetScoring.of(supernet, data, first, calibration_images=images, device=device)
    finals = SubnetScoring.of(
        supernet, data, final, calibration_images=_more(images), device=device
    )
    return scoring.mean_iou, finals.redrawn


def _more(count: int) -> int:
    return FINAL_TIMES * count
