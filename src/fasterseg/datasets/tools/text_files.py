"""The small text files that tools write beside masks: read with a limit, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fasterseg.datasets.pairing import Tree
from fasterseg.errors import DataError
from fasterseg.foreign.opened_files import bytes_of

MOST_BYTES = 16 << 20


def lines_of(tree: Tree, path: Path) -> Iterator[tuple[str, str]]:
    """Yield each line that is not empty, and where it stands; raises DataError.

    A file that may not be read, because it lies outside of the data folder, has no lines: that is
    a fault of ``tree``.
    """
    if not tree.is_inside(path):
        return
    where = tree.shown(path)
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if line.strip():
            yield line.strip(), f"{where}:{number}"


def _text(path: Path) -> str:
    try:
        return bytes_of(path, most_bytes=MOST_BYTES, fault=DataError).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            "a text file is not UTF-8",
            where=str(path),
            why=str(error),
            next_step="save it as UTF-8",
        ) from error
