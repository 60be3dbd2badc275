"""Finding pictures under a folder: the one lister, of data sets and of folders to segment."""

from __future__ import annotations

import os
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from fasterseg.foreign.opened_files import what_it_is
from fasterseg.output_folders import is_output_folder


@dataclass(slots=True)
class Listing:
    """What lies under a folder: each list in the order of names, folder by folder.

    ``pictures`` are ordinary files, or links to nothing; ``special`` has names of pictures that
    stand for something else, ``linked`` links to folders, which are not followed, ``closed``
    folders that could not be read.
    """

    pictures: list[Path] = field(default_factory=list)
    special: list[Path] = field(default_factory=list)
    linked: list[Path] = field(default_factory=list)
    closed: list[Path] = field(default_factory=list)


def list_pictures(folder: Path, suffixes: AbstractSet[str], *, follow: bool = False) -> Listing:
    """Return the pictures under a folder, those in its folders too, by their suffixes.

    What begins with a dot is passed over: caches, checkpoints, what macOS puts beside files; and
    so are folders that this package wrote.
    ``follow`` says that links to folders are followed, but for those to a folder around them.
    """
    listing = Listing()
    walk = os.walk(
        folder,
        followlinks=follow,
        onerror=lambda error: listing.closed.append(Path(error.filename)),
    )
    for place, folders, files in walk:
        seen = [name for name in sorted(folders) if not is_passed_over(place, name)]
        linked = {name for name in seen if _is_left(Path(place, name), follow=follow)}
        listing.linked += [Path(place, name) for name in seen if name in linked]
        folders[:] = [name for name in seen if name not in linked]
        found = [Path(place, name) for name in sorted(files) if is_picture(name, suffixes)]
        special = {path for path in found if what_it_is(path)}
        listing.pictures += [path for path in found if path not in special]
        listing.special += [path for path in found if path in special]
    return listing


def entries_in(
    folder: Path, suffixes: AbstractSet[str] | None = None, *, most: int | None = None
) -> list[Path]:
    """Return what lies right in a folder and is not hidden, sorted, by suffixes where named.

    ``most`` bounds how many entries of a large folder are looked at.
    Nothing where it cannot be read: that is told where its files are.
    """
    endings = ("",) if suffixes is None else tuple(suffixes)
    try:
        with os.scandir(folder) as entries:
            some = islice(entries, most)
            names = sorted(one.name for one in some if _is_wanted(one, endings))
    except OSError:
        return []
    return [folder / name for name in names]


def _is_wanted(entry: os.DirEntry[str], endings: tuple[str, ...]) -> bool:
    """Whether an entry is what is looked for: of tens of thousands, at little cost for each."""
    by_name = entry.name.lower().endswith(endings) and not is_hidden(entry.name)
    return by_name and not _is_own(entry)


def _is_own(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir() and is_output_folder(Path(entry.path))


def _is_left(folder: Path, *, follow: bool) -> bool:
    """Whether a folder is a link that is not followed: none is, or it leads around itself."""
    return folder.is_symlink() and (not follow or leads_around_itself(folder))


def leads_around_itself(folder: Path) -> bool:
    """Whether a link to a folder lies in that folder, so that following it has no end."""
    place = Path(os.path.realpath(folder.parent))
    return place.is_relative_to(os.path.realpath(folder))


def is_passed_over(place: Path | str, name: str) -> bool:
    """Whether a folder in a place is no data's: its name begins with a dot, or it is our own."""
    return is_hidden(name) or is_output_folder(Path(place, name))


def is_hidden(name: str) -> bool:
    """Whether a name begins with a dot."""
    return name.startswith(".")


def is_picture(name: str, suffixes: AbstractSet[str]) -> bool:
    """Whether a name is that of a picture, and not hidden."""
    return not is_hidden(name) and Path(name).suffix.lower() in suffixes


def is_file(path: Path) -> bool:
    """Whether a path leads to an ordinary file; not where nothing can have this name either."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether a path leads to a folder; not where nothing can have this name either."""
    try:
        return path.is_dir()
    except OSError:
        return False


def printable(path: Path | str) -> str:
    """Return a path as text that can be printed and stored, whatever bytes are in its name."""
    return str(path).encode("utf-8", "backslashreplace").decode()
