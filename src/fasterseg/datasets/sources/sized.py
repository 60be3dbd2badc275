"""A data set at one working size: what is trained on and searched on; scores keep their labels.

Images are resampled (`resampling`), labels taken from the nearest pixel, on one grid.  That is done
once for each sample and kept (`kept_samples`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import PIL

from fasterseg.artifacts import digest_of_value
from fasterseg.datasets.pictures.resampling import resampled
from fasterseg.datasets.sample import ImageSize, Sample
from fasterseg.datasets.sources.kept_samples import KeptSamples, key_of
from fasterseg.datasets.sources.source import DataSource, SourceOver
from fasterseg.datasets.transforming.transforms import resize_labels
from fasterseg.version import __version__

_RULE = 1
"""Of how images are resampled: what was kept under another one is not used."""


@dataclass(frozen=True, slots=True)
class SizedSource(SourceOver):
    """Implements `DataSource`: another one's images and labels, all of them at one size.

    What `to_score` gives has its image at that size, and its labels at their own.
    """

    size: ImageSize
    _kept: list[KeptSamples] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def working_size(self) -> ImageSize | None:
        """The one size."""
        return self.size

    @property
    def as_it_lies(self) -> DataSource:
        """The underlying source."""
        return self.source.as_it_lies

    def image_size(self, split: str, index: int) -> ImageSize:
        """The one size."""
        return self.size

    def sample(self, split: str, index: int) -> Sample:
        """One sample at the size, read and resized where it is not kept yet."""
        stamp = self.source.stamp(split, index)
        key = key_of(stamp) if stamp else ""
        if key and (known := self._keeper().read(key, self._name(split, index), self.size)):
            return known
        found = self.source.sample(split, index)
        if found.image.shape[:2] == tuple(self.size):
            return found  # as quickly read from its own files
        image, labels = resampled(found.image, self.size), resize_labels(found.labels, self.size)
        sized = Sample(image, labels, found.name)
        if key:
            self._keeper().keep(key, sized)
        return sized

    def to_score(self, split: str, index: int) -> Sample:
        """The image at the size, and its labels at their own."""
        found = self.source.to_score(split, index)
        return replace(found, image=resampled(found.image, self.size))

    def digest(self, split: str) -> str:
        """A digest of the split and the size."""
        return digest_of_value([self.source.digest(split), "at", [*self.size]])

    def stamp(self, split: str, index: int) -> tuple[str | int, ...]:
        """The underlying source's and the size."""
        known = self.source.stamp(split, index)
        return (*known, *self.size) if known else ()

    def _name(self, split: str, index: int) -> str:
        return self.source.names(split)[index]

    def _keeper(self) -> KeptSamples:
        if not self._kept:
            self._kept.append(KeptSamples(_conditions_of(self.source, self.size)))
        return self._kept[0]


def brought_to(source: DataSource, size: ImageSize | None) -> DataSource:
    """The data with its images at a working size; as they lie where there is none."""
    plain = source.as_it_lies
    return plain if size is None else SizedSource(plain, (size[0], size[1]))


def _conditions_of(source: DataSource, size: ImageSize) -> str:
    """A digest of all that decides what a sample becomes, beside what its stamp tells."""
    files = source.files
    parts = (
        []
        if files is None
        else [
            [
                part,
                *layout.how_read(),
                [[raw, label] for raw, label in layout.labelling.meaning.items()],
            ]
            for part, layout in files.parts().items()
        ]
    )
    about = [source.label_space.content(), source.reading.model_dump(mode="json")]
    versions = [__version__, PIL.__version__, _RULE]
    return digest_of_value([parts, about, versions, [*size]]).removeprefix("sha256:")
