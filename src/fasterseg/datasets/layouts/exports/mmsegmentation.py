"""MMSegmentation's folders: img_dir and ann_dir, or images and annotations, split by folders.

Masks are called as their images, or as these with an ending.  Where nothing is split by folders,
lists of stems in ``splits`` divide the images.  No file names the classes: a data file does.
"""

from __future__ import annotations

from pathlib import Path

from fasterseg.datasets.data_files.affixes import OF_NAMES
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.layouts.classes.id_classes import NAMED_BY_DATA, classes_listed_in
from fasterseg.datasets.layouts.folders.two_folders import LISTS, divided, has_mask, split_folders
from fasterseg.datasets.pairing.finding import Place, ToolForm
from fasterseg.datasets.pairing.pairs import Tree
from fasterseg.datasets.pictures.listing import is_folder
from fasterseg.datasets.sources.files import FileSource

TAKES = NAMED_BY_DATA | OF_NAMES

_FOLDERS = (("img_dir", "ann_dir"), ("images", "annotations"))


def _is_in(folder: Path) -> bool:
    return _folders_in(folder) is not None


def _folders_in(folder: Path) -> tuple[Path, Path] | None:
    own, plain = ((folder / images, folder / masks) for images, masks in _FOLDERS)
    if all(map(is_folder, own)):
        return own
    # Such names have other data sets, too: these have splits on both sides, and masks in one.
    images, masks = map(split_folders, plain)
    return plain if any(has_mask(masks[split]) for split in images if split in masks) else None


FORM = ToolForm(_is_in)


def open_mmsegmentation(tree: Tree, place: Place, said: DataFile) -> FileSource:
    """Return the splits that are there; raises DataError."""
    home = place.images
    images, masks = _folders_in(home) or (home / "img_dir", home / "ann_dir")
    found = divided(tree, images, masks, said, lists=sorted((home / "splits").glob("*.txt")))
    named = classes_listed_in(home, tree, "mmsegmentation", *LISTS)
    layout = named.layout(tree, said, found.pairings, notes=found.notes)
    return FileSource(layout, found.pairings)
