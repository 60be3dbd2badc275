"""The layouts of published data sets and of labelling tools: how each is told, and opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from fasterseg.amounts import first_few
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.layouts.annotations import coco, cvat_xml, labelme, yolo
from fasterseg.datasets.layouts.classes import drawn_classes
from fasterseg.datasets.layouts.exports import cvat, mmsegmentation, paddle, roboflow
from fasterseg.datasets.layouts.folders import pairs
from fasterseg.datasets.layouts.published import (
    ade20k,
    bdd100k,
    camvid,
    camvid_full,
    cityscapes,
    voc,
)
from fasterseg.datasets.layouts.unknown import A_DATA_FILE, told_of_unknown
from fasterseg.datasets.pairing.finding import Form, Place, ToolForm, places_of
from fasterseg.datasets.pairing.pairs import Tree
from fasterseg.datasets.pictures.listing import entries_in
from fasterseg.datasets.sources.files import FileSource
from fasterseg.errors import DataError, UsageError

STREET = "street"
FOLDER = "folder"
_DATA_FILES = ("data.yaml", "data.yml", "dataset.yaml")
_MOST_LOOKED_AT, _NAMED = 50, 5


Opening = Callable[[Tree, Place, DataFile], FileSource]
"""Opens a data set that lies in a place, with what a data file adds to it: an empty one without."""


@dataclass(frozen=True, slots=True)
class FolderLayout:
    """How a data set's files lie, in one form or several, and how it is opened.

    ``takes`` names the keys of a data file, beside those that go with any layout, that mean
    something here; any other is refused.  ``is_published`` says that it is a data set's own.
    """

    name: str
    forms: tuple[Form | ToolForm, ...]
    open: Opening
    takes: frozenset[str] = frozenset()
    is_published: bool = False

    def is_in(self, folder: Path) -> bool:
        """Whether the data set lies right in a folder."""
        return any(form.is_in(folder) for form in self.forms)


@dataclass(frozen=True, slots=True)
class FoundLayout:
    """A layout, where its folders were found, and what is to be said of that."""

    layout: FolderLayout
    place: Place
    notes: tuple[str, ...] = ()

    def open(self, tree: Tree, said: DataFile | None = None) -> FileSource:
        """Return the data set that lies there, with what a data file adds to it."""
        source = self.layout.open(tree, self.place, said or DataFile())
        is_there = self.layout.is_published and bool(_places(self.layout, tree.root))
        if is_there and _is_empty(source) and _BY_FILES.is_in(tree.root):
            note = f"the folders are named as those of {self.layout.name}, the files are not"
            place = Place(tree.root, tree.root)
            return FoundLayout(_BY_FILES, place, (*self.notes, note)).open(tree, said)
        own = source.layout
        named = replace(own, form=self.layout.name, notes=(*own.notes, *self.notes))
        return replace(source, layout=named)


def _published(
    name: str, opening: Callable[[Tree, Place], FileSource], *forms: Form
) -> FolderLayout:
    return FolderLayout(name, forms, lambda tree, place, _: opening(tree, place), is_published=True)


def _is_empty(source: FileSource) -> bool:
    return not any(one.pairs or one.faults for one in source.pairings.values())


LAYOUTS: tuple[FolderLayout, ...] = (
    _published("camvid", camvid.open_camvid, camvid.FORM),
    _published("camvid-full", camvid_full.open_camvid_full, camvid_full.FORM),
    _published("cityscapes", cityscapes.open_cityscapes, cityscapes.FORM),
    _published("bdd100k", bdd100k.open_bdd100k, bdd100k.FORM, bdd100k.EARLY_FORM),
    FolderLayout("cvat", (cvat.FORM,), cvat.open_cvat, cvat.TAKES),
    FolderLayout(cvat_xml.NAME, (cvat_xml.FORM,), cvat_xml.open_cvat_xml, drawn_classes.TAKES),
    FolderLayout("voc", (voc.FORM,), voc.open_voc, voc.TAKES),
    FolderLayout("roboflow", (roboflow.FORM,), roboflow.open_roboflow, roboflow.TAKES),
    FolderLayout("ade20k", (ade20k.FORM,), ade20k.open_ade20k, ade20k.TAKES),
    FolderLayout("paddle", (paddle.FORM,), paddle.open_paddle, paddle.TAKES),
    FolderLayout(
        "mmsegmentation",
        (mmsegmentation.FORM,),
        mmsegmentation.open_mmsegmentation,
        mmsegmentation.TAKES,
    ),
    FolderLayout("coco", (coco.FORM,), coco.open_coco, drawn_classes.TAKES),
    FolderLayout("labelme", (labelme.FORM,), labelme.open_labelme, drawn_classes.TAKES),
    FolderLayout(yolo.NAME, (yolo.FORM,), yolo.open_yolo, yolo.TAKES),
)
# It fits much of what the others have, too, so it is looked for where they were not found; first by
# what folders are called, then by what their files are.
LAST_LAYOUT = FolderLayout(pairs.NAME, (pairs.FORM,), pairs.open_pairs, pairs.TAKES)
_BY_FILES = FolderLayout(pairs.NAME, (pairs.MATCHED,), pairs.open_pairs, pairs.TAKES)
_ALL = (*LAYOUTS, LAST_LAYOUT)
LAYOUT_NAMES = ("auto", STREET, FOLDER, *(layout.name for layout in _ALL))


def layout_of(path: Path) -> FoundLayout:
    """Return the layout of a folder, or of what lies deeper in it.

    Raises DataError where it has none that is known, or several are found deeper in it.
    """
    right = [layout for layout in LAYOUTS if layout.is_in(path)]
    deeper = [] if right else [FoundLayout(one, at) for one in LAYOUTS for at in _places(one, path)]
    if len({one.place.images for one in deeper}) > 1:
        raise _several(deeper, path)
    layouts = right or [one.layout for one in deeper]
    layouts = layouts or _undescribed(path)
    if not layouts:
        raise _none(path)
    found = _found(layouts[0], path)
    also = tuple(f"{one.name} lies here too: name it by --layout" for one in layouts[1:])
    return replace(found, notes=(*found.notes, *also))


def _undescribed(path: Path) -> list[FolderLayout]:
    """The layout of images and masks that nothing describes, a data file beside them either."""
    if LAST_LAYOUT.is_in(path):
        return [LAST_LAYOUT]
    if _near(path) is not None:
        return []
    by_name = _places(LAST_LAYOUT, path)
    if len(by_name) != 1 and _BY_FILES.is_in(path):
        return [_BY_FILES]
    return [LAST_LAYOUT] if by_name else []


def name_of_layout_in(path: Path) -> str | None:
    """Return what the table calls a folder's layout; None where it has none, or several deeper."""
    try:
        return layout_of(path).layout.name
    except DataError:
        return None


def _places(layout: FolderLayout, path: Path) -> list[Place]:
    right = [form.place_in(path) for form in layout.forms if form.is_in(path)]
    return right or [place for form in layout.forms for place in places_of(form, path)]


def _found(layout: FolderLayout, path: Path) -> FoundLayout:
    """Where a layout's folders lie; where they are missing, where they would be missed."""
    places = _places(layout, path)
    if len(places) > 1 and not layout.is_in(path):
        raise _several([FoundLayout(layout, place) for place in places], path)
    place = places[0] if places else layout.forms[0].place_in(path)
    if not places or place.images == path or layout.is_in(path):
        return FoundLayout(layout, place)
    note = f"{layout.name} was found deeper in the folder: {place.seen_from(path)}"
    return FoundLayout(layout, place, (note,))


def _several(found: list[FoundLayout], path: Path) -> DataError:
    listed = [f"{one.layout.name} in {one.place.images.relative_to(path)}" for one in found]
    return DataError(
        "several data sets lie in this folder",
        where=str(path),
        why=first_few(listed, _NAMED),
        next_step="name the folder of the one that is meant",
    )


def _none(path: Path) -> DataError:
    near = _near(path)
    why, next_step = told_of_unknown(path, LAYOUT_NAMES[3:])
    if near is not None:
        next_step = f"name {near}, where a data set lies"
    return DataError(
        "the layout of the data is not known", where=str(path), why=why, next_step=next_step
    )


def data_file_in(folder: Path) -> Path | None:
    """Return a folder's data file; None where it has none."""
    found = [folder / name for name in _DATA_FILES if (folder / name).is_file()]
    return found[0] if found else None


def zipped_whole(folder: Path) -> Path:
    """The one folder that a zip holds, where a data file is in that: it was zipped as a whole."""
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and data_file_in(inside[0]) is not None else folder


def _near(path: Path) -> Path | None:
    """A folder right inside of a path, or around it, in which a data set lies."""
    inside = entries_in(path)[:_MOST_LOOKED_AT]
    # What a link leads to may lie elsewhere.
    inside = [one for one in inside if one.is_dir() and not one.is_symlink()]
    around = [path.parent, path.parent.parent] if path.name else []
    for folder in (*inside, *around):
        known = any(layout.is_in(folder) for layout in LAYOUTS)
        if folder.is_dir() and (known or data_file_in(folder) is not None):
            return folder
    return None


def open_named(name: str, tree: Tree, where: Path, said: DataFile | None = None) -> FileSource:
    """Return what lies there in the layout of that name, with what a data file adds to it.

    Raises UsageError where there is no such layout, DataError where nothing lies in it.
    """
    layout = layout_named(name)
    if layout is None:
        raise _does_not_fit(name, where, "it needs a data.yaml" if name == FOLDER else "")
    if layout is LAST_LAYOUT and len(_places(layout, tree.root)) != 1:
        layout = _BY_FILES
    is_tool = any(isinstance(form, ToolForm) for form in layout.forms)
    says_where = said is not None and said.names_splits  # as YOLO's own data file does
    if is_tool and not says_where and not _places(layout, tree.root):
        raise _does_not_fit(name, where, "none of its files is there")
    source = _found(layout, tree.root).open(tree, said)
    if not source.splits():
        raise _does_not_fit(name, where, "none of its folders is there")
    return source


def layout_named(name: str) -> FolderLayout | None:
    """Return the layout of that name; None for what is no folder's; raises UsageError."""
    require_known(name)
    return next((layout for layout in _ALL if layout.name == name), None)


def _does_not_fit(name: str, where: Path, why: str) -> DataError:
    return DataError(
        f"the layout {name!r} does not fit here",
        where=str(where),
        why=why,
        next_step=f"name another of {', '.join(LAYOUT_NAMES[3:])}, or {A_DATA_FILE}",
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
