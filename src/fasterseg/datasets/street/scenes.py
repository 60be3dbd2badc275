"""The street scenes as a data source."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping

import numpy as np

from fasterseg.datasets.labels import DeclaredWeights, LabelSpace
from fasterseg.datasets.pictures.reading import DEFAULT_READING, Reading
from fasterseg.datasets.sample import UNLABELLED, ImageSize, Recorded, Sample
from fasterseg.datasets.street.conditions import ANY, CONDITIONS, StreetLight
from fasterseg.datasets.street.scene import paint_scene
from fasterseg.datasets.transforming.transforms import Normalisation
from fasterseg.errors import DataError, UsageError

STREET_LABELS = LabelSpace(
    names=(
        "sky",
        "road",
        "pavement",
        "building",
        "vegetation",
        "car",
        "pedestrian",
        "pole",
        "sign",
    ),
    colours=(
        (70, 130, 180),
        (128, 64, 128),
        (244, 35, 232),
        (110, 104, 100),
        (107, 142, 35),
        (0, 0, 190),
        (220, 20, 60),
        (255, 170, 60),
        (250, 230, 40),
    ),
    ignore=255,
)

_SPLITS = ("train", "val", "test")
_COUNTED = (*_SPLITS, UNLABELLED)
_COUNTS = {"train": 2000, "val": 250, "test": 500}
_SMALLEST = 16
# A change to what scenes look like changes this, and with it every scene and digest.
_EDITION = 1


class StreetScenes:
    """Procedural street scenes: nine classes, any size, no files.

    A sample is a pure function of (seed, split, index, size); splits never share a scene, and those
    whose labels are thrown away (`UNLABELLED`) are in none.
    By ``daylight`` they are easier (`conditions`).  At another size a scene is the same picture,
    with more or less to the sides where the proportions differ.  Raises UsageError for a size below
    16 pixels, an unknown split or a negative count.
    """

    label_space = STREET_LABELS
    terms = "made by this program; free of any terms"
    reading = DEFAULT_READING
    normalisation = Normalisation()
    class_weights: DeclaredWeights = None
    groups: tuple[str, ...] = ()
    scored = ""
    withheld: tuple[str, ...] = ()
    files = None

    def __init__(
        self,
        *,
        size: tuple[int, int] = (128, 256),
        counts: Mapping[str, int] | None = None,
        seed: int = 0,
        light: StreetLight = "any",
    ) -> None:
        self.size = _checked_size(size)
        self.seed = seed
        self.conditions = CONDITIONS[light]
        self.name = self.conditions.name
        self._counts = _checked_counts(_COUNTS if counts is None else counts)

    def splits(self) -> tuple[str, ...]:
        """Return the names of the splits that hold samples."""
        return tuple(split for split in _SPLITS if self._counts.get(split, 0))

    @property
    def unlabelled(self) -> int:
        """How many scenes there are whose labels are thrown away."""
        return self._counts.get(UNLABELLED, 0)

    def length(self, split: str) -> int:
        """Return how many samples a split holds; raises DataError for an unknown split."""
        if split == UNLABELLED:
            return self.unlabelled
        if split not in self.splits():
            raise DataError(
                f"the street scenes have no split {split!r}",
                where=f"street, seed {self.seed}",
                why=f"splits with samples: {', '.join(self.splits()) or 'none'}",
                next_step="name one of these splits, or give the split a count above 0",
            )
        return self._counts[split]

    def names(self, split: str) -> tuple[str, ...]:
        """Return the names of a split's samples, in index order, sorted."""
        return tuple(_name(split, index) for index in range(self.length(split)))

    def recordings(self, split: str) -> tuple[Recorded, ...] | None:
        """None: every scene is one of its own."""

    def image_size(self, split: str, index: int) -> ImageSize:
        """Return the size of all scenes."""
        return self.size

    def read_as(self, reading: Reading) -> StreetScenes:
        """Return the same scenes: they are painted, and no pictures are read."""
        return self

    def sample(self, split: str, index: int) -> Sample:
        """Return one scene; raises DataError for an index that the split does not hold."""
        if not 0 <= index < self.length(split):
            raise DataError(
                f"no sample {index} in split {split!r}",
                where=f"street, seed {self.seed}",
                why=f"the split holds {self.length(split)} samples, counted from 0",
                next_step="ask for an index below that, or raise the split's count",
            )
        height, width = self.size
        image, labels = paint_scene(
            self._dice(split, index), height=height, width=width, conditions=self.conditions
        )
        if split == UNLABELLED:
            labels = np.full_like(labels, self.label_space.ignore)
        return Sample(image=image, labels=labels, name=_name(split, index))

    def _dice(self, split: str, index: int) -> random.Random:
        """Return the randomness of one scene; its stream is the same on every machine."""
        key = f"fasterseg street {_EDITION}/{self.seed}/{split}/{index}"
        return random.Random(int.from_bytes(hashlib.sha256(key.encode()).digest()[:16], "big"))

    @property
    def working_size(self) -> None:
        """None: scenes are painted at their own size."""

    @property
    def as_it_lies(self) -> StreetScenes:
        """Itself."""
        return self

    def to_score(self, split: str, index: int) -> Sample:
        """Return one scene; raises as `sample` does."""
        return self.sample(split, index)

    def stamp(self, split: str, index: int) -> tuple[str | int, ...]:
        """Return what a scene is made from."""
        return (self.name, _EDITION, self.seed, split, index, *self.size)

    def digest(self, split: str) -> str:
        """Return a digest of a split: its length, size and seed, and five of its scenes."""
        length = self.length(split)
        height, width = self.size
        # Those of any light have the digest that they had before there was another.
        light = "" if self.conditions is ANY else f"{self.conditions}/"
        state = hashlib.sha256(
            f"{light}{_EDITION}/{self.seed}/{split}/{length}/{height}x{width}".encode()
        )
        for index in sorted({length * step // 5 for step in range(5)}):
            sample = self.sample(split, index)
            state.update(sample.image.tobytes())
            state.update(sample.labels.tobytes())
        return state.hexdigest()


def _name(split: str, index: int) -> str:
    return f"{split}-{index:08d}"


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    height, width = size
    if min(height, width) < _SMALLEST:
        raise UsageError(
            f"street scenes of {height}x{width} pixels are too small",
            where="size (height, width)",
            why=f"each side needs {_SMALLEST} pixels at least",
            next_step="ask for a larger size, such as 128x256",
        )
    return height, width


def _checked_counts(counts: Mapping[str, int]) -> dict[str, int]:
    for split, count in counts.items():
        if split not in _COUNTED or count < 0:
            raise UsageError(
                f"street scenes cannot have {count} samples in a split {split!r}",
                where="counts",
                why=f"the splits are {', '.join(_SPLITS)}, and a count is 0 or more",
                next_step="correct the split's name or its count",
            )
    return dict(counts)
