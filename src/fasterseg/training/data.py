"""What a training reads: batches of one split, and another split to be scored on."""

from __future__ import annotations

from dataclasses import dataclass

from fasterseg.config import AugmentationSettings
from fasterseg.datasets.batches.loading import WHOLE, Share, TrainingBatches, Unlabelled
from fasterseg.datasets.sample import UNLABELLED
from fasterseg.datasets.sources.joining import share_images
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.transforming.answers_at import KnownAnswers
from fasterseg.learning.feeding import augmentation_of
from fasterseg.runtime import derived_seed


@dataclass(frozen=True, slots=True)
class TrainingData:
    """A source, and which of its splits serve what; `val_images` scores on the first ones only.

    `began_on` is the split that the first weights had learned from, where these are not random.
    `answers` are a teacher's to the images that are trained on, where these were kept;
    `unlabelled` says how many images of a batch have no labels, with a teacher's to those.
    """

    source: DataSource
    train_split: str = "train"
    val_split: str = "val"
    workers: int = 0
    val_images: int | None = None
    began_on: str = ""
    answers: KnownAnswers | None = None
    unlabelled: Unlabelled | None = None

    def train_count(self) -> int:
        """How many images there are to train on."""
        return self.source.length(self.train_split)

    def unlabelled_digest(self) -> str:
        """The digest of the images without labels; empty where none are learned from."""
        return "" if self.unlabelled is None else self.source.digest(UNLABELLED)

    def val_count(self) -> int:
        """How many images a score looks at."""
        whole = self.source.length(self.val_split)
        return whole if self.val_images is None else min(self.val_images, whole)

    def val_is_seen(self) -> bool:
        """Whether the network has learned from images that it is scored on."""
        learnt = filter(None, (self.train_split, self.began_on))
        return any(share_images(split, self.val_split) for split in learnt)

    def batches(
        self,
        augmentation: AugmentationSettings,
        *,
        batch_size: int,
        seed: int,
        share: Share = WHOLE,
    ) -> TrainingBatches:
        """The training batches; a function of the seed, the same for every network of a run.

        With a `share`, this rank's part of each.
        """
        return TrainingBatches(
            self.source,
            self.train_split,
            augmentation=augmentation_of(augmentation),
            batch_size=batch_size,
            seed=derived_seed(seed, "training"),
            share=share,
            answers=self.answers,
            unlabelled=self.unlabelled,
        )
