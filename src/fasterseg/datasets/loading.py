"""Batches for training, each a pure function of (seed, step).

Images are drawn from one endless row of permutations, epoch after epoch; batch ``step`` of size B
is positions ``step * B .. step * B + B - 1`` of that row.  So every image is seen exactly once per
epoch, a batch may reach across the end of an epoch, and all that a resumed run needs is the step.
What is done to an image depends on (seed, epoch, index) alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fasterseg.datasets.augmenting import Augmentation
from fasterseg.datasets.sample import MEMORY_BYTES, Sample
from fasterseg.datasets.source import DataSource
from fasterseg.datasets.transforms import strided
from fasterseg.datasets.workers import SILENT_S, Workers
from fasterseg.errors import DataError, UsageError
from fasterseg.events import Warn, warn_on_stderr
from fasterseg.runtime import numpy_generator

__all__ = ["Batch", "SampleMemory", "Share", "TrainingBatches"]

READ_AHEAD = 2
NAMED = 3
WAITED_S = 10.0
"""When the loop has waited so long for images, it is said aloud."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Images (N, 3, H, W) float32, normalised; labels (N, H, W) int64; the samples' names.

    With a label stride, labels are (N, H / stride, W / stride).  Where a teacher's answers are
    kept, ``answers`` are its logits for what the images show, (N, classes, h, w) float32, corner
    on corner, and ``taught``, (N, H, W) bool, says at which pixels its word counts.
    """

    images: torch.Tensor
    labels: torch.Tensor
    names: tuple[str, ...]
    taught: torch.Tensor | None = None
    answers: torch.Tensor | None = None


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
    ``label_stride`` leaves one label in so many along each side (`transforms.strided`).
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
    ) -> None:
        """Raise DataError for an empty split, UsageError for sizes that cannot be shared out."""
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
        samples = [self.augmented(epoch, index) for epoch, index in self.positions(step)]
        sizes = {sample.labels.shape for sample in samples}
        if len(sizes) > 1:
            raise DataError(
                "images of different sizes cannot share a batch",
                where=f"step {step}: {sorted(sizes)}",
                why="no crop is set, so every image keeps its own size",
                next_step="set augmentation.crop_height and crop_width in the recipe, "
                "or batch_size 1",
            )
        images = np.stack([self._normalisation.apply(sample.image) for sample in samples])
        labels = np.stack([strided(sample.labels, self._label_stride) for sample in samples])
        names = tuple(sample.name for sample in samples)
        return Batch(torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)), names)

    def augmented(self, epoch: int, index: int) -> Sample:
        """Return the sample as training sees it in that epoch."""
        sample = self._memory.sample(index)
        generator = numpy_generator(self._seed, "sample", epoch, index)
        image, labels = sample.image, sample.labels
        for transform in self._transforms:
            image, labels = transform(image, labels, generator=generator)
        if self._own_function is not None:
            self._own_function.require_classes(labels, self._space)
        return Sample(image, labels, sample.name)

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
            yield from _stream_ahead(self.batch, steps, self._described, warn)
            return
        reading = Workers(
            self._arrays, steps, workers, describe=self._described, silent_s=timeout_s
        )
        stream = _stream_ahead(
            lambda step: _batch_of(*reading.value(step)),
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

    def _arrays(self, step: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any], tuple[str, ...]]:
        """A batch as a process can send it."""
        batch = self.batch(step)
        return batch.images.numpy(), batch.labels.numpy(), batch.names

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


def _batch_of(images: npt.NDArray[Any], labels: npt.NDArray[Any], names: tuple[str, ...]) -> Batch:
    return Batch(torch.from_numpy(images), torch.from_numpy(labels), names)


def _stream_ahead(
    batch: Callable[[int], Batch], steps: range, describe: Callable[[int], str], warn: Warn
) -> Generator[Batch]:
    """Batches that a thread asks for ahead; `warn` is told when one lets the loop wait long."""
    left, told = iter(steps), False
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as reader:
        ahead = deque((step, reader.submit(batch, step)) for step in islice(left, READ_AHEAD))
        try:
            while ahead:
                step, ready = ahead.popleft()
                if not told and wait([ready], WAITED_S).not_done:
                    told = True
                    warn(f"waiting for images for {WAITED_S:g} s now: {describe(step)}")
                value = ready.result()
                ahead.extend((step, reader.submit(batch, step)) for step in islice(left, 1))
                yield value
        finally:
            reader.shutdown(cancel_futures=True)
