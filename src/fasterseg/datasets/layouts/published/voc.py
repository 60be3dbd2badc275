"""Pascal VOC: lists of stems, masks of ids with VOC's palette, 255 at the borders of objects.

labelme2voc and others write the same folders, with their classes in ``class_names.txt``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.layout import Layout
from fasterseg.datasets.data_files.remedies import IGNORE
from fasterseg.datasets.layouts.classes.class_lists import names_in
from fasterseg.datasets.layouts.classes.id_classes import NAMED_BY_DATA, IdClasses
from fasterseg.datasets.layouts.classes.tool_classes import OF_COLOURS, ToolClasses
from fasterseg.datasets.layouts.classes.voc_colours import VOC_BORDER, VOC_CLASSES, voc_colour
from fasterseg.datasets.layouts.exports.png_kinds import is_coloured
from fasterseg.datasets.pairing.finding import Place, ToolForm
from fasterseg.datasets.pairing.pairs import Tree, keyed, stem_below
from fasterseg.datasets.pairing.splits import by_lists
from fasterseg.datasets.pairing.text_files import first_there
from fasterseg.datasets.pictures.listing import is_file, is_folder
from fasterseg.datasets.sources.files import FileSource

TAKES = NAMED_BY_DATA | OF_COLOURS

_IMAGES, _MASKS = "JPEGImages", ("SegmentationClassPNG", "SegmentationClass")
_LISTS = "ImageSets/Segmentation"
_NAMES = ("class_names.txt", "labels.txt", "classes.txt")
_OF_VOC = re.compile(r"\d{4}_\d{6}")
_TERMS = "Pascal VOC (Everingham et al. 2010): images under the terms of Flickr"


def _is_in(folder: Path) -> bool:
    cvat = is_file(folder / "labelmap.txt")
    return is_folder(folder / _IMAGES) and not cvat and _masks_in(folder) is not None


def _masks_in(folder: Path) -> Path | None:
    return next((folder / name for name in _MASKS if is_folder(folder / name)), None)


FORM = ToolForm(_is_in)


def open_voc(tree: Tree, place: Place, said: DataFile) -> FileSource:
    """Return the splits that the lists name; raises DataError."""
    home = place.images
    folder = _masks_in(home) or home / _MASKS[-1]
    images = keyed(tree.pictures(home / _IMAGES), stem_below(home / _IMAGES))
    masks = keyed(tree.pictures(folder), stem_below(folder))
    divided = by_lists(tree, sorted((home / _LISTS).glob("*.txt")), images, masks)
    of_voc = bool(masks) and all(map(_OF_VOC.fullmatch, masks))
    names, where = _names(tree, home, of_voc=of_voc)
    first = next((pair.mask for one in divided.pairings.values() for pair in one.pairs), None)
    if names and first is not None and is_coloured(first):
        layout = _in_colours(names, where).layout(tree, said, notes=divided.notes)
    else:
        classes = IdClasses("voc", where, names, shown=True)
        layout = classes.layout(tree, said, divided.pairings, notes=divided.notes)
    return FileSource(_of_voc(layout) if of_voc else layout, divided.pairings)


def _names(tree: Tree, home: Path, *, of_voc: bool) -> tuple[tuple[str, ...], Path]:
    """The classes, and the file that names them; those of VOC itself where images are VOC's."""
    file = first_there(home, *_NAMES)
    if file is not None:
        return names_in(tree, file), file
    return (VOC_CLASSES if of_voc else ()), home


def _in_colours(names: Iterable[str], where: Path) -> ToolClasses:
    """Masks that somebody painted in VOC's colours."""
    own = tuple(names)
    colours = {name: (voc_colour(label),) for label, name in enumerate(own)}
    return ToolClasses(own, where, colours={**colours, IGNORE: (VOC_BORDER,)})


def _of_voc(layout: Layout) -> Layout:
    note = "classes are the 21 of Pascal VOC, as its images are called"
    return replace(layout, terms=_TERMS, scored="val", notes=(*layout.notes, note))
