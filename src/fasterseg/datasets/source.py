"""What every data set is to the rest of the package, however its files lie on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.sample import Sample


@runtime_checkable
class DataSource(Protocol):
    """Labelled images in named splits.

    Reading is pure: the same split and index give the same sample, in any process and order.
    """

    @property
    def name(self) -> str:
        """What reports call this data set."""
        ...

    @property
    def label_space(self) -> LabelSpace:
        """The classes that label ids stand for."""
        ...

    @property
    def terms(self) -> str:
        """The data's terms of use; empty where they are unknown."""
        ...

    def splits(self) -> tuple[str, ...]:
        """Return the names of the splits."""
        ...

    def length(self, split: str) -> int:
        """Return how many samples a split holds; raises DataError for an unknown split."""
        ...

    def names(self, split: str) -> tuple[str, ...]:
        """Return the stable names of a split's samples, in index order, sorted."""
        ...

    def sample(self, split: str, index: int) -> Sample:
        """Return one sample; raises DataError where it cannot be read."""
        ...

    def digest(self, split: str) -> str:
        """Return a digest of a split's names, sizes and sampled contents."""
        ...


@dataclass(frozen=True, slots=True)
class SourceOver:
    """What a data set that gives another one's samples has in common with it."""

    source: DataSource

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
