"""From a word or a folder to a data source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from fasterseg.datasets.describing import open_described
from fasterseg.datasets.faults import error_of_faults
from fasterseg.datasets.files import FileSource
from fasterseg.datasets.joining import JoinedSplits, parts_of
from fasterseg.datasets.layouts import (
    FOLDER,
    STREET,
    data_file_in,
    layout_of,
    open_named,
    require_known,
)
from fasterseg.datasets.listing import what_it_is
from fasterseg.datasets.pairing import Tree
from fasterseg.datasets.reading import DEFAULT_READING, Reading
from fasterseg.datasets.source import DataSource, SourceOver
from fasterseg.datasets.street import StreetScenes
from fasterseg.datasets.transforms import Normalisation
from fasterseg.errors import DataError, UsageError
from fasterseg.paths import given

TEST = "test"
_COUNTED_MASKS = 200


def open_data(
    where: str | Path,
    *,
    layout: str = "auto",
    outside: bool = False,
    street_size: tuple[int, int] = (128, 256),
    street_counts: Mapping[str, int] | None = None,
    street_seed: int = 0,
) -> DataSource:
    """Return the data set at ``where``: ``street`` (built in), a folder, or a ``data.yaml``.

    The layout is found from the folder, or named.  ``outside`` allows files that lie outside of
    the folder.  Raises DataError for a folder of no known layout and for any fault of its listing:
    never a silently shortened data set.  What is in the files is looked at by `check_data`.
    """
    if str(where) == STREET and layout in ("auto", STREET):
        scenes = StreetScenes(size=street_size, counts=street_counts, seed=street_seed)
        return JoinedSplits(scenes)
    source = open_files(where, layout=layout, outside=outside)
    if source.faults:
        raise error_of_faults(source.faults, str(where))
    return JoinedSplits(source)


def open_files(where: str | Path, *, layout: str = "auto", outside: bool = False) -> FileSource:
    """Return the files at ``where`` even where their listing has faults: for the checker."""
    path = given(where)
    if not path.exists():
        raise DataError(
            "there is no such data set",
            where=str(where),
            why="nothing of this name is there",
            next_step=f"give a folder, a data.yaml, or '{STREET}' for the built-in scenes",
        )
    if (special := what_it_is(path)) and not path.is_dir():
        raise DataError(
            f"this is {special}, not a data set",
            where=str(where),
            next_step="give a folder of images and masks, or its data.yaml",
        )
    require_known(layout)
    file = path if path.is_file() else data_file_in(path)
    if layout in ("auto", FOLDER) and file is not None:
        return open_described(file, outside=outside)
    tree = Tree(path, may_leave=outside)
    return layout_of(path).open(tree) if layout == "auto" else open_named(layout, tree, path)


def normalisation_of(source: DataSource) -> Normalisation:
    """Return the normalisation that a source's ``data.yaml`` sets, else the default one."""
    inner = source.source if isinstance(source, JoinedSplits) else source
    chosen = inner.layout.normalisation if isinstance(inner, FileSource) else None
    return chosen or Normalisation()


def reading_of(source: DataSource) -> Reading:
    """Return how a source's pictures become pixels."""
    while isinstance(source, SourceOver):
        source = source.source
    return source.layout.reading if isinstance(source, FileSource) else DEFAULT_READING


def read_as(source: DataSource, reading: Reading) -> DataSource:
    """Return a source with its pictures read as a model reads them: scores are of what it sees."""
    if isinstance(source, SourceOver):
        return replace(source, source=read_as(source.source, reading))
    return source.read_as(reading) if isinstance(source, FileSource) else source


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recording that a sample is from, and the sample's name in it."""

    recording: str
    name: str


def recordings_of(source: DataSource, split: str) -> tuple[Recorded, ...] | None:
    """Return each sample's recording, in index order; None where nobody knows of any."""
    inner = source.source if isinstance(source, JoinedSplits) else source
    if not isinstance(inner, FileSource):
        return None
    if not any(layout.groups or layout.recordings for layout in inner.parts().values()):
        return None
    pairs = (pair for part in parts_of(split) for pair in inner.pairs(part))
    return tuple(Recorded(inner.recording_of(pair), pair.name) for pair in pairs)


def names_groups(source: DataSource) -> bool:
    """Return whether a data file says by its ``groups`` which images belong together."""
    inner = source.source if isinstance(source, JoinedSplits) else source
    return isinstance(inner, FileSource) and any(part.groups for part in inner.parts().values())


def split_to_score(source: DataSource, *, chosen_by: str) -> str:
    """Return the split to score where none is named: the layout's, ``test``, or else `chosen_by`.

    A split whose labels are not published is none to score.
    """
    inner = source.source if isinstance(source, JoinedSplits) else source
    custom = inner.layout.scored if isinstance(inner, FileSource) else ""
    withheld = withheld_splits(source)
    known = [split for split in source.splits() if split not in withheld]
    return next((split for split in (custom, TEST) if split in known), chosen_by)


def withheld_splits(source: DataSource) -> tuple[str, ...]:
    """Return the splits whose labels are not published."""
    inner = source.source if isinstance(source, JoinedSplits) else source
    return inner.layout.withheld if isinstance(inner, FileSource) else ()


def class_weights_of(
    source: DataSource,
    split: str,
    wanted: Literal["data", "none", "auto"] | tuple[float, ...] = "data",
) -> tuple[float, ...]:
    """Return what each class counts in the loss; empty where all count the same.

    `wanted` ``data`` is what the source's ``data.yaml`` says.  ``auto`` weighs by
    1 / ln(1.02 + share of pixels) (ENet, Paszke et al. 2016), scaled to a mean of one over the
    classes that there are, from at most 200 masks spread over the split.  Raises `UsageError` for
    numbers that are more or fewer than the classes.
    """
    chosen = _weights_of_data(source) if wanted == "data" else wanted
    if chosen in (None, "none"):
        return ()
    if isinstance(chosen, tuple):
        return _one_for_each(chosen, source)
    return _balancing_weights(source, split)


def _weights_of_data(source: DataSource) -> Literal["auto"] | tuple[float, ...] | None:
    inner = source.source if isinstance(source, JoinedSplits) else source
    return inner.layout.class_weights if isinstance(inner, FileSource) else None


def _one_for_each(weights: tuple[float, ...], source: DataSource) -> tuple[float, ...]:
    space = source.label_space
    if len(weights) != space.classes:
        raise UsageError(
            "class_weights must have one number for each class",
            where=source.name,
            why=f"there are {len(weights)}, and the classes are {', '.join(space.names)}",
            next_step=f"give {space.classes} numbers, or auto",
        )
    return weights


def _balancing_weights(source: DataSource, split: str) -> tuple[float, ...]:
    space, total = source.label_space, source.length(split)
    counts = np.zeros(space.classes, dtype=np.int64)
    for index in range(0, total, max(1, -(-total // _COUNTED_MASKS))):
        labels = source.sample(split, index).labels
        counts += np.bincount(labels[labels != space.ignore], minlength=space.classes)
    shares = counts / max(1, counts.sum())
    weights = 1 / np.log(1.02 + shares)
    weights /= weights[counts > 0].mean() if counts.any() else 1.0
    return tuple(float(weight) for weight in np.where(counts > 0, weights, 1.0))
