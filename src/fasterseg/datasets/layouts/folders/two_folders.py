"""Images in one folder, masks in another: divided by folders in both, by lists, or not at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path

from fasterseg.amounts import first_few
from fasterseg.datasets.data_files.affixes import Affixes
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.decoding import IMAGE_SUFFIXES, MASK_SUFFIXES, is_lossy
from fasterseg.datasets.pairing.name_endings import told_by_endings
from fasterseg.datasets.pairing.pairs import Pairing, Tree, keyed, pair_files, stem_below
from fasterseg.datasets.pairing.splits import (
    Divided,
    Files,
    by_lists,
    usual_name,
    without_empty,
)
from fasterseg.datasets.pictures.listing import entries_in, is_folder, list_pictures

SPLITS = ("train", "training", "val", "valid", "validation", "test", "testing")
"""What folders of splits are called."""

_IS_BOTH = re.compile(r"train[ _+-]?val", re.IGNORECASE)

LISTS = ("classes.txt", "class_names.txt", "labels.txt", "codes.txt", "id2label.json")
"""Files that may name the classes, one to a line, or by their ids."""

_MOST_LOOKED_AT, _SHOWN = 64, 3
_LEAST_SHARE = 0.5
"""So many have an ending, or it is one by chance: as 2 and 20 have."""


def has_mask(folder: Path) -> bool:
    """Whether a picture that may be a mask is among the first files of a folder."""
    first = entries_in(folder)[:_MOST_LOOKED_AT]
    return any(path.suffix.lower() in MASK_SUFFIXES and not is_lossy(path) for path in first)


def split_folders(folder: Path, *, wanted: Callable[[Path], bool] = is_folder) -> dict[str, Path]:
    """The folders of splits right in a folder, as `called_as_splits` has them.

    One of train and val together is for training, where neither has a folder of its own.
    """
    entries = entries_in(folder)
    splits = called_as_splits(entries, called=attrgetter("name"), wanted=wanted)
    if not {"train", "val"} & splits.keys():
        both = (one for one in entries if _IS_BOTH.fullmatch(one.name) and wanted(one))
        if (of_both := next(both, None)) is not None:
            return {"train": of_both, **splits}
    return splits


def called_as_splits(
    found: Iterable[Path], *, called: Callable[[Path], str], wanted: Callable[[Path], bool]
) -> dict[str, Path]:
    """What is `called` as splits are, however that is written, by the splits' usual names.

    Of several `wanted` for one split the first of the usual words counts, of one word that in
    small letters.
    """
    named = [one for one in found if called(one).casefold() in SPLITS]
    splits: dict[str, Path] = {}
    for one in sorted(
        named, key=lambda one: (SPLITS.index(called(one).casefold()), one.name.swapcase())
    ):
        if wanted(one):
            splits.setdefault(usual_name(called(one)), one)
    return splits


def divided(
    tree: Tree, images: Path, masks: Path, said: DataFile, *, lists: Sequence[Path] = ()
) -> Divided:
    """Return the pairs of two folders: by the splits' folders in both, else by lists of stems.

    Masks are called as their images, or as these with an ending.
    """
    splits = split_folders(images)
    if not splits:
        found = _keyed(tree, images, masks, said)
        divided = by_lists(tree, lists, *found)
        return (
            divided if any(map(_holds_any, divided.pairings.values())) else _unpaired(tree, *found)
        )
    pairings: dict[str, Pairing] = {}
    of_masks = split_folders(masks)
    for split, folder in splits.items():
        if split in of_masks:
            found = _keyed(tree, folder, of_masks[split], said)
            pairings[split] = pair_files(tree, *found)
    bare = [folder.name for split, folder in splits.items() if split not in of_masks]
    notes = [f"{', '.join(bare)}: there are no masks, and no image is used"] if bare else []
    return without_empty(pairings, [*notes, *_told_beside(tree, images, [*splits.values()])])


def _told_beside(tree: Tree, images: Path, folders: Sequence[Path]) -> Iterator[str]:
    """A word on images that are in none of the splits' folders, which would be missed."""
    every = list_pictures(images, IMAGE_SUFFIXES).pictures
    beside = [path for path in every if not any(map(path.is_relative_to, folders))]
    if beside:
        lie, are = ("picture lies", "is") if len(beside) == 1 else ("pictures lie", "are")
        named = first_few([*map(tree.shown, beside)], _SHOWN)
        yield (
            f"{tree.shown(images)}: {len(beside):,} {lie} in no folder of a split "
            f"({', '.join(one.name for one in folders)}) and {are} not used: {named}"
        )


def _holds_any(pairing: Pairing) -> bool:
    return bool(pairing.pairs or pairing.faults)


def _unpaired(tree: Tree, images: Files, masks: Files) -> Divided:
    """One split in which nothing goes together, and why."""
    faults = told_by_endings(pair_files(tree, images, masks).faults, images, masks)
    return Divided({"train": Pairing((), faults)})


def _keyed(tree: Tree, images: Path, masks: Path, said: DataFile) -> tuple[Files, Files]:
    own = keyed(tree.pictures(images), stem_below(images, said.of_images))
    found = keyed(tree.pictures(masks), stem_below(masks))
    of_masks = said.of_masks or Affixes(suffix=_ending(own, found))
    named = {key: of_masks.inside(key) for key in found}
    return own, {name: found[key] for key, name in named.items() if name is not None}


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
    ending, count = next(iter(endings.most_common(1)), ("", 0))
    return ending if count >= _LEAST_SHARE * min(len(images), len(masks)) else ""
