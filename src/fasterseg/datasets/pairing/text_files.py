"""The small text files that tools write beside masks: read with a limit, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fasterseg.datasets.faults import ALLOWING
from fasterseg.datasets.pairing.pairs import Tree
from fasterseg.datasets.pictures.listing import is_file, printable
from fasterseg.errors import DataError
from fasterseg.foreign.opened_files import head_of, text_of

_MOST_BYTES, _HEAD_BYTES = 16 << 20, 1 << 14


def lines_of(tree: Tree, path: Path) -> Iterator[tuple[str, str]]:
    """Yield each line that is not empty, and where it stands.

    Raises DataError for a file that is no text, or that is a link to elsewhere.
    """
    if not tree.reaches(path):
        raise DataError(
            "a file of the data set lies outside of its folder",
            where=tree.shown(path),
            why=f"it is a link to {printable(path.resolve())}",
            next_step=f"put the file itself there, or {ALLOWING}",
        )
    where = tree.shown(path)
    text = text_of(path, called="a text file", most_bytes=_MOST_BYTES, fault=DataError)
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield line.strip(), f"{where}:{number}"


def first_there(folder: Path, *names: str) -> Path | None:
    """Return the first file of these names that a folder has; None where it has none."""
    return next((path for name in names if is_file(path := folder / name)), None)


def beginning_of(path: Path) -> str:
    """Return how a text file begins, to tell what it is; nothing where it cannot be read."""
    return head_of(path, _HEAD_BYTES).decode("utf-8-sig", "replace")
