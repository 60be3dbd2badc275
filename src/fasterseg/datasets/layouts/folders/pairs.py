"""Images and masks that no tool's file describes: in two folders, split by split, or side by side.

It is looked for last, where nothing else was found.  Folders that are called in another way than
usual are put together by what their files are called.  Masks hold ids or colours, or one class
each; a list of classes in the folder names the ids or colours, a data file either, else classes are
called after them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from operator import attrgetter
from pathlib import Path

from fasterseg.amounts import first_few
from fasterseg.datasets.data_files.affixes import OF_NAMES, Affixes
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.decoding import IMAGE_SUFFIXES, is_lossy
from fasterseg.datasets.layouts.annotations.split_folders import USUAL
from fasterseg.datasets.layouts.classes.colour_classes import by_colours, colours_in
from fasterseg.datasets.layouts.classes.colour_table import colour_table_in
from fasterseg.datasets.layouts.classes.id_classes import NAMED_BY_DATA, classes_listed_in
from fasterseg.datasets.layouts.classes.tool_classes import OF_COLOURS
from fasterseg.datasets.layouts.folders.class_masks import (
    are_of_classes,
    open_class_masks,
    open_mask_folders,
)
from fasterseg.datasets.layouts.folders.mask_folders import mask_folders_in
from fasterseg.datasets.layouts.folders.matched_pairs import divided_by_names, matches_of
from fasterseg.datasets.layouts.folders.matched_series import Matches
from fasterseg.datasets.layouts.folders.two_folders import (
    LISTS,
    called_as_splits,
    divided,
    has_mask,
    split_folders,
)
from fasterseg.datasets.pairing.beside import told_apart
from fasterseg.datasets.pairing.finding import Place, ToolForm, folders_below
from fasterseg.datasets.pairing.pairs import Pairing, Tree, keyed, pair_files, stem_below
from fasterseg.datasets.pairing.splits import (
    ONE_SPLIT,
    Divided,
    by_lists,
    is_list,
    names_some,
    without_empty,
)
from fasterseg.datasets.pictures.listing import entries_in, is_file, is_folder
from fasterseg.datasets.sources.files import FileSource

NAME = "pairs"
TAKES = NAMED_BY_DATA | OF_COLOURS | OF_NAMES | {"masks_dir"}

_IMAGES = ("images", "image", "imgs", "img", "photos", "frames")
_MASKS = ("masks", "mask", "labels", "label", "annotations", "segmentation", "gt")
_ENDINGS = ("", "_mask", "_masks", "_label", "_labels", "_labelIds", "_seg", "_gt", "-mask", "_L")
_MOST_LOOKED_AT, _MOST_LOOKED_INTO, _SHOWN = 64, 16, 4


def _is_in(folder: Path) -> bool:
    return bool(_two_in(folder) or _splits_in(folder)) or _ending_in(folder) is not None


def _is_matched(folder: Path) -> bool:
    return bool(matches_of(folder, DataFile()).found or mask_folders_in(folder))


FORM = ToolForm(_is_in)
MATCHED = ToolForm(_is_matched)


def open_pairs(tree: Tree, place: Place, said: DataFile) -> FileSource:
    """Return the splits that are there, or one of all images; raises DataError."""
    home = place.images
    matches = matches_of(home, said)
    if are_of_classes(matches, said):
        return open_class_masks(tree, home, said, matches)
    if not matches.found and (folders := mask_folders_in(home)):
        return open_mask_folders(tree, home, said, folders)
    found = _by_own_lists(tree, home, _divided(tree, home, said, matches))
    if said.palette is None and (table := colour_table_in(tree, home, found.pairings)) is not None:
        return FileSource(
            table.layout(NAME, tree, said, found.pairings, found.notes), found.pairings
        )
    named = classes_listed_in(home, tree, NAME, *LISTS, shown=True)
    # Neither a list of classes nor a palette leaves it open what masks hold.
    is_open = named.where == home and said.palette is None
    colours = colours_in(found.pairings) if is_open else ()
    if said.palette is not None or colours:
        layout = by_colours(NAME, tree, home, said, colours, notes=found.notes)
    else:
        layout = named.layout(tree, said, found.pairings, notes=found.notes)
    return FileSource(layout, found.pairings)


def _divided(tree: Tree, home: Path, said: DataFile, matches: Matches) -> Divided:
    several = any(match.masks_are_mixed for match in matches.found)
    if several or (matches.found and (said.masks_dir or not _is_in(home))):
        return divided_by_names(tree, home, matches)
    found = _by_usual_names(tree, home, said, matches.folders)
    # Folders that are called as usual may hold others, in which the masks are.
    has_none = not any(pairing.pairs for pairing in found.pairings.values())
    return divided_by_names(tree, home, matches) if has_none and matches.found else found


def _by_own_lists(tree: Tree, home: Path, found: Divided) -> Divided:
    """The pairs by the lists of splits beside them, where folders do not divide these."""
    if [*found.pairings] != [USUAL[0]]:
        return found
    (pool,) = found.pairings.values()
    images = {pair.name: [pair.image] for pair in pool.pairs}
    masks = {pair.name: [pair.mask] for pair in pool.pairs}
    lists = _lists_in(home, lambda file: is_list(tree, file, images))
    lists = lists or _lists_below(home, lambda file: names_some(tree, file, images))
    if not lists:
        return replace(found, notes=(*found.notes, *_told_idle(tree, home)))
    listed = by_lists(tree, lists, images, masks, rest_is_trained_on=True)
    first, *rest = listed.pairings.items()
    whole = replace(first[1], faults=(*pool.faults, *first[1].faults))
    notes = (note for note in found.notes if note != ONE_SPLIT)
    told = f"images were divided by {', '.join(map(tree.shown, lists))}"
    return Divided({first[0]: whole, **dict(rest)}, (*notes, told, *listed.notes))


def _lists_in(folder: Path, is_one: Callable[[Path], bool]) -> list[Path]:
    """The lists of splits right in a folder: called as splits are, and of images."""
    files = entries_in(folder, {".txt", ".csv"})
    return [
        *called_as_splits(
            files, called=attrgetter("stem"), wanted=lambda one: is_file(one) and is_one(one)
        ).values()
    ]


def _lists_below(home: Path, is_one: Callable[[Path], bool]) -> list[Path]:
    """The lists of the one folder that has some, as ImageSets has; none where several have."""
    folders = islice(folders_below(home), _MOST_LOOKED_INTO)
    found = [lists for folder in folders if (lists := _lists_in(folder, is_one))]
    return found[0] if len(found) == 1 else []


def _told_idle(tree: Tree, home: Path) -> Iterator[str]:
    """A word on lists called as splits are that name no image."""
    if idle := _lists_in(home, lambda file: file.suffix.lower() == ".txt"):
        named = ", ".join(map(tree.shown, idle))
        yield f"{named}: no line names an image that is here, and nothing is divided by it"


def _by_usual_names(tree: Tree, home: Path, said: DataFile, folders: Sequence[Path]) -> Divided:
    two, splits = _two_in(home), _splits_in(home)
    if two is not None:
        found = divided(tree, *two, said)
        return replace(found, notes=(*found.notes, *_told_left(tree, folders, found, two)))
    if splits:
        return _by_splits(tree, home, splits, said, folders)
    return Divided({"train": _beside(tree, home, said)}, (ONE_SPLIT,))


def _by_splits(
    tree: Tree,
    home: Path,
    splits: Mapping[str, Path],
    said: DataFile,
    folders: Sequence[Path],
) -> Divided:
    """Each split's folder has both: in two folders of its own, or side by side."""
    pairings: dict[str, Pairing] = {}
    looked_in: list[Path] = []
    notes: list[str] = []
    for split, folder in splits.items():
        two = _two_in(folder)
        looked_in += two or (folder,)
        if two is None:
            pairings[split] = _beside(tree, folder, said)
            continue
        found = divided(tree, *two, said)
        pairings[split] = _joined(found.pairings.values())
        notes += [f"{split}: {note}" for note in found.notes if note != ONE_SPLIT]
    known = {*splits.values()}
    others = [one for one in entries_in(home) if is_folder(one) and one not in known]
    unused = [one for one in others if _has_both(one)]
    is_no = "is no folder of a split" if len(unused) == 1 else "are no folders of splits"
    if unused:
        shown = " and ".join(map(tree.shown, unused))
        notes.append(f"{shown} {is_no}, and no image there is used")
    told = without_empty(pairings, notes)
    left = _told_left(tree, folders, told, (*looked_in, *unused))
    return replace(told, notes=(*told.notes, *left))


def _joined(pairings: Iterable[Pairing]) -> Pairing:
    every = [*pairings]
    return Pairing(
        tuple(pair for one in every for pair in one.pairs),
        tuple(fault for one in every for fault in one.faults),
    )


def _told_left(
    tree: Tree, folders: Sequence[Path], found: Divided, looked_in: Sequence[Path]
) -> Iterator[str]:
    """A word on the folders of pictures that were not looked into: others may be meant."""
    pairs = (pair for pairing in found.pairings.values() for pair in pairing.pairs)
    used = {file.parent for pair in pairs for file in (pair.image, pair.mask)}
    left = [
        tree.shown(folder)
        for folder in folders
        if folder not in used and not any(map(folder.is_relative_to, looked_in))
    ]
    if left:
        yield (
            f"the pictures in {first_few(left, _SHOWN)} are not used: images and masks are those "
            f"in {' and '.join(map(tree.shown, looked_in[:2]))}"
        )


def _beside(tree: Tree, folder: Path, said: DataFile) -> Pairing:
    of_masks = said.of_masks or Affixes(suffix=_ending_in(folder) or "")
    images, masks = told_apart(tree.pictures(folder), folder, of_masks)
    return pair_files(
        tree,
        keyed(images, stem_below(folder, said.of_images)),
        keyed(masks, stem_below(folder, of_masks)),
    )


def _two_in(folder: Path) -> tuple[Path, Path] | None:
    """A folder of images and one of masks, each with pictures in it or in folders of splits."""
    images = [one for name in _IMAGES if _holds_images(one := folder / name)]
    masks = [one for name in _MASKS if _holds_masks(one := folder / name)]
    return (images[0], masks[0]) if len(images) == len(masks) == 1 else None


def _holds_images(folder: Path) -> bool:
    return any(map(_first_files, _with_folders(folder)))


def _holds_masks(folder: Path) -> bool:
    return any(map(has_mask, _with_folders(folder)))


def _with_folders(folder: Path) -> list[Path]:
    """A folder and the first of those in it: of splits, or of recordings."""
    return [folder, *islice(folders_below(folder), _MOST_LOOKED_INTO)] if is_folder(folder) else []


def _splits_in(folder: Path) -> dict[str, Path]:
    """The folders of splits that have images and masks."""
    return split_folders(folder, wanted=_has_both)


def _has_both(folder: Path) -> bool:
    """Whether a folder has images and masks, in two folders of its own or side by side."""
    if not is_folder(folder):
        return False
    return _two_in(folder) is not None or _ending_in(folder) is not None


def _ending_in(folder: Path) -> str | None:
    """What masks' names have behind those of the images beside them; None where there are none."""
    files = _first_files(folder)
    photos = {path.stem for path in files if is_lossy(path)}
    others = {path.stem for path in files if not is_lossy(path)}
    for ending in _ENDINGS:
        images = photos if not ending else photos | others
        if any(f"{stem}{ending}" in others for stem in images):
            return ending
    return None


def _first_files(folder: Path) -> list[Path]:
    """The first pictures of a folder."""
    return entries_in(folder, IMAGE_SUFFIXES)[:_MOST_LOOKED_AT]
