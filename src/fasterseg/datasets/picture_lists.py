"""Lists of pictures: a text file that names one to a line, as trainers and tools write them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from fasterseg.datasets.pictures.listing import is_file, printable
from fasterseg.errors import DataError
from fasterseg.foreign.opened_files import head_of, text_of

LIST_SUFFIXES = frozenset({".txt", ".lst"})
_MOST_BYTES, _HEAD_BYTES = 16 << 20, 1 << 10
_SHOWN = 3


def is_list(path: Path) -> bool:
    """Whether a file is a list by its name, and text by how it begins."""
    if path.suffix.lower() not in LIST_SUFFIXES or not is_file(path):
        return False
    head = head_of(path, _HEAD_BYTES)
    return bool(head.strip()) and not any(byte < 9 for byte in head)


def pictures_in(path: Path) -> list[Path]:
    """Return the files that a list names, each once, in its order.

    A line is a path, seen from the current folder or from the list's; what follows it after a
    space, as the mask in lists of pairs, is passed over.  Raises `DataError` where a line names no
    file, and where none does.
    """
    found, missing = dict[Path, None](), list[str]()
    for number, line in _lines(path):
        place = next((one for one in _meant(line, path.parent) if is_file(one)), None)
        if place is None:
            missing.append(f"line {number}: {printable(Path(line))}")
        else:
            found[place] = None
    if missing:
        more = len(missing) - _SHOWN
        told = "; ".join(missing[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
        raise DataError(
            f"{len(missing)} of the {len(found) + len(missing)} lines of a list name no file",
            where=printable(path),
            why=told,
            next_step="write a picture's path in each line, seen from the current folder or from "
            "the list's, with its ending",
        )
    return [*found]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not empty, with their numbers."""
    text = text_of(path, called="a list of pictures", most_bytes=_MOST_BYTES, fault=DataError)
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, line.strip()


def _meant(line: str, beside: Path) -> Iterator[Path]:
    """The paths that a line may mean: as it stands, with slashes, or up to its first space."""
    texts = dict.fromkeys([line, line.replace("\\", "/"), *islice(line.split(), 1)])
    for text in texts:
        home = text.startswith("~/")
        yield from ((Path(text).expanduser(),) if home else (Path(text), beside / text))
