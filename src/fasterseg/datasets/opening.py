"""From a word or a folder to a data source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fasterseg.datasets.camvid import is_camvid, open_camvid
from fasterseg.datasets.faults import error_of_faults
from fasterseg.datasets.files import FileSource
from fasterseg.datasets.joining import JoinedSplits
from fasterseg.datasets.pairing import Tree
from fasterseg.datasets.source import DataSource
from fasterseg.datasets.street import StreetScenes
from fasterseg.errors import DataError, UsageError

STREET = "street"


@dataclass(frozen=True, slots=True)
class FolderLayout:
    """One way in which a data set's files can lie: how to recognise it and how to open it."""

    name: str
    recognises: Callable[[Path], bool]
    open: Callable[[Tree], FileSource]


LAYOUTS: tuple[FolderLayout, ...] = (FolderLayout("camvid", is_camvid, open_camvid),)


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
            next_step=f"give a folder, a data.yaml, or '{STREET}' for the built-in scenes",
        )
    chosen = _layout_of(path) if layout == "auto" else _layout_named(layout)
    return chosen.open(Tree(path, may_leave=outside))


def _layout_of(path: Path) -> FolderLayout:
    for layout in LAYOUTS:
        if layout.recognises(path):
            return layout
    raise DataError(
        "the layout of the data is not known",
        where=str(path),
        why=f"it looks like none of {', '.join(layout.name for layout in LAYOUTS)}",
        next_step="put a data.yaml into it with path, train, val, masks_dir and names",
    )


def _layout_named(name: str) -> FolderLayout:
    for layout in LAYOUTS:
        if layout.name == name:
            return layout
    known = [layout.name for layout in LAYOUTS]
    raise UsageError(
        f"there is no layout {name!r}",
        where="layout",
        why=f"the layouts are auto, {STREET}, {', '.join(known)}",
    )
