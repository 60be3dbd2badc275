"""Images in one folder, masks in another: divided by folders in both, by lists, or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.decoding import MASK_SUFFIXES
from fasterseg.datasets.pairing.pairs import Pairing, Tree, keyed, pair_files, stem_below
from fasterseg.datasets.pairing.splits import (
    Divided,
    Files,
    by_lists,
    usual_name,
    without_empty,
)
from fasterseg.datasets.pictures.listing import is_folder

SPLITS = ("train", "training", "val", "valid", "validation", "test", "testing")
"""What folders of splits are called."""

LISTS = ("classes.txt", "class_names.txt", "labels.txt")
"""Files that may name the classes, one to a line."""

_MOST_LOOKED_AT = 64


def has_mask(folder: Path) -> bool:
    """Whether a picture that may be a mask is among the first files of a folder."""
    if not is_folder(folder):
        return False
    return any(
        path.suffix.lower() in MASK_SUFFIXES for path in sorted(folder.iterdir())[:_MOST_LOOKED_AT]
    )


def divided(
    tree: Tree, images: Path, masks: Path, said: DataFile, *, lists: Sequence[Path] = ()
) -> Divided:
    """Return the pairs of two folders: by the splits' folders in both, else by lists of stems.

    Masks are called as their images, or as these with an ending.
    """
    splits = [name for name in SPLITS if is_folder(images / name)]
    if not splits:
        found = _keyed(tree, images, masks, said)
        return by_lists(tree, lists, *found)
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
