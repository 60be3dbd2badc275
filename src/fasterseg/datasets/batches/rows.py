"""A split's images in an endless row of permutations, epoch after epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fasterseg.datasets.sample import UNLABELLED, Sample
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.transforming.answers_at import KnownAnswers
from fasterseg.errors import DataError, UsageError
from fasterseg.runtime import numpy_generator


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


class Row:
    """The images of a split, or of a part of it, each once in every epoch, in an order of its own.

    What is drawn, and what is done to it, depends on seed, split and place alone: images without
    labels have a row that no other image moves.  ``answers`` are a teacher's to the split.
    """

    def __init__(
        self,
        source: DataSource,
        split: str,
        *,
        seed: int,
        indices: Sequence[int] | None = None,
        memory_bytes: int,
        answers: KnownAnswers | None = None,
    ) -> None:
        """Raise DataError for an empty split, UsageError for indices that are none of its own."""
        total = source.length(split)
        self._indices = np.asarray(range(total) if indices is None else indices, dtype=np.int64)
        _require_usable(self._indices, total, split)
        self._memory = SampleMemory(source, split, limit_bytes=memory_bytes)
        self._seed = seed
        self._word = f"{split} " if split == UNLABELLED else ""
        self._order: tuple[int, npt.NDArray[np.int64]] = (-1, np.empty(0, dtype=np.int64))
        self.split = split
        self.answers = answers

    @property
    def images(self) -> int:
        """How many different images there are."""
        return len(self._indices)

    def at(self, place: int) -> tuple[int, int]:
        """Return the epoch and the sample's index at a place of the row."""
        epoch, rank_in_epoch = divmod(place, self.images)
        return epoch, int(self._indices[self._permutation(epoch)[rank_in_epoch]])

    def sample(self, index: int) -> Sample:
        """Return a sample of the split."""
        return self._memory.sample(index)

    def generator(self, epoch: int, index: int) -> np.random.Generator:
        """Return the randomness of all that is done to a sample in an epoch."""
        return numpy_generator(self._seed, f"{self._word}sample", epoch, index)

    def _permutation(self, epoch: int) -> npt.NDArray[np.int64]:
        # The last one is kept: a batch asks for it once per image.
        if self._order[0] != epoch:
            order = numpy_generator(self._seed, f"{self._word}order", epoch)
            self._order = (epoch, order.permutation(self.images))
        return self._order[1]


def _require_usable(indices: npt.NDArray[np.int64], total: int, split: str) -> None:
    if len(indices) == 0:
        labelled = split != UNLABELLED
        raise DataError(
            "there is no image to train on",
            where=f"split {split}" if labelled else "images without labels",
            next_step="add images and masks to it, or name another split"
            if labelled
            else "name some by 'unlabelled' in data.yaml, or take student.distillation."
            "unlabelled_share 0",
        )
    if indices.min() < 0 or indices.max() >= total or len(set(indices.tolist())) < len(indices):
        raise UsageError(f"the indices must be different numbers from 0 to {total - 1}")
