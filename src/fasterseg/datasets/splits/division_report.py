"""What a division of images is, for whoever reviews it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from fasterseg.amounts import first_few, number_of
from fasterseg.datasets.splits.dividing import Counted, Division
from fasterseg.datasets.splits.recordings import Recordings
from fasterseg.datasets.splits.split_file import SPLITS, UNUSED
from fasterseg.told import Told

_NAMED = 5


class SplitShare(BaseModel):
    """One split: its images, the recordings that they are of, and its share of each class."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: int
    recordings: int
    class_shares: dict[str, float]


class DivisionReport(BaseModel):
    """How images were divided: ``told_by`` says what was taken for a recording.

    Class shares are of the pixels that all splits have of the class.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: int
    recordings: int
    told_by: str
    splits: dict[str, SplitShare]
    unused: int
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        images: Sequence[Counted],
        division: Division,
        recordings: Recordings,
        names: Sequence[str],
        *,
        copies: int = 0,
    ) -> Self:
        """Return the report of a division; `names` are the classes', `copies` were left out."""
        groups = {
            split: [one for one in images if division.splits[one.name] == split] for split in SPLITS
        }
        groups = {split: group for split, group in groups.items() if group}
        pixels = {
            split: np.sum([one.pixels for one in group], axis=0) for split, group in groups.items()
        }
        whole = np.maximum(np.sum([*pixels.values()], axis=0), 1)
        splits = {
            split: SplitShare(
                images=len(group),
                recordings=len({one.recording for one in group}),
                class_shares=dict(zip(names, (pixels[split] / whole).tolist(), strict=True)),
            )
            for split, group in groups.items()
        }
        return cls(
            images=len(images) + copies,
            recordings=recordings.count,
            told_by=recordings.how,
            splits=splits,
            unused=division.count(UNUSED) + copies,
            notes=(*_notes_on_division(division, recordings, copies), *_notes_on_classes(splits)),
        )

    def lines(self) -> list[str]:
        """Return the report as lines of text: the splits, then each class's shares in percent."""
        named = f"{self.recordings} recordings" if self.recordings != 1 else "1 recording"
        width = max(len("recordings"), *(len(name) for name in self._classes()))
        rows = [("", [*self.splits])]
        rows += [("images", [str(one.images) for one in self.splits.values()])]
        rows += [("recordings", [str(one.recordings) for one in self.splits.values()])]
        rows += [
            (name, [f"{100 * one.class_shares[name]:.1f} %" for one in self.splits.values()])
            for name in self._classes()
        ]
        return [
            f"{self.images} images of {named}: {self.told_by}",
            *(
                f"{name:{width}} " + " ".join(f"{cell:>8}" for cell in cells)
                for name, cells in rows
            ),
            *(f"note: {note}" for note in self.notes),
        ]

    def _classes(self) -> list[str]:
        return [*next(iter(self.splits.values())).class_shares]


class SplitResult(Told, BaseModel):
    """A division, the file that holds it, and the data file that names this."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    division: DivisionReport
    split_file: str
    data_file: str

    def describe(self) -> str:
        """Return what was divided, where it is written, and what to do next."""
        return "\n".join(
            [
                *self.division.lines(),
                f"written: {self.split_file}, a line for each image: read it over and change what "
                f"is wrong; {self.data_file} names it",
                f"next: fasterseg check-data {self.data_file}",
            ]
        )


def _notes_on_division(division: Division, recordings: Recordings, copies: int) -> Iterator[str]:
    if not recordings.together:
        yield (
            "where photos of one place or moment were taken one after another, they may lie in two "
            "splits, and scores are then too good: say what tells them apart by 'groups'"
        )
    if division.cut:
        which = f"{len(division.cut)} recordings are" if len(division.cut) > 1 else "a recording is"
        yield (
            f"{which} in more than one split, cut into stretches: {len(division.apart)} images "
            "beside the cuts are in none, so that no two neighbours lie in two"
        )
    if division.unlabelled:
        yield (
            f"{number_of(len(division.unlabelled), 'image')} without a labelled pixel in no split: "
            f"{first_few(division.unlabelled, _NAMED)}"
        )
    if copies:
        yield f"{number_of(copies, 'image')} in no split: copies of others, to the pixel"


def _notes_on_classes(splits: Mapping[str, SplitShare]) -> Iterator[str]:
    for split, told in splits.items():
        absent = [
            name
            for name, share in told.class_shares.items()
            if not share and any(other.class_shares[name] for other in splits.values())
        ]
        if not absent:
            continue
        learns = split == SPLITS[0]
        end = "no network can learn it" if learns else "no score of it tells of it"
        yield f"{first_few(absent, _NAMED)}: in no image of {split}, so that {end}"
