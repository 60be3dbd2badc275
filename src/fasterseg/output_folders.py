"""Folders of this package's own outputs: marked, so that no data set is looked for in them.

Predictions lie beside the images that they were made of, and runs often lie within the data.
Without a mark, what a network drew would be found there as images and masks.
"""

from __future__ import annotations

from pathlib import Path

from fasterseg.durable import durable_write, make_folder

MARKER = ".fasterseg-output"
_TEXT = b"Written by fasterseg: no data set is looked for in this folder, unless it is named.\n"


def make_output_folder(folder: Path) -> None:
    """Make a folder, marked as this package's own; one that holds anything stays as it is.

    Raises `EnvironmentFault` when the disk refuses.
    """
    make_folder(folder)
    if next(folder.iterdir(), None) is None:
        durable_write(folder / MARKER, _TEXT)


def is_output_folder(folder: Path) -> bool:
    """Return whether a folder is marked as this package's own; one that is closed is not."""
    try:
        return (folder / MARKER).is_file()
    except OSError:
        return False
