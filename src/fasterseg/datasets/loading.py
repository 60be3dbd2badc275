"""Batches for training, each a pure function of (seed, step).

Images are drawn from one endless row of permutations, epoch after epoch; batch ``step`` of size B
is positions ``step * B .. step * B + B - 1`` of that row.  So every image is seen exactly once per
epoch, a batch may reach across the end of an epoch, and all that a resumed run needs is the step.
What is done to an image depends on (seed, epoch, index) alone.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fasterseg.datasets.answers_at import KnownAnswers, refuse_own_function, sampled
from fasterseg.datasets.augmenting import Augmentation
from fasterseg.datasets.batch import Arrays, Batch, Shown
from fasterseg.datasets.reading_ahead import stream_ahead
from fasterseg.datasets.sample import MEMORY_BYTES, ImageSize, LabelMap, Sample
from fasterseg.datasets.source import DataSource
from fasterseg.datasets.transforms import seen_through, strided
from fasterseg.datasets.views import View
from fasterseg.datasets.workers import SILENT_S, Workers
from fasterseg.errors import DataError, UsageError
from fasterseg.events import Warn, warn_on_stderr
from fasterseg.runtime import numpy_generator

__all__ = ["Batch", "SampleMemory", "Share", "TrainingBatches"]

NAMED = 3


@dataclass(frozen=True, slots=True)
class Share:
    """One rank's part of every batch: rank ``rank`` of ``world_size``."""

    rank: int = 0
    world_size: int = 1

    def within(self, count: int) -> range:
        """Which of so many things in a row are this part's; the first parts have one more."""
        each, left = divmod(count, self.world_size)
        first = self.rank * each + min(self.rank, left)
        return range(first, first + each + (self.rank < left))

    def turns(self, count: int) -> range:
        """Which of so many things in a row are this rank's, where ranks take turns."""
        return range(self.rank, count, self.world_size)


WHOLE = Share()
"""All of every batch: the share of a process alone."""


class SampleMemory:
    """Decoded samples kept in memory, up to a number of bytes; later ones are read each time.

    Those `to_score` have labels of their own size.
    """

    def __init__(
        self, source: DataSource, split: str, *, limit_bytes: int, to_score: bool = False
    ) -> None:
        self._read = source.to_score if to_score else source.sample
        self._split = split
        self._left = limit_bytes
        self._kept: dict[int, Sample] = {}

    def sample(self, index: int) -> Sample:
        """Return the split's sample of that index."""
        if index in self._kept:
            return self._kept[index]
        sample = self._read(self._split, index)
        size = sample.image.nbytes + sample.labels.nbytes
        if size <= self._left:
            self._left -= size
            self._kept[index] = sample
        return sample


class TrainingBatches:
    """The batches of one training run.

    ``indices`` restricts it to a part of the split.  ``share`` gives this process its part of every
    batch: the parts of all ranks, put together, are the same batch for any number of ranks.
    ``label_stride`` leaves one label in so many along each side (`transforms.strided`).  With
    ``answers`` each image comes with a teacher's word for what is seen of it.
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
    ) -> None:
        """Raise DataError for an empty split, UsageError for sizes that cannot be shared out.

        UsageError, too, for a function of the user's that answers cannot follow.
        """
        total = source.length(split)
        chosen = range(total) if indices is None else indices
        self._indices = np.asarray(chosen, dtype=np.int64)
        self._share = share or Share()
        _require_usable(self._indices, total, split, batch_size, self._share)
        self._source = source
        self._split = split
        self._memory = SampleMemory(source, split, limit_bytes=memory_bytes)
        self._space = source.label_space
        self._transforms = augmentation.transforms(ignore=self._space.ignore)
        self._own_function = augmentation.function
        if answers is not None and self._own_function is not None:
            refuse_own_function(self._own_function.name)
        self._answers = answers
        self._normalisation = source.normalisation
        self._label_stride = label_stride
        self._seed = seed
        self._order: tuple[int, npt.NDArray[np.int64]] = (-1, np.empty(0, dtype=np.int64))
        self.batch_size = batch_size

    @property
    def images(self) -> int:
        """How many different images there are."""
        return len(self._indices)

    def positions(self, step: int) -> tuple[tuple[int, int], ...]:
        """Return (epoch, sample index) of each place of this rank's part of a batch."""
        first = step * self.batch_size
        return tuple(self._position(first + place) for place in self._share.within(self.batch_size))

    def batch(self, step: int) -> Batch:
        """Return batch ``step``; images of different sizes need a crop (DataError)."""
        shown = [self._shown(epoch, index) for epoch, index in self.positions(step)]
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
        return Batch.of(images, labels, shown, ignore=self._space.ignore)

    def augmented(self, epoch: int, index: int) -> Sample:
        """Return the sample as training sees it in that epoch."""
        shown = self._shown(epoch, index)
        return Sample(*shown.view.pair, shown.name)

    def _shown(self, epoch: int, index: int) -> Shown:
        """A sample as training sees it in that epoch, and what a teacher says of that."""
        sample = self._memory.sample(index)
        generator = numpy_generator(self._seed, "sample", epoch, index)
        view = View(sample.image, sample.labels)
        for transform in self._transforms:
            view = seen_through(transform, view, generator=generator)
        if self._own_function is not None:
            self._own_function.require_classes(view.labels, self._space)
        if self._answers is None:
            return Shown(view, sample.name)
        answer = sampled(
            self._answers.answer(index),
            view.place,
            image=_size_of(sample.labels),
            view=_size_of(view.labels),
            stride=self._answers.stride,
        )
        return Shown(view, sample.name, answer)

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
        every = self._source.names(self._split)
        names = [every[index] for _, index in self.positions(step)]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return f"batch {step}: {', '.join(names[:NAMED])}{more}"

    def _position(self, place: int) -> tuple[int, int]:
        epoch, rank_in_epoch = divmod(place, self.images)
        return epoch, int(self._indices[self._permutation(epoch)[rank_in_epoch]])

    def _permutation(self, epoch: int) -> npt.NDArray[np.int64]:
        # The last one is kept: a batch asks for it once per image.
        if self._order[0] != epoch:
            order = numpy_generator(self._seed, "order", epoch).permutation(self.images)
            self._order = (epoch, order)
        return self._order[1]


def _require_usable(
    indices: npt.NDArray[np.int64], total: int, split: str, batch_size: int, share: Share
) -> None:
    if len(indices) == 0:
        raise DataError(
            "there is no image to train on",
            where=f"split {split}",
            next_step="add images and masks to it, or name another split",
        )
    if indices.min() < 0 or indices.max() >= total or len(set(indices.tolist())) < len(indices):
        raise UsageError(f"the indices must be different numbers from 0 to {total - 1}")
    if not 0 <= share.rank < share.world_size:
        raise UsageError(f"rank {share.rank} is none of {share.world_size} ranks")
    require_shareable(batch_size, ranks=share.world_size)


def require_shareable(
    batch_size: int, *, ranks: int, parts: int = 1, where: str = "batch_size"
) -> None:
    """Raise `UsageError` unless each rank gets an image of every batch for each of its parts."""
    if batch_size >= max(1, ranks * parts):
        return
    each = f" with {parts} parts each" if parts > 1 else ""
    what = f"{ranks} processes{each}" if ranks > 1 else f"{parts} parts"
    raise UsageError(
        f"a batch of {batch_size} images cannot be shared by {what}",
        where=where,
        why="each computes on one image of every batch at least",
        next_step=f"take a batch of {max(1, ranks * parts)} images or more, or fewer processes"
        + (", or fewer parts (accumulate)" if parts > 1 else ""),
    )


def _size_of(labels: LabelMap) -> ImageSize:
    return labels.shape[0], labels.shape[1]
