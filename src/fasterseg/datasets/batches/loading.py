"""Batches for training, each a pure function of (seed, step).

Images are drawn from one endless row of permutations, epoch after epoch; batch ``step`` of size B
is positions ``step * B .. step * B + B - 1`` of that row.  So every image is seen exactly once per
epoch, a batch may reach across the end of an epoch, and all that a resumed run needs is the step.
What is done to an image depends on (seed, epoch, index) alone.

Images without labels have U places of each batch and a row of their own, of which batch ``step`` is
positions ``step * U .. step * U + U - 1``; labelled ones have the other B - U.  Epochs are those of
labelled images.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fasterseg.amounts import first_few
from fasterseg.datasets.batches.batch import Arrays, Batch, Shown
from fasterseg.datasets.batches.reading_ahead import stream_ahead
from fasterseg.datasets.batches.rows import Row, SampleMemory
from fasterseg.datasets.batches.shares import WHOLE, Places, Share, require_shareable
from fasterseg.datasets.batches.workers import SILENT_S, Workers
from fasterseg.datasets.sample import MEMORY_BYTES, UNLABELLED, ImageSize, LabelMap, Sample
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.transforming.answers_at import (
    Answer,
    KnownAnswers,
    refuse_own_function,
    sampled,
)
from fasterseg.datasets.transforming.augmenting import Augmentation
from fasterseg.datasets.transforming.transforms import seen_through, strided
from fasterseg.datasets.transforming.views import View
from fasterseg.errors import DataError, UsageError
from fasterseg.events import Warn, warn_on_stderr

__all__ = [
    "WHOLE",
    "Batch",
    "SampleMemory",
    "Share",
    "TrainingBatches",
    "Unlabelled",
    "require_shareable",
]

NAMED = 3


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """What images without labels have of each batch: so many ``places``.

    ``answers`` are a teacher's to them; None where it is asked at every step.
    """

    places: int
    answers: KnownAnswers | None = None


class TrainingBatches:
    """The batches of one training run.

    ``indices`` restricts it to a part of the split.  ``share`` gives this process its part of every
    batch: the parts of all ranks, put together, are the same batch for any number of ranks.
    ``label_stride`` leaves one label in so many along each side (`transforms.strided`).  With
    ``answers`` each image comes with a teacher's word for what is seen of it.  Where images without
    labels are `unlabelled`, all their labels are ignored, and ``taught`` of a batch says what a
    teacher's word counts for: their pixels, and what is labelled of the others.
    """

    def __init__(
        self,
        source: DataSource,
        split: str,
        *,
        augmentation: Augmentation,
        batch_size: int,
        seed: int,
        indices: Sequence[int] | None = None,
        share: Share | None = None,
        label_stride: int = 1,
        memory_bytes: int = MEMORY_BYTES,
        answers: KnownAnswers | None = None,
        unlabelled: Unlabelled | None = None,
    ) -> None:
        """Raise DataError for an empty split, UsageError for sizes that cannot be shared out.

        UsageError, too, for a function of the user's that answers cannot follow.
        """
        share, lone = share or WHOLE, 0 if unlabelled is None else unlabelled.places
        _require_shares(share, batch_size, lone)
        total = source.length(split) if indices is None else len(indices)
        per_image = memory_bytes // max(1, total + (source.unlabelled if lone else 0))
        self._labelled = Row(
            source,
            split,
            seed=seed,
            indices=indices,
            memory_bytes=total * per_image if lone else memory_bytes,
            answers=answers,
        )
        self._lone = None
        if unlabelled is not None:
            self._lone = Row(
                source,
                UNLABELLED,
                seed=seed,
                memory_bytes=source.unlabelled * per_image,
                answers=unlabelled.answers,
            )
        self._batch_places = (batch_size - lone, lone)
        self._places = Places.of(share, batch_size, lone)
        self._source = source
        self._space = source.label_space
        self._transforms = augmentation.transforms(ignore=self._space.ignore)
        self._own_function = augmentation.function
        if answers is not None and self._own_function is not None:
            refuse_own_function(self._own_function.name)
        self._is_taught = answers is not None or unlabelled is not None
        self._normalisation = source.normalisation
        self._label_stride = label_stride
        self.batch_size = batch_size

    @property
    def images(self) -> int:
        """How many different images with labels there are."""
        return self._labelled.images

    def positions(self, step: int) -> tuple[tuple[int, int], ...]:
        """Return (epoch, sample index) of each labelled image of this rank's part of a batch."""
        first = step * self._batch_places[0]
        return tuple(self._labelled.at(first + place) for place in self._places.labelled)

    def unlabelled_positions(self, step: int) -> tuple[tuple[int, int], ...]:
        """Return (epoch, index) of each image without labels of this rank's part of a batch."""
        if self._lone is None:
            return ()
        first = step * self._batch_places[1]
        return tuple(self._lone.at(first + place) for place in self._places.unlabelled)

    def _drawn(self, step: int) -> list[Drawn]:
        """All images of this rank's part of a batch, in order."""
        labelled, lone = iter(self.positions(step)), iter(self.unlabelled_positions(step))
        rows = (self._labelled, self._lone or self._labelled)
        return [
            Drawn(rows[0], *next(labelled)) if is_labelled else Drawn(rows[1], *next(lone))
            for is_labelled in self._places.mixed()
        ]

    def batch(self, step: int) -> Batch:
        """Return batch ``step``; images of different sizes need a crop (DataError)."""
        shown = [self._shown(one) for one in self._drawn(step)]
        sizes = {one.view.labels.shape for one in shown}
        if len(sizes) > 1:
            raise DataError(
                "images of different sizes cannot share a batch",
                where=f"step {step}: {sorted(sizes)}",
                why="no crop is set, so every image keeps its own size",
                next_step="set augmentation.crop_height and crop_width in the recipe, "
                "or batch_size 1",
            )
        images = np.stack([self._normalisation.apply(one.view.image) for one in shown])
        labels = np.stack([strided(one.view.labels, self._label_stride) for one in shown])
        return Batch.of(images, labels, shown)

    def augmented(self, epoch: int, index: int) -> Sample:
        """Return the sample as training sees it in that epoch."""
        shown = self._shown(Drawn(self._labelled, epoch, index))
        return Sample(*shown.view.pair, shown.name)

    def _shown(self, drawn: Drawn) -> Shown:
        """A sample as training sees it in that epoch, and what a teacher says of that."""
        row, sample = drawn.row, drawn.row.sample(drawn.index)
        generator, ignore = row.generator(drawn.epoch, drawn.index), self._space.ignore
        # So that it shows what of an image without labels is its own: all its pixels are a class's
        # until it was padded, turned and cut out.
        counting = np.zeros_like(sample.labels) if row is self._lone else sample.labels
        view = View(sample.image, counting)
        for transform in self._transforms:
            view = seen_through(transform, view, generator=generator)
        taught = (view.labels != ignore) if self._is_taught else None
        if row is self._lone:
            view = replace(view, labels=np.full_like(view.labels, ignore))
        if self._own_function is not None:
            view = seen_through(self._own_function, view, generator=generator)
            self._own_function.require_classes(view.labels, self._space)
        return Shown(view, sample.name, self._answer(drawn, sample, view), taught)

    def _answer(self, drawn: Drawn, sample: Sample, view: View) -> Answer | None:
        answers = drawn.row.answers
        if answers is None:
            return None
        return sampled(
            answers.answer(drawn.index),
            view.place,
            image=_size_of(sample.labels),
            view=_size_of(view.labels),
            stride=answers.stride,
        )

    def stream(
        self,
        start: int,
        stop: int,
        *,
        workers: int = 0,
        timeout_s: float = SILENT_S,
        warn: Warn = warn_on_stderr,
    ) -> Generator[Batch]:
        """Yield ``batch(start)`` to ``batch(stop - 1)``, the same for any number of workers.

        Without worker processes a thread of this one reads ahead: NumPy and Pillow let the loop
        compute meanwhile, what was read is kept once, and nothing is sent from process to process.
        Until the stream is closed, the batches belong to it and are asked for nowhere else.

        A worker process that dies, that is stopped for some seconds, or that gives nothing for
        ``timeout_s`` raises EnvironmentFault, where its batch is waited for.  ``warn`` is told,
        once, of images that let the loop wait for long.
        """
        steps = range(start, stop)
        if workers == 0:
            yield from stream_ahead(self.batch, steps, self._described, warn)
            return
        reading = Workers(
            self._arrays, steps, workers, describe=self._described, silent_s=timeout_s
        )
        stream = stream_ahead(
            lambda step: Batch.of_arrays(*reading.value(step)),
            steps,
            self._described,
            warn,
        )
        try:
            # Not "yield from", which would close the stream first, while its thread waits for one
            # of the processes.
            for batch in stream:  # noqa: UP028
                yield batch
        finally:
            reading.end()
            stream.close()
            reading.close()

    def _arrays(self, step: int) -> Arrays:
        """A batch as a process can send it."""
        return self.batch(step).arrays()

    def _described(self, step: int) -> str:
        """A batch in words: its number and its images."""
        drawn = self._drawn(step)
        every = {one.row.split: self._source.names(one.row.split) for one in drawn}
        names = [every[one.row.split][one.index] for one in drawn]
        return f"batch {step}: {first_few(names, NAMED)}"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample of a row, in an epoch."""

    row: Row
    epoch: int
    index: int


def _require_shares(share: Share, batch_size: int, unlabelled: int) -> None:
    if not 0 <= share.rank < share.world_size:
        raise UsageError(f"rank {share.rank} is none of {share.world_size} ranks")
    require_shareable(batch_size, ranks=share.world_size)
    if not 0 <= unlabelled < batch_size:
        raise UsageError(
            f"a batch of {batch_size} images has no place for {unlabelled} without labels",
            where="student.distillation.unlabelled_share",
            why="one image of each batch at least is labelled",
            next_step="take a smaller share, or a larger batch",
        )


def _size_of(labels: LabelMap) -> ImageSize:
    return labels.shape[0], labels.shape[1]
