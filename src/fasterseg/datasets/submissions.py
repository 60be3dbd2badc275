"""What the servers of published benchmarks take: which images, under which names, in which ids."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.layouts.published.cityscapes import LABELS, raw_meaning
from fasterseg.datasets.pictures.listing import is_folder, list_pictures, printable
from fasterseg.datasets.sample import LabelMap
from fasterseg.errors import DataError, UsageError
from fasterseg.paths import user_path

_NAMED = 5


@dataclass(frozen=True, slots=True)
class SubmissionForm:
    """What one server takes: a PNG of the image's own size for each image of its test split.

    ``pattern`` finds in an image's name, without its suffix, what its file is called after
    (``folder`` and ``name``); ``ids`` has what each class id is written as; ``homes`` are where a
    data set's folder has the split's ``images``.
    """

    title: str
    pattern: re.Pattern[str]
    example: str
    ending: str
    ids: tuple[int, ...]
    homes: tuple[str, ...]
    images: int

    def images_in(self, source: str) -> str:
        """Return the test images' folder of a data set that is named; else what was named."""
        for home in self.homes:
            if is_folder(found := user_path(source) / home):
                return str(found)
        return source

    def default_folder(self, source: str) -> Path:
        """Return where its files go if nobody says: beside what was named."""
        named = user_path(source).absolute()
        return named.with_name(f"{named.stem}-submission")

    def names_of(self, images: Sequence[Path]) -> list[str]:
        """Return what each image's file is called, without its ending.

        Raises `DataError` for images that are not the data set's, or are there twice.
        """
        told = [self.pattern.fullmatch(path.stem) for path in images]
        strange = [printable(path) for path, one in zip(images, told, strict=True) if one is None]
        if strange:
            raise DataError(
                f"{len(strange):,} of {len(images):,} images are none of {self.title}",
                where=strange[0],
                why=f"its images are called as {self.example}, and its server finds files by that",
                next_step="name the folder of the data set, or of its test images alone",
            )
        names = [self._name(one) for one in told if one is not None]
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise DataError(
                "two images would have the same file",
                where=printable(twice[0]),
                why=f"{self.title} has each image once, and its server takes one file for each",
                next_step="name the folder of the test images alone",
            )
        return names

    def _name(self, told: re.Match[str]) -> str:
        return "/".join(filter(None, (told.groupdict().get("folder"), told["name"])))

    def labels_as_sent(self, labels: LabelMap) -> npt.NDArray[np.uint8]:
        """Return class ids as the server's."""
        ids: npt.NDArray[np.uint8] = np.array(self.ids, dtype=np.uint8)[labels]
        return ids

    def require_classes(self, model: str, space: LabelSpace) -> None:
        """Raise `UsageError` for a model of other classes than the data set's."""
        if space.names == LABELS.names:
            return
        raise UsageError(
            f"the model knows other classes than {self.title}",
            where=model,
            why=f"the model: {', '.join(space.names)}; the server: {', '.join(LABELS.names)}",
            next_step=f"name a model that was trained on {self.title}, or leave --submission out",
        )

    def require_alone(self, folder: Path, files: Sequence[str]) -> None:
        """Raise `UsageError` where other pictures lie in the folder: the server may find two."""
        there = list_pictures(folder, {".png"}).pictures if is_folder(folder) else []
        wanted = {folder / file for file in files}
        if others := [path for path in there if path not in wanted]:
            raise UsageError(
                "other pictures lie in the folder of the submission",
                where=printable(others[0]),
                why="the server looks for each image's file by the beginning of its name, and may "
                "find two",
                next_step="name an empty or a new folder with --out",
            )

    def notes(self, folder: Path, written: int) -> list[str]:
        """Return how to hand the files in, and that they are too few where they are."""
        archive = f"{folder}.zip"
        notes = [f"to hand it in, pack it: python -m zipfile -c {archive} {folder}/"]
        if written != self.images:
            notes.append(
                f"the server of {self.title} wants the {self.images:,} images of test, and these "
                f"are {written:,}"
            )
        return notes


def submission_form(name: str) -> SubmissionForm:
    """Return what a benchmark's server takes; raises `UsageError` for one that is not known."""
    if name not in SUBMISSIONS:
        raise UsageError(
            f"there is no submission to {name!r}",
            where="--submission",
            why=f"files can be written for {' and '.join(SUBMISSIONS)}",
            next_step="name one of these",
        )
    return SUBMISSIONS[name]


def _raw_ids() -> tuple[int, ...]:
    """The raw id of each class, in the order of class ids."""
    known = {label: raw for raw, label in raw_meaning().items() if label != LABELS.ignore}
    return tuple(known[label] for label in range(LABELS.classes))


SUBMISSIONS: Mapping[str, SubmissionForm] = {
    "cityscapes": SubmissionForm(
        title="Cityscapes",
        pattern=re.compile(r"(?P<name>(?P<folder>[A-Za-z-]+)_\d{6}_\d{6})_leftImg8bit"),
        example="berlin_000000_000019_leftImg8bit.png",
        ending="_labelIds.png",
        ids=_raw_ids(),
        homes=("leftImg8bit/test",),
        images=1525,
    ),
    "bdd100k": SubmissionForm(
        title="BDD100K",
        pattern=re.compile(r"(?P<name>[0-9a-f]{8}-[0-9a-f]{8})"),
        example="ac517380-00000000.jpg",
        ending=".png",
        ids=tuple(range(LABELS.classes)),
        homes=("images/10k/test", "seg/images/test"),
        images=2000,
    ),
}
"""The servers that files are written for; both count Cityscapes' 19 classes."""
