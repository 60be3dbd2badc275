"""A first look at a data set: what is in its images, and which split each belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.checking.data_report import DataReport
from fasterseg.datasets.opening import open_files
from fasterseg.datasets.sources.files import FileSource
from fasterseg.datasets.sources.serving import TEST, TRAIN, VAL
from fasterseg.datasets.splits.dividing import USUAL_SHARES
from fasterseg.datasets.splits.recordings import By
from fasterseg.datasets.splits.split_file import SPLITS
from fasterseg.pipeline.settings.unlabelled import NAMED_BY_DATA
from fasterseg.pipeline.setup.data_place import DataPlace
from fasterseg.pipeline.setup.dividing import require_one_data_set
from fasterseg.pipeline.setup.looking_over import (
    Divided,
    divided_by,
    look_over,
    shares_beside,
    splits_to_keep,
)
from fasterseg.pipeline.setup.setup_report import Found
from fasterseg.space.blocks import Size
from fasterseg.stopping import Show


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen in the images, and how they are divided.

    ``sizes`` counts images, ``train`` has the pixels of each class in train; ``divided`` is None
    where the data has splits of its own.
    """

    images: Mapping[str, int]
    sizes: Counter[Size]
    train: Mapping[str, int]
    notes: tuple[str, ...]
    divided: Divided | None = None

    @property
    def photo(self) -> Size:
        """The size of most images."""
        return self.sizes.most_common(1)[0][0]

    @property
    def shares(self) -> dict[str, float]:
        """Each class's share of the labelled pixels of train."""
        whole = max(1, sum(self.train.values()))
        return {name: pixels / whole for name, pixels in self.train.items()}

    def as_found(self, data: str, form: str) -> Found:
        """Return it as the report has it, for data of that name and form."""
        return Found(
            data=data,
            form=form,
            images=dict(self.images),
            sizes={str(size): count for size, count in self.sizes.most_common()},
            shares=self.shares,
            division=None if self.divided is None else self.divided.report,
            notes=self.notes,
        )


def first_look(
    place: DataPlace, show: Show, *, by: By = "auto", seed: int = 0, outside: bool = False
) -> Looked:
    """Read every image, and divide them where there is no train or no val; a test stays as it is.

    Raises DataError for what is wrong in any of the files.
    """
    source = place.source
    if place.known is not None and place.known.splits:
        source = open_files(place.file, outside=outside, beside=NAMED_BY_DATA)
    splits = [split for split in source.splits() if split not in source.withheld]
    if TRAIN in splits and VAL in splits:
        return _with_its_splits(source, show)
    require_one_data_set(place)
    keeping = splits_to_keep(source)
    looked = look_over(place.source, show, by=by, keeping=keeping)
    found = divided_by(looked, shares=shares_beside(keeping, USUAL_SHARES), seed=seed)
    learned = {line.image for line in found.lines if line.split == TRAIN}
    pixels = np.sum([one.pixels for one in looked.images if one.name in learned], axis=0)
    return Looked(
        Counter(line.split for line in found.lines if line.split in SPLITS),
        _sizes(looked.report),
        dict(zip(looked.report.names, pixels.tolist(), strict=True)),
        source.layout.notes,
        found,
    )


def _with_its_splits(source: FileSource, show: Show) -> Looked:
    with show("Looking at the images", total=0, unit="images") as step:
        report = check_data(source, progress=step, remember=True)
    images = {split: one.images for split, one in report.splits.items()}
    return Looked(images, _sizes(report), report.splits[TRAIN].class_pixels, report.notes)


def _sizes(report: DataReport) -> Counter[Size]:
    found: Counter[Size] = Counter()
    for split in report.splits.values():
        found.update({Size.parse(text): count for text, count in split.sizes.items()})
    return found


def image_to_show(source: FileSource) -> Path:
    """Return an image that no network learns from, where there is one."""
    known = [split for split in (TEST, VAL, TRAIN) if split in source.splits()]
    return source.pairs((known or list(source.splits()))[0])[0].image
