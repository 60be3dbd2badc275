"""MMSegmentation's folders: img_dir and ann_dir, or images and annotations, split by folders.

Masks are called as their images, or as these with an ending.  Where nothing is split by folders,
lists of stems in ``splits`` divide the images.  No file names the classes: a data file does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from fasterseg.datasets.data_file import DataFile
from fasterseg.datasets.files import FileSource
from fasterseg.datasets.finding import Place, ToolForm
from fasterseg.datasets.listing import is_folder
from fasterseg.datasets.pairing import Pairing, Tree, keyed, pair_files, stem_below
from fasterseg.datasets.tools.id_classes import NAMED_BY_DATA, IdClasses, names_in
from fasterseg.datasets.tools.splits import (
    Divided,
    Files,
    by_lists,
    usual_name,
    without_empty,
)
from fasterseg.datasets.tools.text_files import first_there

TAKES = NAMED_BY_DATA | {"image_suffix", "mask_suffix"}

_FOLDERS = (("img_dir", "ann_dir"), ("images", "annotations"))
_SPLITS = ("train", "training", "val", "valid", "validation", "test", "testing")
_NAMES = ("classes.txt", "class_names.txt", "labels.txt")
_MOST_LOOKED_AT = 64


def _is_in(folder: Path) -> bool:
    return _folders_in(folder) is not None


def _folders_in(folder: Path) -> tuple[Path, Path] | None:
    own, plain = ((folder / images, folder / masks) for images, masks in _FOLDERS)
    if all(map(is_folder, own)):
        return own
    # Such names have other data sets, too: these have splits on both sides, and masks in one.
    split = any(_has_picture(plain[1] / name) and is_folder(plain[0] / name) for name in _SPLITS)
    return plain if split else None


def _has_picture(folder: Path) -> bool:
    if not is_folder(folder):
        return False
    return any(path.suffix.lower() == ".png" for path in sorted(folder.iterdir())[:_MOST_LOOKED_AT])


FORM = ToolForm(_is_in)


def open_mmsegmentation(tree: Tree, place: Place, said: DataFile) -> FileSource:
    """Return the splits that are there; raises DataError."""
    home = place.images
    images, masks = _folders_in(home) or (home / "img_dir", home / "ann_dir")
    divided = _divided(tree, images, masks, said)
    file = first_there(home, *_NAMES)
    named = IdClasses("mmsegmentation", file or home, names_in(tree, file) if file else ())
    layout = named.layout(tree, said, divided.pairings, notes=divided.notes)
    return FileSource(layout, divided.pairings)


def _divided(tree: Tree, images: Path, masks: Path, said: DataFile) -> Divided:
    splits = [name for name in _SPLITS if is_folder(images / name)]
    if not splits:
        found = _keyed(tree, images, masks, said)
        return by_lists(tree, sorted((images.parent / "splits").glob("*.txt")), *found)
    pairings: dict[str, Pairing] = {}
    bare = [name for name in splits if not is_folder(masks / name)]
    for name in splits:
        if name not in bare:
            pairings[usual_name(name)] = pair_files(
                tree, *_keyed(tree, images / name, masks / name, said)
            )
    notes = [f"{', '.join(bare)}: there are no masks, and no image is used"] if bare else []
    return without_empty(pairings, notes)


def _keyed(tree: Tree, images: Path, masks: Path, said: DataFile) -> tuple[Files, Files]:
    own = keyed(tree.pictures(images), stem_below(images, said.image_suffix))
    found = keyed(tree.pictures(masks), stem_below(masks))
    ending = said.mask_suffix or _ending(own, found)
    return own, {
        key.removesuffix(ending): files for key, files in found.items() if key.endswith(ending)
    }


def _ending(images: Mapping[str, list[Path]], masks: Mapping[str, list[Path]]) -> str:
    """What masks' names have behind those of their images: the ending that most of them have."""
    if not images or any(key in images for key in masks):
        return ""
    by_length = sorted(map(len, images), reverse=True)
    endings = Counter(
        key[length:]
        for key in masks
        for length in dict.fromkeys(by_length)
        if length < len(key) and key[:length] in images
    )
    return endings.most_common(1)[0][0] if endings else ""
