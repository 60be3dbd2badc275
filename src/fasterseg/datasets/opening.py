"""From a word or a folder to a data source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import numpy as np

from fasterseg.datasets.bdd100k import is_bdd100k, open_bdd100k
from fasterseg.datasets.camvid import is_camvid, open_camvid
from fasterseg.datasets.cityscapes import is_cityscapes, open_cityscapes
from fasterseg.datasets.data_file import DataFile, read_data_file
from fasterseg.datasets.faults import error_of_faults
from fasterseg.datasets.files import FileSource
from fasterseg.datasets.folder import data_root, open_folder
from fasterseg.datasets.joining import JoinedSplits, parts_of
from fasterseg.datasets.mixing import mixed
from fasterseg.datasets.pairing import Tree
from fasterseg.datasets.source import DataSource
from fasterseg.datasets.street import StreetScenes
from fasterseg.datasets.transforms import Normalisation
from fasterseg.errors import DataError, UsageError

STREET = "street"
TEST = "test"
_COUNTED_MASKS = 200


@dataclass(frozen=True, slots=True)
class FolderLayout:
    """One way in which a data set's files can lie: how to recognise it and how to open it."""

    name: str
    recognises: Callable[[Path], bool]
    open: Callable[[Tree], FileSource]


LAYOUTS: tuple[FolderLayout, ...] = (
    FolderLayout("camvid", is_camvid, open_camvid),
    FolderLayout("cityscapes", is_cityscapes, open_cityscapes),
    FolderLayout("bdd100k", is_bdd100k, open_bdd100k),
)
FOLDER = "folder"
LAYOUT_NAMES = ("auto", STREET, FOLDER, *(layout.name for layout in LAYOUTS))

_DATA_FILES = ("data.yaml", "data.yml", "dataset.yaml")


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
    path = Path(where).expanduser()
    if not path.exists():
        raise DataError(
            "there is no such data set",
            where=str(where),
            why="nothing of this name is there",
            next_step=f"give a folder, a data.yaml, or '{STREET}' for the built-in scenes",
        )
    _require_known(layout)
    file = _data_file(path)
    if layout in ("auto", FOLDER) and file is not None:
        return _open_described(file, outside=outside)
    tree = Tree(path, may_leave=outside)
    return _layout_of(path).open(tree) if layout == "auto" else _named(layout, path).open(tree)


def normalisation_of(source: DataSource) -> Normalisation:
    """Return the normalisation that a source's ``data.yaml`` sets, else the default one."""
    inner = source.source if isinstance(source, JoinedSplits) else source
    chosen = inner.layout.normalisation if isinstance(inner, FileSource) else None
    return chosen or Normalisation()


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
    custom = ""
    withheld: tuple[str, ...] = ()
    if isinstance(inner, FileSource):
        custom, withheld = inner.layout.scored, inner.layout.withheld
    known = [split for split in source.splits() if split not in withheld]
    return next((split for split in (custom, TEST) if split in known), chosen_by)


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


def _data_file(path: Path) -> Path | None:
    if path.is_file():
        return path
    found = [path / name for name in _DATA_FILES if (path / name).is_file()]
    return found[0] if found else None


def _open_described(file: Path, *, outside: bool) -> FileSource:
    data = read_data_file(file)
    source = _open_own(data, file, outside=outside)
    if not data.include:
        return source
    included = [_open_included(name, file, outside=outside) for name in data.include]
    return mixed(source, included, where=str(file))


def _open_included(name: str, file: Path, *, outside: bool) -> FileSource:
    """One of a data file's ``include``, named as seen from its folder; it includes no others."""
    other = file.parent / name
    inside = other.resolve().is_relative_to(file.parent.resolve())
    if not outside and not inside:
        raise DataError(
            "an included data file lies outside of the folder",
            where=f"{file}, include",
            why=f"{name} leads to {other.resolve()}",
            next_step="put both data sets below one data.yaml, or allow files outside",
        )
    if not other.is_file():
        raise DataError(f"there is no {name!r} to include", where=f"{file}, include")
    data = read_data_file(other)
    if data.include:
        raise DataError(
            "an included data file includes others",
            where=str(other),
            why="one level is read",
            next_step=f"name them all in {file.name}",
        )
    return _open_own(data, other, outside=outside)


def _open_own(data: DataFile, file: Path, *, outside: bool) -> FileSource:
    tree = Tree(data_root(data, file), may_leave=outside)
    if data.layout_name == FOLDER:
        return open_folder(tree, data, file)
    try:
        return _named(data.layout_name, file).open(tree)
    except UsageError as error:
        where = f"{file}, layout"
        raise DataError(
            error.what, where=where, why=error.why, next_step=error.next_step
        ) from error


def _layout_of(path: Path) -> FolderLayout:
    for layout in LAYOUTS:
        if layout.recognises(path):
            return layout
    raise DataError(
        "the layout of the data is not known",
        where=str(path),
        why=f"it has no data.yaml, and the folders of none of {', '.join(LAYOUT_NAMES[3:])}",
        next_step="put a data.yaml into it with path, train, val, masks_dir and names",
    )


def _named(name: str, where: Path) -> FolderLayout:
    _require_known(name)
    for layout in LAYOUTS:
        if layout.name == name:
            return layout
    raise DataError(
        f"the layout {name!r} does not fit here",
        where=str(where),
        why="it needs a data.yaml" if name == FOLDER else "",
    )


def _require_known(layout: str) -> None:
    if layout in LAYOUT_NAMES:
        return
    near = get_close_matches(layout, LAYOUT_NAMES, n=1)
    raise UsageError(
        f"there is no layout {layout!r}",
        where="layout",
        why=f"the layouts are {', '.join(LAYOUT_NAMES)}",
        next_step=f"did you mean {near[0]!r}?" if near else "",
    )
