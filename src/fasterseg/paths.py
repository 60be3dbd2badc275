"""The paths that a user gave: read as they were meant, and looked at before anything is computed.

Every command asks here for the path of what it writes, so that a name that cannot be written is
told at once and not after the work.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from urllib.parse import unquote

from fasterseg.durable import temporary_name
from fasterseg.errors import EnvironmentFault, UsageError

_USUAL_NAME_BYTES = 255
_MOST_NAMES, _ALIKE = 2000, 0.7
# With one slash, too: that is how a path is printed that was made of an address.
_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+):/", re.IGNORECASE)


def user_path(path: Path | str, option: str = "") -> Path:
    """A path as the user meant it, ``~`` standing for a home; there may be nothing of this name.

    Raises `UsageError` for an empty text, for the home of a user who is not known here, for an
    address such as ``https://host/file``, and for what no file can be called.  `option` is what
    the path was given with.
    """
    where = _named(path, option)
    if path == "":
        raise UsageError(
            "a path is empty",
            where=where or "a path",
            why="as of a variable that is not set; nothing is taken for the current folder",
            next_step="name a file or folder, or . for the current folder",
        )
    try:
        found = Path(path).expanduser()
        os.lstat(found)
    except RuntimeError as error:
        user = Path(path).parts[0]
        raise UsageError(
            f"the home that {user} stands for is not known here",
            where=where,
            why=str(error),
            next_step=f"for something that is called {user}, write {Path(path).absolute()}",
        ) from error
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        if address := _ADDRESS.match(str(path)):
            raise _an_address(str(path), where, address) from None
    except (OSError, ValueError) as error:
        raise UsageError(
            "nothing can have this name",
            where=where,
            why=getattr(error, "strerror", None) or str(error),
            next_step="name another",
        ) from error
    return found


def _an_address(text: str, where: str, address: re.Match[str]) -> UsageError:
    """What is said to ``https://host/file``, and to a path that was made of it."""
    path = "/" + unquote(text[address.end() :]).lstrip("/")
    copies = "download what is to be read, and copy what was written"
    return UsageError(
        "this is an address, and a path is wanted",
        where=where or text,
        why="nothing is fetched from elsewhere, sent there, or read from a stream of the network",
        next_step=f"name {path}"
        if address["scheme"].lower() == "file"
        else f"name a file or folder of this machine by its path: {copies}",
    )


def did_you_mean(path: Path) -> str:
    """``did you mean 'photos'? Else `` where nothing of a path is there and of a like one is.

    Likened is the first of its names that is not there.
    """
    if os.path.lexists(path):
        return ""
    missing = path
    while not os.path.lexists(missing.parent) and missing.parent != missing:
        missing = missing.parent
    try:
        with os.scandir(missing.parent) as entries:
            known = {one.name.casefold(): one.name for one in islice(entries, _MOST_NAMES)}
    except OSError:
        return ""
    near = get_close_matches(missing.name.casefold(), known, n=1, cutoff=_ALIKE)
    if not near:
        return ""
    found = missing.with_name(known[near[0]]) / path.relative_to(missing)
    return f"did you mean {str(found)!r}? Else " if os.path.lexists(found) else ""


def without_steps_up(path: Path) -> Path:
    """An absolute path whose parts are names, so that files can be called after them."""
    return path.resolve() if ".." in path.parts else path.absolute()


def place_for_file(path: Path | str, option: str = "", *, beside: Iterable[str] = ()) -> Path:
    """The path of a file that is to be written, with others of the names `beside` it.

    Raises `UsageError` where no such file can be, `EnvironmentFault` where none may be written;
    what to do is to name another by the `option`, also where this one was not given by it.
    """
    found = user_path(path, option)
    asked = _Asked(_named(path, option), option)
    _require_folder(found.parent, asked, names=(found.name, *beside))
    if found.is_dir() or found.name == "..":
        raise asked.refused(f"{found} is a folder, and a file is to be written")
    if found.exists() and not found.is_file():
        raise asked.refused(f"{found} is no ordinary file")
    return found


def place_for_folder(path: Path | str, option: str = "", *, names: Iterable[str] = ()) -> Path:
    """The path of a folder that files of these names, in folders or not, are to be written into.

    Raises as `place_for_file` does.
    """
    found = user_path(path, option)
    asked = _Asked(_named(path, option), option)
    inside: dict[Path, list[str]] = {found: []}
    for name in names:
        file = found / name
        inside.setdefault(file.parent, []).append(file.name)
    for folder, files in inside.items():
        _require_folder(folder, asked, names=files)
    return found


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked for, as a message names it, and the option by which another can be."""

    where: str
    option: str

    @property
    def another(self) -> str:
        """What to do: name another place."""
        return f"name another place{f' with {self.option}' if self.option else ''}"

    def refused(self, why: str) -> UsageError:
        """The error for a path that cannot be."""
        return UsageError(
            "nothing can be written here", where=self.where, why=why, next_step=self.another
        )


def _require_folder(folder: Path, asked: _Asked, *, names: Iterable[str]) -> None:
    """Raise where a folder is not there and cannot be made, or cannot hold files of these names."""
    missing = []
    place = folder.absolute()
    while not os.path.lexists(place) and place != place.parent:
        missing.append(place.name)
        place = place.parent
    if not place.is_dir():
        raise asked.refused(f"{place} is a file, and a folder is wanted")
    longest = _longest_name(place)
    spare = len(temporary_name(""))
    folders = [(name, longest) for name in missing]
    for name, most in [*folders, *((name, longest - spare) for name in names)]:
        if len(os.fsencode(name)) > most:
            raise UsageError(
                "a file's name would be too long",
                where=asked.where,
                why=f"at most {most} bytes are possible here, and {name} has more",
                next_step="choose a shorter one",
            )
    if not os.access(place, os.W_OK | os.X_OK):
        raise EnvironmentFault(
            "nothing can be written here",
            where=asked.where,
            why=f"{place} may not be written to",
            next_step=f"change its permissions, or {asked.another}",
        )


def _longest_name(folder: Path) -> int:
    """How many bytes a name in a folder may have."""
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (OSError, ValueError):
        return _USUAL_NAME_BYTES


def _named(path: Path | str, option: str) -> str:
    return f"{option} {path}".lstrip()
