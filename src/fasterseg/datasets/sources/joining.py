"""Splits named together, as in ``train+val``, wherever a split is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain

from fasterseg.artifacts import digest_of_value
from fasterseg.datasets.sample import ImageSize, Recorded, Sample
from fasterseg.datasets.sources.source import SourceOver
from fasterseg.errors import DataError


@dataclass(frozen=True, slots=True)
class JoinedSplits(SourceOver):
    """Implements `DataSource` over another source, and understands ``a+b``.

    The parts of a joined split follow one another in alphabetical order, whatever the order in
    which they are named; its samples are called ``split/name``.  Plain splits are untouched.
    """

    def length(self, split: str) -> int:
        """Return how many samples the parts hold together."""
        return sum(self.source.length(part) for part in parts_of(split))

    def names(self, split: str) -> tuple[str, ...]:
        """Return the sample names in index order."""
        parts = parts_of(split)
        if len(parts) == 1:
            return self.source.names(split)
        return tuple(f"{part}/{name}" for part in parts for name in self.source.names(part))

    def recordings(self, split: str) -> tuple[Recorded, ...] | None:
        """Return the recordings of all parts, by the samples' names in their parts."""
        parts = [self.source.recordings(part) for part in parts_of(split)]
        known = [part for part in parts if part is not None]
        return tuple(chain.from_iterable(known)) if len(known) == len(parts) else None

    def image_size(self, split: str, index: int) -> ImageSize:
        """Return an image's size; raises DataError for an index that is out of range."""
        return self.source.image_size(*self._place(split, index))

    def sample(self, split: str, index: int) -> Sample:
        """Return one sample; raises DataError for an index that is out of range."""
        part, place = self._place(split, index)
        return _named(self.source.sample(part, place), part, split)

    def to_score(self, split: str, index: int) -> Sample:
        """Return one sample to score; raises DataError for an index that is out of range."""
        part, place = self._place(split, index)
        return _named(self.source.to_score(part, place), part, split)

    def stamp(self, split: str, index: int) -> tuple[str | int, ...]:
        """Return a sample's stamp in the part in which it lies."""
        return self.source.stamp(*self._place(split, index))

    def _place(self, split: str, index: int) -> tuple[str, int]:
        """The part in which a sample lies, and its index there."""
        parts = parts_of(split)
        if len(parts) == 1:
            return split, index
        left = index
        for part in parts:
            if 0 <= left < self.source.length(part):
                return part, left
            left -= self.source.length(part)
        raise DataError(
            f"there is no sample {index} in {split!r}",
            where=self.name,
            next_step=f"ask for an index below {self.length(split)}",
        )

    def digest(self, split: str) -> str:
        """Return a digest of all parts."""
        parts = parts_of(split)
        if len(parts) == 1:
            return self.source.digest(split)
        return digest_of_value([[part, self.source.digest(part)] for part in parts])


def _named(found: Sample, part: str, split: str) -> Sample:
    """A sample under its name in a split, of which it lies in a part."""
    return found if part == split else replace(found, name=f"{part}/{found.name}")


def share_images(one: str, other: str) -> bool:
    """Whether two splits have a part in common."""
    return not set(parts_of(one)).isdisjoint(parts_of(other))


def parts_of(split: str) -> tuple[str, ...]:
    """Return the plain splits that a name joins; raises DataError where one is named twice."""
    parts = sorted(part.strip() for part in split.split("+"))
    if len(set(parts)) < len(parts):
        raise DataError(
            f"the split {split!r} names a part twice",
            why="the parts of a joined split must be disjoint",
            next_step=f"write {'+'.join(sorted(set(parts)))}",
        )
    return tuple(parts)
