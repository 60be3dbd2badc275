"""Lines that name an image and its mask: split where both are files, whatever stands between."""

from __future__ import annotations

from collections.abc import Callable, Iterator

_SEPARATORS = "\t|;, "
"""Blanks last: they are in names, too."""

_LONGEST, _MOST_TRIED = 8192, 64


def two_paths(line: str, is_there: Callable[[str], bool]) -> tuple[str, str] | None:
    """Return the image and the mask of a line; None where it does not name two files."""
    for first, second in _halves(line):
        if first and second and is_there(first) and is_there(second):
            return first, second
    return None


def has_two_columns(line: str) -> bool:
    """Whether a line could name two pictures, there or not."""
    return any("." in first[-6:] and "." in second[-6:] for first, second in _halves(line))


def _halves(line: str) -> Iterator[tuple[str, str]]:
    if len(line) > _LONGEST:
        return  # longer than two paths can be
    for separator in _SEPARATORS:
        at = -1
        for _ in range(_MOST_TRIED):
            at = line.find(separator, at + 1)
            if at < 0:
                break
            yield line[:at].strip().strip('"'), line[at + 1 :].strip().strip('"')
