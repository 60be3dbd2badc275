"""Scoring many subnets alike: on the same few images, their statistics measured on the same few.

What a search's selection costs is this, so what does not differ between subnets is done once: the
images are read, augmented and kept.  How few are enough, `benchmarks/selection_scoring.py` prints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from fasterseg.datasets.batches.loading import WHOLE, SampleMemory, Share, TrainingBatches
from fasterseg.datasets.sample import MEMORY_BYTES, Sample
from fasterseg.datasets.sources.part import PartOfSplit, spread
from fasterseg.datasets.sources.source import DataSource
from fasterseg.evaluation import ConfusionMatrix, labels_of
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.network.network import Network
from fasterseg.network.predicting import NetworkPredictor
from fasterseg.runtime import memory_kept
from fasterseg.searching.beginnings.data import SearchData
from fasterseg.searching.landing.scores import (
    FINAL_TIMES,
    Counts,
    ResampledScore,
    resampled_score,
    whole_mean_iou,
)
from fasterseg.space.architecture import Architecture
from fasterseg.supernet.calibrating import recalibrate
from fasterseg.supernet.supernet import Supernet

CALIBRATED_TOGETHER = 8
"""Images in a batch of calibration, however many a step of the search has."""


@dataclass
class KeptBatches:
    """The images of the first batches, on a device; as many as fit are kept.

    Of several ranks, which take turns, each has its own batches.
    """

    batches: TrainingBatches
    count: int
    device: torch.device
    share: Share = WHOLE
    kept: list[Tensor] = field(default_factory=list)
    kept_bytes: int = 0

    def __iter__(self) -> Iterator[Tensor]:
        yield from self.kept
        for place, step in [*enumerate(self.share.turns(self.count))][len(self.kept) :]:
            images = self.batches.batch(step).images.to(self.device)
            if len(self.kept) == place and self.kept_bytes + images.nbytes <= MEMORY_BYTES:
                self.kept_bytes += images.nbytes
                self.kept.append(images)
            yield images


@dataclass(frozen=True, slots=True)
class SubnetScoring:
    """Scores a supernet's subnets on some images of a split, calibrated on some batches.

    Several ranks take turns at batches and images, and come to what one comes to.
    """

    supernet: Supernet
    seed: int
    scored: PartOfSplit
    calibration: KeptBatches
    samples: SampleMemory
    ranks: Ranks = ALONE

    @classmethod
    def of(
        cls,
        supernet: Supernet,
        data: SearchData,
        indices: Sequence[int],
        *,
        calibration_images: int,
        device: torch.device,
        ranks: Ranks = ALONE,
    ) -> SubnetScoring:
        """On images of the split by their indices, calibrated on so many of the weights' half."""
        batches = data.batches("calibration", data.halves[0], batch_size=CALIBRATED_TOGETHER)
        count = -(-calibration_images // CALIBRATED_TOGETHER)
        scored = PartOfSplit(data.source, data.split, indices)
        samples = SampleMemory(scored, data.split, limit_bytes=MEMORY_BYTES, to_score=True)
        kept = KeptBatches(batches, count, device, ranks.share)
        return cls(supernet, data.seed, scored, kept, samples, ranks)

    def calibrated(self, architecture: Architecture, name: str) -> Network:
        """A contender's subnet, a network of its own, with statistics measured on the batches."""
        network = self.supernet.subnet(architecture, Network, owner=name)
        # All batches, however still: what is compared is measured on the same ones.
        gather = self.ranks.all_gather_ragged
        recalibrate(network, self.calibration, tolerance=0.0, must_settle=False, gather=gather)
        return network

    @memory_kept()
    def matrices(self, architecture: Architecture, name: str) -> list[ConfusionMatrix]:
        """The confusion matrix of a contender's subnet on each of the images."""
        return self._counted(self.calibrated(architecture, name))

    def _counted(self, network: nn.Module) -> list[ConfusionMatrix]:
        images, device = self.scored.length(self.scored.split), self.calibration.device
        return matrices_of(
            network, self.samples.sample, images, self.scored, device=device, ranks=self.ranks
        )

    def mean_iou(self, architecture: Architecture, name: str) -> float:
        """The mean IoU of a contender's subnet, a share of one."""
        return whole_mean_iou(self.matrices(architecture, name))

    def resampled_score(self, architecture: Architecture, name: str) -> ResampledScore:
        """The mean IoU of a contender's subnet, and what it is on images drawn anew."""
        return self.resampled_score_of(self.calibrated(architecture, name))

    @memory_kept()
    def resampled_score_of(self, network: nn.Module) -> ResampledScore:
        """The same of any network."""
        return resampled_score(self._counted(network), seed=self.seed)


def matrices_of(
    network: nn.Module,
    sample: Callable[[int], Sample],
    images: int,
    source: DataSource,
    *,
    device: torch.device,
    ranks: Ranks = ALONE,
) -> list[ConfusionMatrix]:
    """A calibrated network's confusion matrix on each of so many images of a source.

    Of several ranks each takes its turn; all have all matrices.
    """
    space, turns = source.label_space, ranks.share.turns(images)
    predictor = NetworkPredictor(
        network, label_space=space, normalisation=source.normalisation, device=device
    )
    counts = np.zeros((len(turns), space.classes, space.classes + 1), dtype=np.int64)
    for place, index in enumerate(turns):
        one, known = ConfusionMatrix(space.classes), sample(index)
        one.update(labels_of(predictor.labels, known), known.labels, ignore=space.ignore)
        counts[place] = np.column_stack([one.counts, one.missed])
    parts = ranks.all_gather_ragged(torch.from_numpy(counts))
    every = (parts[index % ranks.count][index // ranks.count].numpy() for index in range(images))
    return [_matrix(one[:, :-1], one[:, -1]) for one in every]


def _matrix(counts: Counts, missed: Counts) -> ConfusionMatrix:
    whole = ConfusionMatrix(len(counts))
    whole.counts, whole.missed = counts, missed
    return whole


def candidate_scores(
    supernet: Supernet, data: SearchData, *, device: torch.device, ranks: Ranks = ALONE
) -> tuple[SubnetScoring, SubnetScoring]:
    """What scores candidates, and finalists, on the half held out from the weights.

    Finalists are scored on other images than those that chose them, as far as there are any.
    All `ranks` score a network together.
    """
    settings = data.settings.selection
    first = spread(data.halves[1], settings.images)
    others = sorted({*data.halves[1]} - {*first})
    final = spread(others if len(others) >= len(first) else data.halves[1], _more(settings.images))
    scoring_on = partial(SubnetScoring.of, supernet, data, device=device, ranks=ranks)
    images = settings.calibration_images
    scoring = scoring_on(first, calibration_images=images)
    finals = scoring_on(final, calibration_images=_more(images))
    return scoring, finals


def _more(count: int) -> int:
    return FINAL_TIMES * count
