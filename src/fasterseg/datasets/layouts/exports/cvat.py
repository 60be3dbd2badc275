"""CVAT's "Segmentation mask 1.1": masks in the colours of ``labelmap.txt``, lists of stems.

Datumaro writes it for CVAT, and others with it: a line of ``labelmap.txt`` is
``label:color_rgb:parts:actions``.  Masks hold colours, or, where the export was told so, the ids of
the lines.  Where polygons overlap, the tool has drawn by their order (z_order) already.  The colour
of Pascal VOC's borders never counts, where no label has it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.remedies import IGNORE
from fasterseg.datasets.labels import Colour
from fasterseg.datasets.layouts.classes.tool_classes import OF_COLOURS, OF_IDS, ToolClasses
from fasterseg.datasets.layouts.classes.voc_colours import VOC_BORDER, voc_colour
from fasterseg.datasets.layouts.exports.png_kinds import is_grey
from fasterseg.datasets.pairing.finding import Place, ToolForm
from fasterseg.datasets.pairing.pairs import Tree, keyed, stem_below
from fasterseg.datasets.pairing.splits import by_lists
from fasterseg.datasets.pairing.text_files import lines_of
from fasterseg.datasets.pictures.listing import is_file, is_folder
from fasterseg.datasets.sources.files import FileSource
from fasterseg.errors import DataError

TAKES = OF_COLOURS | OF_IDS

_LABELMAP, _IMAGES, _MASKS = "labelmap.txt", "JPEGImages", "SegmentationClass"
_LISTS = "ImageSets/Segmentation"
_BACKGROUND, _VOID = "background", "ignored"
_LINE = re.compile(r"(?P<name>[^:]+)(:(?P<colour>\d{1,3},\d{1,3},\d{1,3})?(:[^:]*){0,2})?")


def _is_in(folder: Path) -> bool:
    return is_file(folder / _LABELMAP) and is_folder(folder / _MASKS)


FORM = ToolForm(_is_in)


def open_cvat(tree: Tree, place: Place, said: DataFile) -> FileSource:
    """Return the splits that the lists name, in the colours of the label map; raises DataError."""
    home = place.images
    _require_images(home)
    images, masks = (
        keyed(tree.pictures(home / folder), stem_below(home / folder))
        for folder in (_IMAGES, _MASKS)
    )
    lists = sorted((home / _LISTS).glob("*.txt"))
    classes = _classes(tree, home, [files[0] for files in masks.values()][:1])
    divided = by_lists(tree, lists, images, masks)
    note = f"classes and colours are those of {_LABELMAP}; the tool drew what overlaps by its order"
    layout = classes.layout(tree, said, notes=(note, *divided.notes))
    return FileSource(layout, divided.pairings)


def _require_images(home: Path) -> None:
    if not is_folder(home / _IMAGES):
        raise DataError(
            "the export has no images",
            where=str(home),
            why=f"{_LABELMAP} and {_MASKS} are there, and no folder {_IMAGES}",
            next_step="export it again with its images (in CVAT: Save images), or put them there",
        )


def _classes(tree: Tree, home: Path, some: list[Path]) -> ToolClasses:
    file = home / _LABELMAP
    labels = _labelmap(tree, file)
    held = {name: colour for name, colour in labels.items() if colour is not None}
    called = {name: IGNORE if name == _VOID else name for name in labels}
    if any(map(is_grey, some)):
        names = tuple(name for name in labels if name != _VOID)
        ids = {called[name]: (label,) for label, name in enumerate(labels)}
        return ToolClasses(names, file, ids=ids, background=_background(names), shown=held)
    names = tuple(name for name in held if name != _VOID)
    colours = {called[name]: (colour,) for name, colour in held.items()}
    if _VOID not in held and VOC_BORDER not in held.values():
        colours[IGNORE] = (VOC_BORDER,)
    return ToolClasses(names, file, colours=colours, background=_background(names))


def _background(names: Sequence[str]) -> str:
    return _BACKGROUND if _BACKGROUND in names else ""


def _labelmap(tree: Tree, file: Path) -> dict[str, Colour | None]:
    """Each label's colour, in the file's order: None where only it has none, VOC's where all do."""
    found: dict[str, Colour | None] = {}
    for line, where in lines_of(tree, file):
        if line.startswith("#"):
            continue
        told = _LINE.fullmatch(line)
        name, colour = (told["name"].strip(), _colour(told["colour"])) if told else ("", None)
        if not name or name in found or (colour and max(colour) > 255):
            raise _wrong_line(where, line, twice=name in found)
        found[name] = colour
    if not any(found.values()):
        return {name: voc_colour(label) for label, name in enumerate(found)}
    _require_different(found, tree.shown(file))
    return found


def _colour(text: str | None) -> Colour | None:
    if text is None:
        return None
    red, green, blue = map(int, text.split(","))
    return red, green, blue


def _wrong_line(where: str, line: str, *, twice: bool) -> DataError:
    return DataError(
        "a line of the label map is not what it should be",
        where=where,
        why=f"{line[:80]!r} "
        + ("names a label again" if twice else "is no label:red,green,blue::"),
        next_step="export the data again, or correct the line",
    )


def _require_different(colours: Mapping[str, Colour | None], where: str) -> None:
    known: dict[Colour, str] = {}
    for name, colour in colours.items():
        if colour is None:
            continue
        if colour in known:
            raise DataError(
                "two classes have one colour",
                where=where,
                why=f"{known[colour]} and {name} are both {list(colour)}, and masks hold colours",
                next_step="give each label a colour of its own in the tool, and export again",
            )
        known[colour] = name
