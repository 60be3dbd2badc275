"""What a data set holds: images, sizes and class balance of each split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from fasterseg.amounts import first_few, number_of
from fasterseg.artifacts import Artifact
from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.pictures.bands import count_values
from fasterseg.datasets.sample import UNLABELLED, ImageSize, LabelMap
from fasterseg.datasets.sources.source import DataSource
from fasterseg.told import Told

_NAMED = 5


class SplitReport(BaseModel):
    """One split: ``sizes`` counts images by ``HxW``; shares are of the labelled pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: int
    sizes: dict[str, int]
    labelled_pixels: int
    ignored_pixels: int
    unlabelled_images: int
    class_pixels: dict[str, int]
    class_images: dict[str, int]

    def class_shares(self) -> dict[str, float]:
        """Return each class's share of the labelled pixels (0 where there are none)."""
        whole = max(1, self.labelled_pixels)
        return {name: pixels / whole for name, pixels in self.class_pixels.items()}


class UnlabelledReport(BaseModel):
    """Images without labels: how many, and of which sizes, by ``HxW``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: int
    sizes: dict[str, int]


class DataReport(Told, Artifact):
    """What `check_data` found in a data set without faults.

    Of images without labels ``digests`` has one under `UNLABELLED`.
    """

    schema_tag: ClassVar[str] = "fasterseg.data-report/1"

    data: str
    terms: str
    names: tuple[str, ...]
    splits: dict[str, SplitReport]
    digests: dict[str, str]
    notes: tuple[str, ...]
    unlabelled: UnlabelledReport | None = None

    def content(self) -> dict[str, Any]:
        """The report as a JSON value; without images without labels it is what it always was."""
        content = super().content()
        if self.unlabelled is None:
            del content["unlabelled"]
        return content

    @classmethod
    def of(
        cls,
        source: DataSource,
        splits: Mapping[str, SplitReport],
        *,
        notes: Sequence[str] = (),
        lone_sizes: Mapping[ImageSize, int] = MappingProxyType({}),
    ) -> Self:
        """Return the report of a source, with the notes that its figures call for.

        ``lone_sizes`` counts its images without labels.
        """
        digested = (*source.splits(), *([UNLABELLED] if source.unlabelled else []))
        return cls(
            data=source.name,
            terms=source.terms,
            names=source.label_space.names,
            splits=dict(splits),
            digests={split: source.digest(split) for split in digested},
            notes=(*notes, *_notes(splits)),
            unlabelled=_unlabelled(lone_sizes) if source.unlabelled else None,
        )

    def describe(self) -> str:
        """Return the report as text."""
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """Return the report as lines of text: splits, class balance in percent, notes."""
        lines = [f"{self.data}: {len(self.names)} classes"]
        for name, split in self.splits.items():
            sizes = ", ".join(list(split.sizes)[:_NAMED])
            ignored = split.ignored_pixels / max(1, split.ignored_pixels + split.labelled_pixels)
            images = number_of(split.images, "image")
            lines.append(f"{name}: {images}, {sizes}, {100 * ignored:.1f} % ignored")
        if (lone := self.unlabelled) is not None:
            sizes = ", ".join(list(lone.sizes)[:_NAMED])
            lines.append(
                f"{UNLABELLED}: {number_of(lone.images, 'image')}, {sizes}, for distillation alone"
            )
        width = max(len(name) for name in self.names)
        of_splits = [split.class_shares() for split in self.splits.values()]
        for name in self.names:
            shares = [100 * of_split[name] for of_split in of_splits]
            lines.append(f"{name:{width}} " + " ".join(f"{share:6.2f}" for share in shares))
        return lines + [f"note: {note}" for note in self.notes]


def _unlabelled(sizes: Mapping[ImageSize, int]) -> UnlabelledReport:
    by_text = {f"{height}x{width}": count for (height, width), count in sorted(sizes.items())}
    return UnlabelledReport(images=sum(sizes.values()), sizes=by_text)


def _notes(splits: Mapping[str, SplitReport]) -> list[str]:
    notes: list[str] = []
    for name, split in splits.items():
        absent = [label for label, pixels in split.class_pixels.items() if not pixels]
        if absent:
            notes.append(f"{name} has no pixel of {first_few(absent, _NAMED)}")
        if len(split.sizes) > 1:
            notes.append(f"{name} has images of {len(split.sizes)} sizes: train with a crop")
        if split.unlabelled_images:
            images = number_of(split.unlabelled_images, "image")
            notes.append(f"{name} has {images} without a labelled pixel")
    return notes


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """What a label map holds: its size, pixels of each class, and of what never counts."""

    size: ImageSize
    pixels: npt.NDArray[np.int64]
    ignored: int

    @classmethod
    def of(cls, labels: LabelMap, space: LabelSpace) -> Self:
        """Return what a label map of that space holds."""
        pixels = count_values(labels, space.classes)[: space.classes]
        size = (labels.shape[0], labels.shape[1])
        return cls(size, pixels, labels.size - int(pixels.sum()))


class Tally:
    """Counts what a split's label maps hold."""

    def __init__(self, space: LabelSpace) -> None:
        self._space = space
        self._sizes: Counter[tuple[int, int]] = Counter()
        self._pixels: npt.NDArray[np.int64] = np.zeros(space.classes, dtype=np.int64)
        self._images: npt.NDArray[np.int64] = np.zeros(space.classes, dtype=np.int64)
        self._ignored = 0
        self._unlabelled = 0

    def add(self, labels: LabelCounts) -> None:
        """Count what one label map holds."""
        self._sizes[labels.size] += 1
        self._pixels += labels.pixels
        self._images += labels.pixels > 0
        self._ignored += labels.ignored
        self._unlabelled += not labels.pixels.any()

    def report(self) -> SplitReport:
        """Return what was counted."""
        names = self._space.names
        return SplitReport(
            images=sum(self._sizes.values()),
            sizes={f"{h}x{w}": count for (h, w), count in sorted(self._sizes.items())},
            labelled_pixels=int(self._pixels.sum()),
            ignored_pixels=self._ignored,
            unlabelled_images=self._unlabelled,
            class_pixels=dict(zip(names, self._pixels.tolist(), strict=True)),
            class_images=dict(zip(names, self._images.tolist(), strict=True)),
        )
