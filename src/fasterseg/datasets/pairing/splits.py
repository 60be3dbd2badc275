"""Splits as tools call them, and lists that name the images of each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from fasterseg.amounts import number_of
from fasterseg.datasets.data_files.written_paths import OtherRoot, composed, place_of, slashed
from fasterseg.datasets.decoding import IMAGE_SUFFIXES
from fasterseg.datasets.faults import Fault, FaultKind
from fasterseg.datasets.pairing.pairs import Pairing, Tree, pair_files
from fasterseg.datasets.pairing.text_files import lines_of

_CALLED: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training", "default"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
# An image's file, alone in its line or before its mask.
_FILE_FIRST = re.compile(
    rf"(.+?)(?:{'|'.join(map(re.escape, sorted(IMAGE_SUFFIXES)))})(?=$|[\t|;, ])", re.IGNORECASE
)
ONE_SPLIT = "there is one split, train: nothing divides the images"

_SPLIT_IN_NAME = re.compile(
    r"(?<![a-z])(train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?)(?![a-z])"
    r"|^(train|val|test)(?=(?:x|y|images?|imgs?|masks?|labels?|annot)$)"
)

Files = Mapping[str, list[Path]]
"""Files by the name of their sample."""


@dataclass(frozen=True, slots=True)
class Divided:
    """A tool's pairs, split by split, and what is to be said of the files that are in none."""

    pairings: Mapping[str, Pairing]
    notes: tuple[str, ...] = ()


def is_list(tree: Tree, file: Path, images: Files) -> bool:
    """Whether a text file is a list of images: a line of it is a sample's name, or a picture's.

    Of a table a line has to be of a picture that is there: tables are of other things, too.
    """
    named, is_table = _Named.of(tree, file, images), is_table_of(file)
    return any(
        named.sample(line) or (not is_table and _FILE_FIRST.match(line))
        for line, _ in lines_of(tree, file)
    )


def names_some(tree: Tree, file: Path, images: Files) -> bool:
    """Whether a line of a text file names a sample that is there."""
    named = _Named.of(tree, file, images)
    return any(named.sample(line) for line, _ in lines_of(tree, file))


def is_table_of(file: Path) -> bool:
    """Whether a list may have a head, and columns beside the images'."""
    return file.suffix.lower() == ".csv"


def usual_name(split: str) -> str:
    """Return what a split is called here: train, val or test where a tool's word means that."""
    folded = split.casefold()
    return next((name for name, words in _CALLED.items() if folded in words), split)


def split_in(place: str) -> str:
    """Return the split that a path names, train, val or test; empty where it names none.

    A split is a folder's name or a word of it, as in train_masks; the first folder that has one
    tells.
    """
    for part in PurePosixPath(place).parts:
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", part).casefold()
        found = {usual_name(one[1] or one[2]) for one in _SPLIT_IN_NAME.finditer(words)}
        if len(found) == 1:  # train_val is both
            return found.pop()
    return ""


def by_lists(
    tree: Tree,
    lists: Sequence[Path],
    images: Files,
    masks: Files,
    *,
    rest_is_trained_on: bool = False,
) -> Divided:
    """Return the pairs of the samples that lists name, one list to a split.

    Without a list there is one split, ``train``, of all images that have a mask.  Where
    `rest_is_trained_on`, it is of those in no list, if the lists are of other splits alone.
    """
    named = {path.stem: _names_in(tree, path, images) for path in lists}
    splits: dict[str, list[str]] = {}
    for stem, names in named.items():
        splits.setdefault(usual_name(stem), []).extend(names)
    notes = _without_overlapping(splits)
    if not splits:
        splits = {"train": sorted(images)}
        notes = [ONE_SPLIT]
    used = {name for names in splits.values() for name in names}
    if rest_is_trained_on and {*splits} <= {"val", "test"} and (rest := sorted({*images} - used)):
        splits = {"train": rest, **splits}
        used |= {*rest}
        notes.append(f"train: {number_of(len(rest), 'image')} in no list, as no list is of train")
    pairings = {split: paired(tree, names, images, masks) for split, names in splits.items()}
    notes += notes_on_rest(used, images, masks)
    return without_empty(pairings, notes)


def without_empty(pairings: Mapping[str, Pairing], notes: Sequence[str]) -> Divided:
    """Return splits without those in which nothing is labelled: their labels are not published."""
    kept = {split: one for split, one in pairings.items() if one.pairs or one.faults}
    left = [split for split in pairings if split not in kept]
    told = [f"{', '.join(left)}: no image has a mask, and none is used"] if left and kept else []
    return Divided(kept or pairings, (*notes, *told))


def _names_in(tree: Tree, path: Path, images: Files) -> list[str]:
    """The samples that a list names; a line that names none is a fault."""
    found = []
    named, is_table = _Named.of(tree, path, images), is_table_of(path)
    elsewhere = OtherRoot(tree.root)
    for number, (line, where) in enumerate(lines_of(tree, path)):
        first = _FILE_FIRST.match(line)
        if name := named.sample(line):
            found.append(name)
        elif not (is_table and number == 0 and first is None):  # its head
            step = elsewhere.step_for(first[0] if first else line)
            tree.faults.append(Fault(FaultKind.BAD_LIST, where, line, step))
    return found


@dataclass(frozen=True, slots=True)
class _Named:
    """The samples that lines of a list may name: by themselves, or by where their files lie.

    Or by what a file is called, wherever it lies, if no other is called so.
    """

    images: Files
    files: Mapping[Path, str]
    homes: Sequence[Path]
    called: Mapping[str, str]

    @classmethod
    def of(cls, tree: Tree, path: Path, images: Files) -> Self:
        """Those of a list, which may begin its paths anywhere above it in the data set."""
        files = {file: name for name, of_name in images.items() for file in of_name}
        homes = [one for one in (path.parent, *path.parents) if one.is_relative_to(tree.root)]
        called: dict[str, str] = {}
        for file, name in files.items():
            for one in (file.name, file.stem):
                called[composed(one)] = "" if called.get(composed(one), name) != name else name
        return cls(images, files, homes, called)

    def sample(self, line: str) -> str:
        """The sample that a line names; empty where it names none."""
        names = _names_of(line)
        # VOC's own lists begin at the root of the data set.
        places = (place_of(home, one.lstrip("/")) for one in names for home in self.homes)
        by_path = (self.files[place] for place in places if place in self.files)
        by_name = next((one for one in names if one in self.images), "")
        by_call = (self.called.get(one, "") for one in names)
        return by_name or next(by_path, "") or next(filter(None, by_call), "")


def _without_overlapping(splits: dict[str, list[str]]) -> list[str]:
    """Take out lists of other names than usual that are made of the usual ones, as trainval is."""
    usual = {name for split in _CALLED for name in splits.get(split, ())}
    other = [split for split in splits if split not in _CALLED and usual & {*splits[split]}]
    for split in other:
        del splits[split]
    return [f"{split} names images of other lists again, and is no split" for split in other]


def _names_of(line: str) -> tuple[str, ...]:
    """The names that a line may mean: the whole, or what stands before the image's type."""
    plain = composed(slashed(line))
    bare = plain.strip('"')
    first = _FILE_FIRST.match(bare)
    named = (first[0], first[1]) if first is not None else ()
    return tuple(dict.fromkeys((plain, bare, *named)))


def paired(tree: Tree, names: Sequence[str], images: Files, masks: Files) -> Pairing:
    """Return the pairs of these names; an image that has no mask was not annotated."""
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    annotated = {name: count for name, count in counts.items() if name in masks}
    return pair_files(
        tree,
        {name: images[name] * count for name, count in annotated.items()},
        {name: masks[name] for name in annotated},
    )


def notes_on_rest(used: set[str], images: Files, masks: Files) -> list[str]:
    """Return what is to be said of files that are used for nothing."""
    notes = []
    bare = len(used - masks.keys())
    if bare:
        notes.append(f"{_images(bare)} not annotated (no mask), and not used")
    notes += told_in_no_list(len(images.keys() - used))
    alone = len(masks.keys() - images.keys())
    if alone:
        masks_are = "1 mask has" if alone == 1 else f"{alone:,} masks have"
        notes.append(f"{masks_are} no image, and {'is' if alone == 1 else 'are'} not used")
    return notes


def told_in_no_list(count: int) -> list[str]:
    """Return what is to be said of so many images that no list of a split names."""
    return [f"{_images(count)} in no list of a split, and not used"] if count else []


def _images(count: int) -> str:
    return "1 image is" if count == 1 else f"{count:,} images are"
