"""From a word or a folder to a data source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fasterseg.datasets.faults import ALLOWING, error_of_faults
from fasterseg.datasets.layouts.known import (
    FOLDER,
    STREET,
    data_file_in,
    layout_of,
    open_named,
    require_known,
    zipped_whole,
)
from fasterseg.datasets.opening.describing import open_described
from fasterseg.datasets.opening.unlabelled import Beside, with_unlabelled
from fasterseg.datasets.pairing.pairs import Tree
from fasterseg.datasets.sources.files import FileSource
from fasterseg.datasets.sources.joining import JoinedSplits
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.sources.unpacking import is_zip, open_zip
from fasterseg.datasets.street import StreetScenes
from fasterseg.datasets.street.conditions import StreetLight
from fasterseg.errors import DataError
from fasterseg.events import Progress, silent
from fasterseg.foreign.links import leads_outside
from fasterseg.foreign.opened_files import what_it_is
from fasterseg.paths import did_you_mean, user_path

NONE_BESIDE = Beside()


def open_data(
    where: str | Path,
    *,
    layout: str = "auto",
    outside: bool = False,
    progress: Progress = silent,
    beside: Beside = NONE_BESIDE,
    street_size: tuple[int, int] = (128, 256),
    street_counts: Mapping[str, int] | None = None,
    street_seed: int = 0,
    street_light: StreetLight = "any",
) -> DataSource:
    """Return the data set at ``where``: ``street`` (built in), a folder, a zip or a ``data.yaml``.

    The layout is found from the folder, or named.  ``outside`` allows files that lie outside of
    the folder.  Raises DataError for a folder of no known layout and for any fault of its listing:
    never a silently shortened data set.  What is in the files is looked at by `check_data`.
    ``progress`` is told of what takes long the first time: masks that are drawn.  ``beside`` are
    images without labels that the data itself does not name.
    """
    if str(where) == STREET and layout in ("auto", STREET):
        scenes = StreetScenes(
            size=street_size, counts=street_counts, seed=street_seed, light=street_light
        )
        return JoinedSplits(scenes)
    source = open_files(where, layout=layout, outside=outside, progress=progress, beside=beside)
    if source.faults:
        raise error_of_faults(source.faults, str(where))
    return JoinedSplits(source)


def _own_data_file(folder: Path, *, outside: bool) -> Path | None:
    """A folder's data file, if it has one; raises DataError where it is a link to elsewhere."""
    file = data_file_in(folder)
    if file is not None and not outside and leads_outside(file, folder):
        raise DataError(
            "the data file lies outside of the folder",
            where=str(file),
            why=f"it is a link to {file.resolve()}",
            next_step=f"name that file itself, or {ALLOWING}",
        )
    return file


def open_files(
    where: str | Path,
    *,
    layout: str = "auto",
    outside: bool = False,
    divided: bool = True,
    progress: Progress = silent,
    beside: Beside = NONE_BESIDE,
) -> FileSource:
    """Return the files at ``where`` even where their listing has faults: for the checker.

    Not `divided`, they are in the splits that they had without the data file's file of splits.
    """
    source = _opened(where, layout=layout, outside=outside, divided=divided, progress=progress)
    return with_unlabelled(source, beside, outside=outside, progress=progress)


def _opened(
    where: str | Path, *, layout: str, outside: bool, divided: bool, progress: Progress
) -> FileSource:
    path = user_path(where)
    if not path.exists():
        raise DataError(
            "there is no such data set",
            where=str(where),
            why="nothing of this name is there",
            next_step=f"{did_you_mean(path)}give a folder, a zip, a data.yaml, or '{STREET}' for "
            "the built-in scenes",
        )
    if (special := what_it_is(path)) and not path.is_dir():
        raise DataError(
            f"this is {special}, not a data set",
            where=str(where),
            next_step="give a folder of images and masks, or its data.yaml",
        )
    require_known(layout)
    if is_zip(path):  # nothing in it can lead out of it
        return open_zip(
            path,
            lambda inside: _open_there(
                zipped_whole(inside),
                layout=layout,
                outside=False,
                divided=divided,
                progress=progress,
            ),
            progress=progress,
        )
    return _open_there(path, layout=layout, outside=outside, divided=divided, progress=progress)


def _open_there(
    path: Path, *, layout: str, outside: bool, divided: bool, progress: Progress
) -> FileSource:
    file = path if path.is_file() else _own_data_file(path, outside=outside)
    if layout in ("auto", FOLDER) and file is not None:
        return open_described(file, outside=outside, divided=divided, progress=progress)
    tree = Tree(path, may_leave=outside, progress=progress)
    return layout_of(path).open(tree) if layout == "auto" else open_named(layout, tree, path)
