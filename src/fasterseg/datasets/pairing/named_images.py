"""The images that a ``data.yaml`` names, in folders and lists, and where the mask of each lies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.written_paths import OtherRoot, as_it_lies, composed, place_of
from fasterseg.datasets.decoding import IMAGE_SUFFIXES, LOSSY_SUFFIXES, MASK_SUFFIXES
from fasterseg.datasets.faults import Fault, FaultKind
from fasterseg.datasets.pairing.beside import is_lossy, told_apart
from fasterseg.datasets.pairing.finding import folders_below
from fasterseg.datasets.pairing.listed_pairs import two_paths
from fasterseg.datasets.pairing.name_endings import told_by_endings
from fasterseg.datasets.pairing.pairs import Pairing, Tree, keyed, pair_files, stem_below
from fasterseg.datasets.pairing.splits import split_in
from fasterseg.datasets.pictures.listing import is_file, is_folder
from fasterseg.errors import DataError
from fasterseg.foreign.opened_files import text_of

_DEFAULT_MASKS, _IMAGES = "masks", "images"
_BESIDE = "."
_NAMED = 5
_MOST_LOST = 16
"""After so many lines whose stem lies nowhere, no folder is looked for any more."""

Files = dict[str, list[Path]]


@dataclass(frozen=True, slots=True)
class _Listed:
    """What a line of a list names: a sample's name, its image, and its mask where that is named."""

    name: str
    image: str
    mask: str = ""


@dataclass(slots=True)
class NamedImages:
    """The images and masks of one split, by the names of samples, as they are found."""

    tree: Tree
    data: DataFile
    split: str
    file: Path
    images: Files = field(default_factory=dict)
    masks: Files = field(default_factory=dict)
    _elsewhere: OtherRoot = field(init=False)
    _home: Path | None = None
    _lost: int = 0

    def __post_init__(self) -> None:
        self._elsewhere = OtherRoot(self.tree.root)

    def add_folder(self, entry: str) -> None:
        """Take in the images under a folder, and the masks in the folder of these."""
        data, folder = self.data, self.tree.root / entry
        beside = self._masks_of(PurePosixPath(entry))
        if beside == folder:
            images, masks = told_apart(self.tree.pictures(folder), folder, data.of_masks)
        elif is_folder(folder) and not is_folder(beside) and data.masks_dir is None:
            raise self._no_masks(beside)
        else:
            images, masks = self.tree.pictures(folder), self.tree.pictures(beside)
        _join(self.images, keyed(images, stem_below(folder, data.of_images)))
        _join(self.masks, keyed(masks, stem_below(beside, data.of_masks)))

    def add_line(self, line: str, places: Sequence[str]) -> None:
        """Take in what a line of a list names: an image, a stem, or an image and its mask."""
        found = self._named(line)
        # Lists are long: what names no image is told by its text.
        if found is None:
            step = self._elsewhere.step_for(line)
            self.tree.faults += [Fault(FaultKind.BAD_LIST, one, line, step) for one in places]
        elif self.tree.leads_out(found.image) or self.tree.leads_out(found.mask):
            # Out of the folder and back: by the name that it has where the list was made.
            is_own = self.tree.reaches(self.tree.root / found.image)
            step = self._elsewhere.step_for(found.image) if is_own else ""
            self.tree.faults += [Fault(FaultKind.OUTSIDE, one, line, step) for one in places]
        elif self.tree.is_inside(self.tree.root / found.image):
            own = [self.tree.root / found.image] * len(places)
            self.images.setdefault(found.name, []).extend(own)
            if masks := self._masks_listed(found):
                self.masks[found.name] = masks

    def _named(self, line: str) -> _Listed | None:
        """What a line names; None where that is no image."""
        path = PurePosixPath(as_it_lies(self.tree.root, line))
        if _has_type(path) and is_file(self.tree.root / path):
            return _Listed(self._name_of(path), str(path))
        if pair := two_paths(line, self._is_picture):
            image, mask = (as_it_lies(self.tree.root, one) for one in pair)
            return _Listed(self._name_of(PurePosixPath(image)), image, mask)
        if self.tree.leads_out(str(path)):
            return None if self._elsewhere.step_for(line) else _Listed(line, line)
        home = self._home_of(path) if path.name else None
        found = self._images_of(home, path) if home is not None else []
        if not found:
            return None
        name = self._name_of(path) if _has_type(path) else composed(str(path))
        return _Listed(name, found[0].relative_to(self.tree.root).as_posix())

    def _name_of(self, path: PurePosixPath) -> str:
        """The sample of an image that is listed with its type."""
        own = composed(path.with_suffix("").as_posix())
        return self.data.of_images.inside(own) or own

    def _is_picture(self, name: str) -> bool:
        suffix = PurePosixPath(name).suffix.lower()
        return suffix in IMAGE_SUFFIXES and is_file(place_of(self.tree.root, name))

    def _masks_listed(self, found: _Listed) -> list[Path]:
        """The mask that a line names, or those that lie where its image's mask may lie."""
        if found.mask:
            named = self.tree.root / found.mask
            return [named] if self.tree.is_inside(named) else []
        image, data = self.tree.root / found.image, self.data
        stem = data.of_masks.around(data.of_images.inside(image.stem) or image.stem)
        for folder in self._folders_of_masks(PurePosixPath(found.image)):
            masks = [path for path in self.tree.siblings(folder, stem) if path != image]
            if folder == image.parent:
                masks = [path for path in masks if not is_lossy(path)]
            if masks:
                return masks
        return []

    def _folders_of_masks(self, image: PurePosixPath) -> Iterator[Path]:
        """Where an image's mask may lie: below a split's own folder as the image below another."""
        if isinstance(self.data.masks_dir, dict):
            home, parts = self._of_split(self.data.masks_dir), image.parent.parts
            yield from (home.joinpath(*parts[at:]) for at in range(len(parts) + 1))
        else:
            yield self._masks_of(image.parent, image)

    def _masks_of(self, folder: PurePosixPath, image: PurePosixPath | None = None) -> Path:
        """Where the masks of the images in a folder lie; this very folder where it is beside."""
        named, root = self.data.masks_dir, self.tree.root
        if isinstance(named, dict):
            return self._of_split(named)
        there = place_of(root, str(_in_place(folder, image, named or _DEFAULT_MASKS)))
        if named == _BESIDE:
            return there if there != root and is_folder(there) else root / folder
        # Nothing names another folder, and there is none.
        beside = not named and (named is not None or self.data.of_masks)
        return root / folder if beside and not is_folder(there) else there

    def _of_split(self, named: Mapping[str, str]) -> Path:
        if self.split in named:
            return place_of(self.tree.root, named[self.split])
        raise DataError(
            f"masks_dir names no folder for {self.split}",
            where=f"{self.file}, masks_dir",
            why=f"it names those of {', '.join(named)}" if named else "it names none",
            next_step="add it, or write one folder for all splits",
        )

    def _home_of(self, stem: PurePosixPath) -> Path | None:
        """The folder in which a list's names lie: the one that is named, else the only one."""
        if self.data.images_dir:
            return self.tree.root / self.data.images_dir
        if self._home is None and self._lost < _MOST_LOST:
            self._home = self._only_home(stem)
            self._lost += self._home is None
        return self._home

    def _only_home(self, stem: PurePosixPath) -> Path | None:
        """Raises DataError where several have a picture of this stem, and not one a photo."""
        named = self.data.masks_dir
        masks = [named or _DEFAULT_MASKS] if not isinstance(named, dict) else [*named.values()]
        never = {self.tree.root / folder for folder in masks if folder != _BESIDE}
        homes = [
            one
            for one in (self.tree.root, *folders_below(self.tree.root))
            if never.isdisjoint((one, *one.parents))
        ]
        names = (self.data.of_images.around(str(stem)), str(stem))
        some = [one for one in homes if any(_has(one, name, IMAGE_SUFFIXES) for name in names)]
        photos = [one for one in some if any(_has(one, name, LOSSY_SUFFIXES) for name in names)]
        found = photos or some
        of_split = [one for one in found if split_in(self.tree.shown(one)) == self.split]
        found = of_split or found
        if len(found) > 1:
            raise DataError(
                "a list names images without their folder, and several folders have such files",
                where=str(self.file),
                why=f"{stem} lies in {', '.join(map(self.tree.shown, found[:_NAMED]))}",
                next_step="name the images' folder:  images_dir: " + self.tree.shown(found[0]),
            )
        return found[0] if found else None

    def _images_of(self, home: Path, stem: PurePosixPath) -> list[Path]:
        folder = home / stem.parent
        if _has_type(stem):
            found = self.tree.siblings(folder, stem.stem)
            return [path for path in found if composed(path.name) == composed(stem.name)]
        own = self.data.of_images.around(stem.name)
        found = self.tree.siblings(folder, own) or self.tree.siblings(folder, stem.name)
        images = [path for path in found if path.suffix.lower() in IMAGE_SUFFIXES]
        return sorted(images, key=is_lossy, reverse=True)

    def _no_masks(self, folder: Path) -> DataError:
        return DataError(
            "there are no masks",
            where=f"{self.tree.shown(folder)}",
            why="no 'masks_dir' is given, and no polygons lie in text files under labels",
            next_step="name the folder of the masks as 'masks_dir:', or put the text files there; "
            "where masks lie beside their images, write what is behind these names as "
            "'mask_suffix:'",
        )


def pairing_of(tree: Tree, entries: Sequence[str], found: NamedImages) -> Pairing:
    """Return the pairs of a split's folders and lists; raises DataError."""
    for entry in entries:
        lies = as_it_lies(tree.root, entry)
        place = tree.root / lies
        if not is_file(place):
            found.add_folder(lies)
        elif tree.is_inside(place):
            for line, places in lines_of(tree, place).items():
                found.add_line(line, places)
    pairing = pair_files(tree, found.images, found.masks)
    faults = told_by_endings(pairing.faults, found.images, found.masks)
    return Pairing(pairing.pairs, faults)


def masks_beside(images: PurePosixPath, masks_dir: str) -> PurePosixPath:
    """Return the masks' place: ``images`` in the path replaced, else its first folder of several.

    So ``images/train`` gives ``masks/train``, ``train/images`` gives ``train/masks``, and
    ``img_dir/train`` with ``ann_dir`` gives ``ann_dir/train``.
    """
    parts = list(images.parts)
    if _IMAGES in parts:
        place = len(parts) - 1 - parts[::-1].index(_IMAGES)
        return PurePosixPath(*parts[:place], masks_dir, *parts[place + 1 :])
    return PurePosixPath(masks_dir, *parts[1:])


def has_usual_mask(root: Path, image: Path) -> bool:
    """Whether an image's mask lies where it does unless a data file names another folder."""
    if not image.is_relative_to(root):
        return False
    place = masks_beside(PurePosixPath(image.relative_to(root).as_posix()), _DEFAULT_MASKS)
    return any(is_file(root / place.with_suffix(suffix)) for suffix in MASK_SUFFIXES)


def lines_of(tree: Tree, place: Path) -> dict[str, list[str]]:
    """The lines of a list, each with where it stands; raises DataError for what is no text."""
    step = "save it as UTF-8, one path to a line"
    text = text_of(place, called="a list file", next_step=step, fault=DataError)
    where, lines = tree.shown(place), dict[str, list[str]]()
    for number, line in enumerate(text.splitlines(), start=1):
        lines.setdefault(line.strip(), []).append(f"{where}:{number}")
    lines.pop("", None)
    return lines


def _in_place(folder: PurePosixPath, image: PurePosixPath | None, masks: str) -> PurePosixPath:
    return masks_beside(folder, masks) if image is None else masks_beside(image, masks).parent


def _join(into: Files, more: Mapping[str, list[Path]]) -> None:
    for key, files in more.items():
        into.setdefault(key, []).extend(files)


def _has_type(path: PurePosixPath) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES


def _has(folder: Path, name: str, suffixes: Iterable[str]) -> bool:
    if _has_type(PurePosixPath(name)):
        return PurePosixPath(name).suffix.lower() in suffixes and is_file(place_of(folder, name))
    endings = (form for suffix in suffixes for form in (suffix, suffix.upper()))
    return any(is_file(place_of(folder, f"{name}{ending}")) for ending in endings)
