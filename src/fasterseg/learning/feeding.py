"""Batches asked for by step, read ahead by worker processes; what is done to their images."""

from __future__ import annotations

from collections.abc import Generator

from fasterseg.config import AugmentationSettings
from fasterseg.datasets.batches.loading import Batch, TrainingBatches
from fasterseg.datasets.transforming.augmenting import Augmentation
from fasterseg.datasets.transforming.own_function import OwnFunction

FLIP_PROBABILITY = 0.5


class BatchFeed:
    """Gives batch ``step`` of a run; asked in order, it reads ahead with its workers.

    Out of order it begins a new stream, so a resumed stage just asks for the step it stands at.
    """

    def __init__(self, batches: TrainingBatches, *, steps: int, workers: int = 0) -> None:
        self.batches = batches
        self._steps = steps
        self._workers = workers
        self._next = -1
        self._stream: Generator[Batch] | None = None

    def batch(self, step: int) -> Batch:
        """The batch of a step below the run's number of steps."""
        if self._stream is None or step != self._next:
            self.close()
            self._stream = self.batches.stream(step, self._steps, workers=self._workers)
        self._next = step + 1
        return next(self._stream)

    def close(self) -> None:
        """End what reads ahead; a batch that is asked for later begins a new stream."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def augmentation_of(settings: AugmentationSettings) -> Augmentation:
    """The joint transforms that the recipe's settings stand for.

    Raises `UsageError` where there is no such function as they name.
    """
    return Augmentation(
        crop=settings.crop,
        scale=(settings.scale_low, settings.scale_high),
        scales=settings.scales,
        rotation=settings.rotation,
        rare_classes=settings.rare_classes,
        flip=FLIP_PROBABILITY if settings.flip else 0.0,
        colour=settings.colour,
        blur=settings.blur,
        noise=settings.noise,
        cutout=settings.cutout,
        function=OwnFunction.named(settings.function) if settings.function else None,
    )
