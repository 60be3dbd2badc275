"""Some images of one split, as a data source of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fasterseg.artifacts import digest_of_value
from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.sample import Sample
from fasterseg.datasets.source import DataSource
from fasterseg.errors import DataError


@dataclass(frozen=True, slots=True)
class PartOfSplit:
    """Implements `DataSource`: a split that holds the chosen images of another source's only."""

    source: DataSource
    split: str
    indices: Sequence[int]

    @property
    def name(self) -> str:
        """The underlying source's name."""
        return self.source.name

    @property
    def label_space(self) -> LabelSpace:
        """The underlying source's classes."""
        return self.source.label_space

    @property
    def terms(self) -> str:
        """The underlying source's terms of use."""
        return self.source.terms

    def splits(self) -> tuple[str, ...]:
        """The one split."""
        return (self.split,)

    def length(self, split: str) -> int:
        """How many images were chosen; none of another split."""
        return len(self.indices) if split == self.split else 0

    def names(self, split: str) -> tuple[str, ...]:
        """The chosen images' names."""
        if split != self.split:
            return ()
        names = self.source.names(split)
        return tuple(names[index] for index in self.indices)

    def sample(self, split: str, index: int) -> Sample:
        """One of the chosen images; raises DataError for one that was not."""
        if split != self.split or not 0 <= index < len(self.indices):
            raise DataError(
                f"there is no sample {index} in this part of {split!r}", where=self.name
            )
        return self.source.sample(split, self.indices[index])

    def digest(self, split: str) -> str:
        """A digest of the split and of what was chosen."""
        return digest_of_value([self.source.digest(split), [*self.indices]])


def evenly(indices: Sequence[int], count: int) -> tuple[int, ...]:
    """At most `count` of the indices, spread over all of them."""
    if len(indices) <= count:
        return tuple(indices)
    return tuple(indices[place * len(indices) // count] for place in range(count))
