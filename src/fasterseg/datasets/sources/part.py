"""Some images of one split, as a data source of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from fasterseg.artifacts import digest_of_value
from fasterseg.datasets.sample import ImageSize, Recorded, Sample
from fasterseg.datasets.sources.source import SourceOver
from fasterseg.errors import DataError

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class PartOfSplit(SourceOver):
    """Implements `DataSource`: a split that holds the chosen images of another source's only."""

    split: str
    indices: Sequence[int]

    @property
    def unlabelled(self) -> int:
        """None: there is the one split."""
        return 0

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

    def recordings(self, split: str) -> tuple[Recorded, ...] | None:
        """The chosen images' recordings."""
        known = self.source.recordings(self.split)
        if known is None:
            return None
        return tuple(known[index] for index in self.indices) if split == self.split else ()

    def image_size(self, split: str, index: int) -> ImageSize:
        """The size of one of the chosen images; raises DataError for one that was not."""
        return self.source.image_size(split, self._place(split, index))

    def sample(self, split: str, index: int) -> Sample:
        """One of the chosen images; raises DataError for one that was not."""
        return self.source.sample(split, self._place(split, index))

    def to_score(self, split: str, index: int) -> Sample:
        """One of the chosen images, to score; raises as `sample` does."""
        return self.source.to_score(split, self._place(split, index))

    def stamp(self, split: str, index: int) -> tuple[str | int, ...]:
        """The stamp of one of the chosen images; raises as `sample` does."""
        return self.source.stamp(split, self._place(split, index))

    def _place(self, split: str, index: int) -> int:
        if split != self.split or not 0 <= index < len(self.indices):
            raise DataError(
                f"there is no sample {index} in this part of {split!r}",
                where=self.name,
                next_step=f"ask for an index below {len(self.indices)} of {self.split!r}",
            )
        return self.indices[index]

    def digest(self, split: str) -> str:
        """A digest of the split and of what was chosen."""
        return digest_of_value([self.source.digest(split), [*self.indices]])


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """So many items at equal distances; all where there are no more."""
    total = len(items)
    return [items[index * total // count] for index in range(count)] if total > count else [*items]
