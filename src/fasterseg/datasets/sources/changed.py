"""A data set seen otherwise than it lies on disk: smaller, or fed to networks by other numbers."""

from __future__ import annotations

from dataclasses import dataclass

from fasterseg.artifacts import digest_of_value
from fasterseg.datasets.sample import ImageSize, Sample
from fasterseg.datasets.sources.source import DataSource, SourceOver
from fasterseg.datasets.transforming.transforms import Normalisation, rescaled, scaled_size


@dataclass(frozen=True, slots=True)
class ScaledSource(SourceOver):
    """Implements `DataSource`: another one's images and labels, all of them times one factor.

    Both are resized on one grid, bilinear and nearest, as `datasets.transforming.transforms` does.
    """

    factor: float

    def image_size(self, split: str, index: int) -> ImageSize:
        """An image's size, scaled."""
        return scaled_size(self.source.image_size(split, index), self.factor)

    def sample(self, split: str, index: int) -> Sample:
        """One sample, scaled."""
        found = self.source.sample(split, index)
        return Sample(*rescaled(found.image, found.labels, self.factor), found.name)

    def to_score(self, split: str, index: int) -> Sample:
        """The same: what is searched on scaled images is compared on them."""
        return self.sample(split, index)

    def stamp(self, split: str, index: int) -> tuple[str | int, ...]:
        """The underlying source's and the factor."""
        known = self.source.stamp(split, index)
        return (*known, str(self.factor)) if known else ()

    def digest(self, split: str) -> str:
        """A digest of the split and the factor."""
        return digest_of_value([self.source.digest(split), self.factor])


def scaled(source: DataSource, factor: float) -> DataSource:
    """The data set with its images and labels times a factor; itself for 1."""
    return source if factor == 1 else ScaledSource(source, factor)


@dataclass(frozen=True, slots=True)
class NormalisedSource(SourceOver):
    """Implements `DataSource`: another one, of which networks are fed what is said here."""

    fed: Normalisation

    @property
    def normalisation(self) -> Normalisation:
        """What is said here, whatever the data file says."""
        return self.fed
