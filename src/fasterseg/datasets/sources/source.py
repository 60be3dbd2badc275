"""What every data set is to the rest of the package, however its files lie on disk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from fasterseg.datasets.labels import DeclaredWeights, LabelSpace
from fasterseg.datasets.pictures.reading import Reading
from fasterseg.datasets.sample import ImageSize, Recorded, Sample
from fasterseg.datasets.transforming.transforms import Normalisation

if TYPE_CHECKING:
    from fasterseg.datasets.sources.files import FileSource


@runtime_checkable
class DataSource(Protocol):
    """Labelled images in named splits, and how they want to be read, learnt from and scored.

    Reading is pure: the same split and index give the same sample, in any process and order.
    Images without labels are asked for as those of a split that is called `UNLABELLED`: all pixels
    of their labels are ignored.  It is none of `splits`, and nothing is ever scored on it.
    Nobody asks a source for its class: what there is to know of a data set is a member here, and
    whoever wraps one (`SourceOver`) passes all of them on.
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

    @property
    def reading(self) -> Reading:
        """How pictures become pixels."""
        ...

    @property
    def normalisation(self) -> Normalisation:
        """What a network is fed: the data file's normalisation, else the default one."""
        ...

    @property
    def class_weights(self) -> DeclaredWeights:
        """What the data file says of each class's share in the loss."""
        ...

    @property
    def groups(self) -> tuple[str, ...]:
        """The data files' patterns for names of images that belong together; empty without any."""
        ...

    @property
    def scored(self) -> str:
        """The split that is scored by custom, where that is not ``test``; else empty."""
        ...

    @property
    def withheld(self) -> tuple[str, ...]:
        """The splits whose labels are not published."""
        ...

    @property
    def files(self) -> FileSource | None:
        """The files that the whole data set lies in; None where its samples are made."""
        ...

    @property
    def working_size(self) -> ImageSize | None:
        """The one size that images and labels are brought to; None where they keep their own."""
        ...

    @property
    def as_it_lies(self) -> DataSource:
        """The same data, brought to no size."""
        ...

    @property
    def unlabelled(self) -> int:
        """How many images without labels there are."""
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

    def recordings(self, split: str) -> tuple[Recorded, ...] | None:
        """Return each sample's recording, in index order; None where nobody knows of any."""
        ...

    def image_size(self, split: str, index: int) -> ImageSize:
        """Return a sample's height and width, without its pixels where a header tells them."""
        ...

    def sample(self, split: str, index: int) -> Sample:
        """Return one sample; raises DataError where it cannot be read."""
        ...

    def to_score(self, split: str, index: int) -> Sample:
        """Return one sample's image as networks see it, and its labels at their own size."""
        ...

    def stamp(self, split: str, index: int) -> tuple[str | int, ...]:
        """Return what tells that a sample is what it was, unread; empty where nothing does."""
        ...

    def digest(self, split: str) -> str:
        """Return a digest of a split's names, sizes and sampled contents."""
        ...

    def read_as(self, reading: Reading) -> DataSource:
        """Return the same data with all pictures read in another way, as a model reads them."""
        ...


@dataclass(frozen=True, slots=True)
class SourceOver:
    """Implements `DataSource` by another one: a wrapper overrides what it changes."""

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

    @property
    def reading(self) -> Reading:
        """The underlying source's reading."""
        return self.source.reading

    @property
    def normalisation(self) -> Normalisation:
        """The underlying source's normalisation."""
        return self.source.normalisation

    @property
    def class_weights(self) -> DeclaredWeights:
        """The underlying source's class weights."""
        return self.source.class_weights

    @property
    def groups(self) -> tuple[str, ...]:
        """The underlying source's groups."""
        return self.source.groups

    @property
    def scored(self) -> str:
        """The underlying source's scored split."""
        return self.source.scored

    @property
    def withheld(self) -> tuple[str, ...]:
        """The underlying source's withheld splits."""
        return self.source.withheld

    @property
    def files(self) -> FileSource | None:
        """The underlying source's files."""
        return self.source.files

    @property
    def working_size(self) -> ImageSize | None:
        """The underlying source's working size."""
        return self.source.working_size

    @property
    def as_it_lies(self) -> DataSource:
        """Return this over the underlying source as it lies."""
        return replace(self, source=self.source.as_it_lies)

    @property
    def unlabelled(self) -> int:
        """How many images without labels the underlying source has."""
        return self.source.unlabelled

    def splits(self) -> tuple[str, ...]:
        """Return the underlying source's splits."""
        return self.source.splits()

    def length(self, split: str) -> int:
        """Return how many samples the underlying source's split holds."""
        return self.source.length(split)

    def names(self, split: str) -> tuple[str, ...]:
        """Return the underlying source's names."""
        return self.source.names(split)

    def recordings(self, split: str) -> tuple[Recorded, ...] | None:
        """Return the underlying source's recordings."""
        return self.source.recordings(split)

    def image_size(self, split: str, index: int) -> ImageSize:
        """Return the size of the underlying source's image."""
        return self.source.image_size(split, index)

    def sample(self, split: str, index: int) -> Sample:
        """Return the underlying source's sample."""
        return self.source.sample(split, index)

    def to_score(self, split: str, index: int) -> Sample:
        """Return the underlying source's sample to score."""
        return self.source.to_score(split, index)

    def stamp(self, split: str, index: int) -> tuple[str | int, ...]:
        """Return the underlying source's stamp."""
        return self.source.stamp(split, index)

    def digest(self, split: str) -> str:
        """Return the underlying source's digest."""
        return self.source.digest(split)

    def read_as(self, reading: Reading) -> Self:
        """Return this over the underlying source, read in another way."""
        return replace(self, source=self.source.read_as(reading))
