"""Finding the files of a data set and putting each image together with its mask."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

from fasterseg.amounts import first_few
from fasterseg.datasets.data_files.affixes import NO_AFFIXES, Affixes
from fasterseg.datasets.data_files.written_paths import composed, in_other_case
from fasterseg.datasets.decoding import (
    FOREIGN_SUFFIXES,
    IMAGE_SUFFIXES,
    LOSSY_SUFFIXES,
    MASK_SUFFIXES,
    is_lossy,
)
from fasterseg.datasets.faults import SHOWN_EXAMPLES, Fault, FaultKind
from fasterseg.datasets.pictures.listing import (
    entries_in,
    is_folder,
    leads_around_itself,
    list_pictures,
    printable,
)
from fasterseg.events import Progress, silent
from fasterseg.foreign.opened_files import what_it_is

# Pictures of types that are not read: a fault, where other files (notes, caches) are passed over.
PICTURES = IMAGE_SUFFIXES | FOREIGN_SUFFIXES
"""How names of pictures end, of those that are read and others."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An image and its mask on disk, under the sample's name.

    ``part`` names the included data set that they are from; empty for the data set's own.
    ``labels`` is the tool's file that the mask was drawn from, and ``content`` a digest of what it
    says of this image: both speak for the mask, which another machine draws into another file.
    """

    name: str
    image: Path
    mask: Path
    part: str = ""
    labels: Path | None = None
    content: str = ""

    @property
    def files(self) -> tuple[Path, ...]:
        """What is read of it."""
        return self.image, self.mask

    @property
    def origins(self) -> tuple[Path, ...]:
        """The user's own files that it is from."""
        return self.image, self.labels or self.mask


@dataclass(frozen=True, slots=True)
class Lone:
    """An image on disk that nobody labelled, under the sample's name; `part` as of a pair.

    ``inside`` is its name below its folder, without an ending, as pairs are called.
    """

    name: str
    image: Path
    inside: str
    part: str = ""

    @property
    def files(self) -> tuple[Path, ...]:
        """What is read of it."""
        return (self.image,)

    @property
    def origins(self) -> tuple[Path, ...]:
        """The same."""
        return self.files


OnDisk = Pair | Lone
"""What lies on disk of one sample."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """The pairs of one split, sorted by name, and what was wrong with the rest."""

    pairs: tuple[Pair, ...]
    faults: tuple[Fault, ...] = ()


@dataclass(slots=True)
class Tree:
    """The data folder: walks it and never leaves it unless told that it may.

    ``progress`` is told what takes long before the data is there: masks that are drawn.
    ``takes_lossy_masks`` says that masks may be JPEG: a data file calls them smoothed.
    """

    root: Path
    may_leave: bool = False
    faults: list[Fault] = field(default_factory=list)
    progress: Progress = silent
    takes_lossy_masks: bool = False
    _listed: dict[Path, dict[str, list[Path]]] = field(default_factory=dict)
    _real: dict[Path, Path] = field(default_factory=dict)

    def shown(self, path: Path) -> str:
        """Return a path as messages print it: seen from the data folder, always printable."""
        try:
            text = path.relative_to(self.root).as_posix()
        except ValueError:
            text = str(path)
        return printable(text)

    def pictures(self, folder: Path) -> list[Path]:
        """Return the picture files under a folder, in order; faults go to ``self.faults``."""
        return self.files(folder, PICTURES)

    def files(self, folder: Path, suffixes: AbstractSet[str]) -> list[Path]:
        """Return the files of some suffixes under a folder, as `pictures` does."""
        if not is_folder(folder):
            shown, detail = self.shown(folder), what_it_is(folder)
            if not detail and (near := in_other_case(self.root, shown)):
                detail = f"{near} is there: upper and lower case differ"
            is_pattern = "*" in shown or "?" in shown
            step = "name folders themselves: patterns are not read" if is_pattern else ""
            self.faults.append(Fault(FaultKind.MISSING_FOLDER, shown, detail, step))
            return []
        if not self.is_inside(folder):
            return []
        listing = list_pictures(folder, suffixes, follow=self.may_leave)
        self.faults += map(self._linked, listing.linked)
        self.faults += [Fault(FaultKind.CLOSED_FOLDER, self.shown(one)) for one in listing.closed]
        for path in listing.special:
            self.faults.append(Fault(FaultKind.NO_FILE, self.shown(path), what_it_is(path)))
        found = listing.pictures
        return [path for path in found if self._is_named_well(path) and self.is_inside(path)]

    def _linked(self, folder: Path) -> Fault:
        """A link to a folder; one to a folder around it can be followed by nobody."""
        detail = step = ""
        if leads_around_itself(folder):
            detail = "it leads to a folder around itself"
            step = "remove the links that lead to a folder around themselves"
        return Fault(FaultKind.LINKED_FOLDER, self.shown(folder), detail, step)

    def siblings(self, folder: Path, stem: str) -> list[Path]:
        """Return the pictures of a stem right in a folder, without going deeper."""
        if folder not in self._listed:
            listed = self._listed[folder] = {}
            for path in entries_in(folder, PICTURES) if self.is_inside(folder) else ():
                if path.is_file() and self.is_inside(path):
                    listed.setdefault(composed(path.stem), []).append(path)
        return self._listed[folder].get(composed(stem), [])

    def _is_named_well(self, path: Path) -> bool:
        try:
            path.name.encode("utf-8")
        except UnicodeEncodeError:
            self.faults.append(Fault(FaultKind.BAD_NAME, self.shown(path)))
            return False
        return True

    def is_inside(self, path: Path) -> bool:
        """Whether a path leads to what may be read; where it does not, that is a fault."""
        if self.reaches(path):
            return True
        target = printable(os.path.realpath(path))
        self.faults.append(Fault(FaultKind.OUTSIDE, self.shown(path), f"leads to {target}"))
        return False

    def leads_out(self, named: str) -> bool:
        """Whether a list may not name this path: as written, it leads out of the data folder."""
        return not self.may_leave and (named.startswith("/") or ".." in named.split("/"))

    def reaches(self, path: Path) -> bool:
        """Whether a path, with all links followed, is in the data folder, or may be elsewhere."""
        if self.may_leave:
            return True
        plain = path.name not in ("", "..") and not path.is_symlink()
        target = self._folder(path.parent) / path.name if plain else Path(os.path.realpath(path))
        return target.is_relative_to(self._folder(self.root))

    def _folder(self, folder: Path) -> Path:
        """Where a folder is, with all links followed; looked at once."""
        if folder not in self._real:
            self._real[folder] = Path(os.path.realpath(folder))
        return self._real[folder]


def pair_files(
    tree: Tree,
    images: Mapping[str, Sequence[Path]],
    masks: Mapping[str, Sequence[Path]],
) -> Pairing:
    """Put together what has the same key; faults of ``tree`` so far become the pairing's."""
    faults = list(tree.faults)
    tree.faults.clear()
    for files in (*images.values(), *masks.values()):
        faults += _faults_of_group(tree, files)
    faults += _faults_of_suffixes(tree, images, masks)
    by_case = {key.casefold(): key for key in masks if key not in images}
    for key in sorted(set(images) - set(masks)):
        file = tree.shown(images[key][0])
        other = by_case.pop(key.casefold(), None)
        if other is not None:
            detail = f"its mask is {tree.shown(masks[other][0])}"
            faults.append(Fault(FaultKind.CASE_MISMATCH, file, detail))
        else:
            faults.append(Fault(FaultKind.UNPAIRED_IMAGE, file))
    faults += [Fault(FaultKind.UNPAIRED_MASK, tree.shown(masks[k][0])) for k in by_case.values()]
    both = sorted(set(images) & set(masks))
    return Pairing(tuple(Pair(k, images[k][0], masks[k][0]) for k in both), tuple(faults))


def _faults_of_group(tree: Tree, files: Sequence[Path]) -> list[Fault]:
    if len(files) == 1:
        return []
    if set(files) == {files[0]}:
        step = "name each folder once, and each image of a list once"
        detail = f"named {len(files)} times"
        return [Fault(FaultKind.DUPLICATE_NAME, tree.shown(files[0]), detail, step)]
    also = f"also {first_few([*map(tree.shown, files[1:])], SHOWN_EXAMPLES)}"
    return [Fault(FaultKind.DUPLICATE_NAME, tree.shown(files[0]), also)]


def _faults_of_suffixes(
    tree: Tree, images: Mapping[str, Sequence[Path]], masks: Mapping[str, Sequence[Path]]
) -> list[Fault]:
    faults: list[Fault] = []
    for path in (file for files in images.values() for file in files):
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            faults.append(Fault(FaultKind.UNSUPPORTED, tree.shown(path)))
    for path in (file for files in masks.values() for file in files):
        if path.suffix.lower() in LOSSY_SUFFIXES:
            if is_lossy(path) and not tree.takes_lossy_masks:
                faults.append(Fault(FaultKind.LOSSY_MASK, tree.shown(path)))
        elif path.suffix.lower() not in MASK_SUFFIXES:
            faults.append(Fault(FaultKind.UNSUPPORTED, tree.shown(path)))
    return faults


def keyed(files: Iterable[Path], key_of: Callable[[Path], str | None]) -> dict[str, list[Path]]:
    """Group files by key, leaving out those whose key is None."""
    groups: defaultdict[str, list[Path]] = defaultdict(list)
    for file in files:
        key = key_of(file)
        if key is not None:
            groups[key].append(file)
    return dict(groups)


def stem_below(folder: Path, affixes: Affixes = NO_AFFIXES) -> Callable[[Path], str | None]:
    """Return a key: the path below a folder without extension and without affixes of the name.

    Its letters are composed, so that an image and its mask from other systems have one.
    """

    def key(path: Path) -> str | None:
        return affixes.inside(path.relative_to(folder).with_suffix("").as_posix())

    return key


def pair_folders(
    tree: Tree, images: Path, masks: Path, *, image_suffix: str = "", mask_suffix: str = ""
) -> Pairing:
    """Pair the images under one folder with the masks under another, by stem."""
    return pair_files(
        tree,
        keyed(tree.pictures(images), stem_below(images, Affixes(suffix=image_suffix))),
        keyed(tree.pictures(masks), stem_below(masks, Affixes(suffix=mask_suffix))),
    )
