"""Which pictures a source names, and what the files that are made of them are called."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from fasterseg.amounts import number_of
from fasterseg.datasets.decoding import FOREIGN_SUFFIXES, IMAGE_SUFFIXES
from fasterseg.datasets.picture_lists import is_list, pictures_in
from fasterseg.datasets.pictures.listing import (
    is_file,
    is_hidden,
    list_pictures,
    printable,
)
from fasterseg.durable import temporary_name
from fasterseg.errors import DataError, UsageError
from fasterseg.foreign.links import leads_outside
from fasterseg.paths import did_you_mean, user_path

ENDINGS = ("_overlay.png", "_colours.png", "_labels.png")
FOLDER_SUFFIX = "-predictions"
# A file's name may have 255 bytes; while it is written, it has more than its own.
MOST_NAME_BYTES = 255 - len(temporary_name(""))


@dataclass(frozen=True, slots=True)
class Found:
    """The images that a source names, sorted, and the folder that they lie in.

    Pipes and devices with an image's name are among them, and are refused when their turn comes.
    `foreign` are pictures of kinds that are not read.
    """

    root: Path
    images: list[Path]
    linked: int = 0
    closed: tuple[Path, ...] = ()
    outside: int = 0
    foreign: tuple[Path, ...] = ()

    def notes(self) -> list[str]:
        """What was not looked into."""
        links = "1 link to a folder was" if self.linked == 1 else f"{self.linked} links were"
        notes = [f"{links} not followed"] if self.linked else []
        if self.foreign:
            notes.append(f"{self.told_foreign()}: they are passed over; convert them, as to PNG")
        if self.outside:
            links = "1 link leads" if self.outside == 1 else f"{self.outside} links lead"
            pattern = printable(self.root / "*.png")
            notes.append(f"{links} out of the folder and not read: name them by '{pattern}'")
        return notes + [f"the folder {printable(path)} cannot be listed" for path in self.closed]

    def told_foreign(self) -> str:
        """How many pictures are of kinds that are not read, and of which."""
        kinds = ", ".join(sorted({path.suffix.lower() for path in self.foreign}))
        count = len(self.foreign)
        return f"{count} picture{'' if count == 1 else 's'} of kinds that are not read ({kinds})"


def find_images(source: str) -> Found:
    """The images that a source names; what begins with a dot is none, unless it is named.

    Raises `UsageError` for a source that is not there, `DataError` for one without images.
    """
    found = find_pictures(source, IMAGE_SUFFIXES)
    if not found.images and _is_pattern(source):
        raise _nothing_of_pattern(source, found)
    if not found.images:
        there = f"; there is {found.told_foreign()}" if found.foreign else ""
        raise DataError(
            "found no image to segment",
            where=source,
            why=f"images end in {', '.join(sorted(IMAGE_SUFFIXES))}, and what begins with a dot "
            f"is passed over{there}",
            next_step="name a folder that has such files, in its own folders too",
        )
    return found


def _is_pattern(source: str) -> bool:
    return any(sign in source for sign in "*?[") and not user_path(source).exists()


def _nothing_of_pattern(source: str, found: Found) -> DataError:
    """What is said of a pattern by which no image is called, with what lies where it looked."""
    others = list_pictures(found.root, IMAGE_SUFFIXES).pictures if found.root.is_dir() else []
    kinds = " and ".join(sorted({path.suffix for path in others}))
    told = f"; {number_of(len(others), 'image')} of {kinds} below {printable(found.root)}"
    there = f"; there is {found.told_foreign()}" if found.foreign else told if others else ""
    return DataError(
        "found no image to segment",
        where=source,
        why=f"no image is called so{there}",
        next_step="name the folder itself, or a pattern in quotes by which they are called, such "
        "as 'frames/*.jpg'",
    )


def find_pictures(source: str, suffixes: AbstractSet[str]) -> Found:
    """What a source names of these suffixes, which may be nothing; a file is what it names.

    A text file is a list of what it names.  Raises `UsageError` for a source that is not there,
    `DataError` for a list that names what is not there.
    """
    path = user_path(source)
    if path.is_dir():
        return _in_folder(path, suffixes)
    if is_list(path):
        return _listed(path)
    if path.exists():
        return Found(path.parent, [path])
    if _is_pattern(source):
        return _by_pattern(path, suffixes)
    raise UsageError(
        f"there is no image or folder {source!r}",
        where=source,
        why="nothing of this name is there",
        next_step=f"{did_you_mean(path)}name an image, a video, a folder, a text file that lists "
        "images, or a pattern in quotes, such as 'frames/*.png'; a camera by its number",
    )


def _in_folder(folder: Path, suffixes: AbstractSet[str]) -> Found:
    listing = list_pictures(folder, _looked_for(suffixes))
    named, foreign = _divided(listing.pictures, suffixes)
    special, _ = _divided(listing.special, suffixes)
    inside = [one for one in named if not _leads_out(one, folder)]
    return Found(
        folder,
        sorted((*inside, *special)),
        linked=len(listing.linked),
        closed=tuple(listing.closed),
        outside=len(named) - len(inside),
        foreign=tuple(foreign),
    )


def _listed(path: Path) -> Found:
    """The files that a list names, and the folder that all of them lie in."""
    images = [one.absolute() for one in pictures_in(path)]
    return Found(Path(os.path.commonpath([one.parent for one in images])), images)


def _by_pattern(path: Path, suffixes: AbstractSet[str]) -> Found:
    root, pattern = _split_pattern(path)
    looked_for = _looked_for(suffixes)
    meant = (one for one in root.glob(pattern) if _is_meant(one, root, pattern, looked_for))
    named, foreign = _divided(sorted(meant), suffixes)
    return Found(root, named, foreign=tuple(foreign))


def _looked_for(suffixes: AbstractSet[str]) -> AbstractSet[str]:
    """The suffixes that are asked for, and of images those of kinds that are not read."""
    return suffixes | FOREIGN_SUFFIXES if suffixes == IMAGE_SUFFIXES else suffixes


def _divided(pictures: Sequence[Path], suffixes: AbstractSet[str]) -> tuple[list[Path], list[Path]]:
    """Those that have one of these suffixes, and the others."""
    named = [path for path in pictures if path.suffix.lower() in suffixes]
    return named, [path for path in pictures if path.suffix.lower() not in suffixes]


def default_folder(root: Path) -> Path:
    """Next to the folder that the images lie in, so that they are not taken for input later."""
    folder = root.absolute()
    return folder.with_name(f"{folder.name or 'images'}{FOLDER_SUFFIX}")


def output_names(root: Path, images: Sequence[Path]) -> list[str]:
    """A name for each image's files, below the output folder as the image is below the root.

    Images that differ only in their suffix keep it in their names, and so does one whose short
    name is such a name.  Steps up are left out: no file is written outside of the output folder.
    Raises `DataError` where two images would have the same files.
    """
    below = [_without_steps_up(path.relative_to(root)) for path in images]
    whole = [path.as_posix() for path in below]
    if twice := [name for name, count in Counter(whole).items() if count > 1]:
        raise DataError(
            "two images would have the same files",
            where=printable(twice[0]),
            why="their paths differ in steps up alone, or the pattern finds one of them twice",
            next_step="name them in two commands, or by a pattern without ..",
        )
    names = [path.with_suffix("").as_posix() for path in below]
    while True:
        counts = Counter(names)
        longer = [
            full if counts[name] > 1 else name for name, full in zip(names, whole, strict=True)
        ]
        if longer == names:
            return names
        names = longer


def _leads_out(image: Path, folder: Path) -> bool:
    """Whether an image is a link to a file outside of the folder that was named."""
    return image.is_symlink() and is_file(image) and leads_outside(image, folder)


def _without_steps_up(path: Path) -> Path:
    return Path(*(part for part in path.parts if part != ".."))


def possible_files(names: Sequence[str], endings: Sequence[str] = ENDINGS) -> list[str]:
    """The files that will be written, without those whose names are too long; all if all are."""
    possible = [name for name in names if _longest_of(name, endings) <= MOST_NAME_BYTES]
    return [f"{name}{ending}" for name in possible or names for ending in endings]


def require_free(
    folder: Path, files: Sequence[str], *, overwrite: bool, sources: Iterable[Path] = ()
) -> None:
    """Raise `UsageError` before anything is computed when a file to be written is there.

    Where it may be overwritten, it may not be one of the `sources` all the same.
    """
    taken = [folder / name for name in files if (folder / name).exists()]
    read = {os.path.realpath(path) for path in sources} if taken else set()
    if own := [path for path in taken if os.path.realpath(path) in read]:
        raise UsageError(
            "what is made of one image would take the place of another",
            where=printable(own[0]),
            why="it is among the images and videos that are to be segmented",
            next_step="choose another folder with --out",
        )
    if taken and not overwrite:
        raise UsageError(
            f"{len(taken)} of the files to be written are there already",
            where=str(taken[0]),
            next_step="choose another folder with --out, or add --overwrite",
        )


def _is_meant(path: Path, root: Path, pattern: str, suffixes: AbstractSet[str]) -> bool:
    """Whether a pattern's find is a picture that it means: dots are to be written."""
    parts = path.relative_to(root).parts
    dotted = any(part.startswith(".") for part in Path(pattern).parts)
    hidden = any(is_hidden(part) for part in parts)
    return path.suffix.lower() in suffixes and not path.is_dir() and (dotted or not hidden)


def _split_pattern(path: Path) -> tuple[Path, str]:
    """The folder before the first part with a wildcard, and the rest as a pattern."""
    plain = list(_until_wildcard(path.parts))
    rest = path.parts[len(plain) :]
    return Path(*plain), str(Path(*rest))


def _until_wildcard(parts: tuple[str, ...]) -> Iterator[str]:
    for part in parts:
        if any(sign in part for sign in "*?["):
            return
        yield part


def require_short(name: str, endings: Sequence[str] = ENDINGS) -> None:
    """Raise `DataError` where the names of an image's files would not fit the file system."""
    longest = _longest_of(name, endings)
    if longest > MOST_NAME_BYTES:
        raise DataError(
            "the names of its files would be too long",
            where=name,
            why=f"its name is so long that those of its files would have {longest} bytes; "
            f"{MOST_NAME_BYTES} are possible",
            next_step="give the image a shorter name",
        )


def _longest_of(name: str, endings: Sequence[str]) -> int:
    """The bytes of the longest of a name's files, without their folders."""
    last = name.rpartition("/")[2]
    return max(len(os.fsencode(f"{last}{ending}")) for ending in endings)
