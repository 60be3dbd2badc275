"""What a data set says of itself that nobody described: for sources that tests make up."""

from __future__ import annotations

from fasterseg.datasets.labels import DeclaredWeights
from fasterseg.datasets.pictures.reading import DEFAULT_READING, Reading
from fasterseg.datasets.sample import ImageSize, Recorded, Sample
from fasterseg.datasets.transforming.transforms import Normalisation


class MadeUpSource:
    """A data source without files; what it holds is its subclass's business."""

    terms = ""
    reading = DEFAULT_READING
    normalisation = Normalisation()
    class_weights: DeclaredWeights = None
    groups: tuple[str, ...] = ()
    scored = ""
    withheld: tuple[str, ...] = ()
    files = None
    working_size = None
    unlabelled = 0

    @property
    def as_it_lies(self) -> MadeUpSource:
        return self

    def sample(self, split: str, index: int) -> Sample:
        raise NotImplementedError

    def recordings(self, split: str) -> tuple[Recorded, ...] | None:
        return None

    def image_size(self, split: str, index: int) -> ImageSize:
        height, width = self.sample(split, index).labels.shape
        return height, width

    def read_as(self, reading: Reading) -> MadeUpSource:
        return self

    def to_score(self, split: str, index: int) -> Sample:
        return self.sample(split, index)

    def stamp(self, split: str, index: int) -> tuple[str | int, ...]:
        return ()
