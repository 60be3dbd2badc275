"""The layouts of published data sets: how each is recognised, and how it is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from fasterseg.datasets.bdd100k import is_bdd100k, open_bdd100k
from fasterseg.datasets.camvid import is_camvid, open_camvid
from fasterseg.datasets.cityscapes import is_cityscapes, open_cityscapes
from fasterseg.datasets.files import FileSource
from fasterseg.datasets.other_files import what_lies_in
from fasterseg.datasets.pairing import Tree
from fasterseg.datasets.remedies import lines
from fasterseg.errors import DataError, UsageError

STREET = "street"
FOLDER = "folder"
_DATA_FILES = ("data.yaml", "data.yml", "dataset.yaml")
_MOST_LOOKED_AT = 50


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
LAYOUT_NAMES = ("auto", STREET, FOLDER, *(layout.name for layout in LAYOUTS))

_A_DATA_FILE = "put a data.yaml into it, such as" + lines(
    "train: images/train", "val: images/val", "masks_dir: masks", "names: [road, car]"
)


def layout_of(path: Path) -> FolderLayout:
    """Return the layout of a folder; raises DataError where it has none that is known."""
    for layout in LAYOUTS:
        if layout.recognises(path):
            return layout
    known, found, near = ", ".join(LAYOUT_NAMES[3:]), what_lies_in(path), _near(path)
    why = f"it has no data.yaml, and the folders of none of {known}"
    if near is not None:
        next_step = f"name {near}, where a data set lies"
    elif found is not None:
        next_step, why = found[2], f"{why}; {found[0]} is {found[1]}"
    else:
        next_step = _A_DATA_FILE
    raise DataError(
        "the layout of the data is not known", where=str(path), why=why, next_step=next_step
    )


def data_file_in(folder: Path) -> Path | None:
    """Return a folder's data file; None where it has none."""
    found = [folder / name for name in _DATA_FILES if (folder / name).is_file()]
    return found[0] if found else None


def _near(path: Path) -> Path | None:
    """A folder right inside of a path, or around it, in which a data set lies."""
    inside = sorted(path.iterdir())[:_MOST_LOOKED_AT] if path.is_dir() else []
    around = [path.parent, path.parent.parent] if path.name else []
    for folder in (*inside, *around):
        known = any(layout.recognises(folder) for layout in LAYOUTS)
        if folder.is_dir() and (known or data_file_in(folder) is not None):
            return folder
    return None


def open_named(name: str, tree: Tree, where: Path) -> FileSource:
    """Return what lies there in the layout of that name.

    Raises UsageError where there is no such layout, DataError where nothing lies in it.
    """
    require_known(name)
    for layout in LAYOUTS:
        if layout.name == name:
            source = layout.open(tree)
            if not source.splits():
                raise _does_not_fit(name, where, "none of its folders is there")
            return source
    raise _does_not_fit(name, where, "it needs a data.yaml" if name == FOLDER else "")


def _does_not_fit(name: str, where: Path, why: str) -> DataError:
    return DataError(
        f"the layout {name!r} does not fit here",
        where=str(where),
        why=why,
        next_step=f"name another of {', '.join(LAYOUT_NAMES[3:])}, or {_A_DATA_FILE}",
    )


def require_known(layout: str) -> None:
    """Raise UsageError for a layout that is none."""
    if layout in LAYOUT_NAMES:
        return
    near = get_close_matches(layout, LAYOUT_NAMES, n=1)
    raise UsageError(
        f"there is no layout {layout!r}",
        where="layout",
        why=f"the layouts are {', '.join(LAYOUT_NAMES)}",
        next_step=f"did you mean {near[0]!r}?" if near else "name one of these",
    )
