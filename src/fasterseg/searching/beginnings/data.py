"""What a search learns from: the training images in two halves, one for each kind of step."""

from __future__ import annotations

from dataclasses import dataclass

from fasterseg.config import SearchSettings
from fasterseg.datasets.batches.loading import WHOLE, Share, TrainingBatches
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.sources.splitting import Halves
from fasterseg.learning.feeding import BatchFeed, augmentation_of
from fasterseg.runtime import derived_seed
from fasterseg.searching.pretraining import BatchAt
from fasterseg.searching.search import Purpose


@dataclass(frozen=True, slots=True)
class SearchData:
    """A split's images: weights learn from the first half, architecture parameters from the other.

    `source` gives them at the search's own scale.  `workers` processes read ahead.  Of several
    ranks each learns from its `share` of every batch.
    """

    source: DataSource
    split: str
    halves: Halves
    settings: SearchSettings
    seed: int
    workers: int = 0
    share: Share = WHOLE

    def feed(self, purpose: Purpose, count: int) -> BatchAt:
        """The batches for a purpose, of which there will be `count`."""
        half = self.halves[1] if purpose == "architecture" else self.halves[0]
        stride = self.settings.label_stride
        batches = self.batches(purpose, half, share=self.share, label_stride=stride)
        return BatchFeed(batches, steps=count, workers=self.workers).batch

    def calibration(self) -> TrainingBatches:
        """What a subnet's statistics are measured on."""
        return self.batches("calibration", self.halves[0])

    def batches(
        self,
        purpose: str,
        indices: tuple[int, ...],
        *,
        batch_size: int | None = None,
        share: Share | None = None,
        label_stride: int = 1,
    ) -> TrainingBatches:
        """Batches of some training images, in an order of their own for each purpose.

        They are as large as a step's, unless told; those of pre-training are its own.  With a
        `share` they are this rank's parts.
        """
        own = self.settings.pretraining if purpose == "pretraining" else self.settings
        return TrainingBatches(
            self.source,
            self.split,
            augmentation=augmentation_of(own.augmentation),
            batch_size=batch_size or own.batch_size,
            seed=derived_seed(self.seed, purpose),
            indices=indices,
            share=share,
            label_stride=label_stride,
        )
