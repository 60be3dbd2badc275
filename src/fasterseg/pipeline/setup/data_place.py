"""Where what is said of a data set is written: beside the data, or in a folder of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.reading import HOLD_NAMES, read_data_file
from fasterseg.datasets.layouts.known import STREET, data_file_in
from fasterseg.datasets.opening import open_files
from fasterseg.datasets.sources.files import FileSource
from fasterseg.durable import durable_write, make_folder
from fasterseg.errors import DataError, UsageError
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.foreign.strict_yaml import load_yaml
from fasterseg.paths import place_for_folder, user_path
from fasterseg.pipeline.settings.unlabelled import NAMED_BY_DATA
from fasterseg.reference.commented import commented
from fasterseg.reference.schemas import schema_line

DATA_FILE, SPLIT_FILE = "data.yaml", "splits.csv"


@dataclass(frozen=True, slots=True)
class DataPlace:
    """A data set as it lies, without its file of splits, and the data file that tells of it.

    ``known`` is what that file says; None where it is to be written, and to say ``said``.
    """

    source: FileSource
    file: Path
    known: DataFile | None = None
    said: Mapping[str, Any] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """The folder that is written into."""
        return self.file.parent

    @property
    def split_file(self) -> Path:
        """The file of splits: that which the data file names, else a new one beside it."""
        return self.home / ((self.known.splits if self.known else "") or SPLIT_FILE)


def data_place(
    path: str | Path, *, out: str | Path = "", layout: str = "auto", outside: bool = False
) -> DataPlace:
    """Return where a folder, a zip or a data file lies, and where what is said of it belongs.

    That is its own data file, a new one in the folder, or one in `out`; where a folder may not be
    written to, and for a zip, a folder of its name beside it or in the current one.  Raises
    DataError for what is no data set, UsageError for what cannot be written.
    """
    if str(path) == STREET:
        raise UsageError(
            "the built-in scenes have their splits",
            where=STREET,
            next_step=f"name a folder of photos, a zip or a data.yaml; {STREET} is used as it is",
        )
    named = place_for_folder(out, "--out", names=(DATA_FILE,)) if out else None
    source = open_files(path, layout=layout, outside=outside, divided=False, beside=NAMED_BY_DATA)
    found = user_path(path)
    own = data_file_in(found) if found.is_dir() else None
    if own is None and found.is_file() and source.layout.archive is None:
        own = found
    if own is not None:
        return DataPlace(source, own, read_data_file(own))
    home = named or place_for_folder(_home_of(found), "--out", names=(DATA_FILE,))
    if named is None and not _is_same(home, found):
        _require_nothing_else(home, found)
    if (home / DATA_FILE).exists():
        raise UsageError(
            "there is a data file already",
            where=str(home / DATA_FILE),
            why=f"it would be written for {path}, and nothing is overwritten",
            next_step=f"go on with it by naming {home}, or take another folder: --out FOLDER",
        )
    said = {} if _is_same(home, found) else {"path": os.path.relpath(found.absolute(), home)}
    return DataPlace(source, home / DATA_FILE, None, {**said, **_described(source)})


def _described(source: FileSource) -> dict[str, Any]:
    """What a data file says to open a source: what the one within a zip says, else its layout."""
    layout = source.layout
    inside = data_file_in(layout.root) if layout.archive else None
    if inside is None and layout.form:
        return {"layout": layout.form}
    known = read_data_file(inside) if inside else layout.described
    kept = {*known.given} - {"path", "splits", "passed_over"} if known else set()
    return known.model_dump(mode="json", include=kept) if known else {}


def _home_of(data: Path) -> Path:
    """The data's own folder, if it may be written to; else one of its name beside it, or here."""
    if data.is_dir() and os.access(data, os.W_OK | os.X_OK):
        return data
    name = data.stem if data.is_file() else data.absolute().name
    beside = data.absolute().parent
    return (beside if os.access(beside, os.W_OK | os.X_OK) else Path.cwd()) / name


def _require_nothing_else(home: Path, data: Path) -> None:
    """Raise `UsageError` where a folder that nobody named holds something, as another data set."""
    if home.is_dir() and not (home / DATA_FILE).exists() and any(home.iterdir()):
        raise UsageError(
            "the data file would lie among something else",
            where=str(home),
            why=f"nothing can be written into {data}, and this folder, of its name, is not empty",
            next_step="name a folder for it: --out FOLDER",
        )


def _is_same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def write_data_file(place: DataPlace, values: Mapping[str, Any], *, head: str) -> None:
    """Write a new data file with these values beside what it says anyway.

    Names of classes that were made up stand there, to be replaced.
    """
    make_folder(place.home)
    said = {**place.said, **place.source.layout.made_up, **values}
    text = commented("data", said, head=head)
    durable_write(place.file, f"{schema_line('data', place.home)}\n{text}".encode())


def name_split_file(place: DataPlace) -> None:
    """Add the line that names the file of splits to a data file that has none.

    Raises DataError, with the line, where the file is written so that no line can be added.
    """
    line = f"splits: {SPLIT_FILE}"
    text = bytes_of(place.file, fault=DataError).decode("utf-8-sig")
    longer = text + ("" if text.endswith("\n") else "\n") + line + "\n"
    wanted = {**load_yaml(text, named=HOLD_NAMES), "splits": SPLIT_FILE}
    if not _says(longer, wanted):
        raise DataError(
            "no line can be added to the data file",
            where=str(place.file),
            why="it is not written as lines of keys and values",
            next_step=f"add this to it yourself: {line}",
        )
    durable_write(place.file, longer.encode())


def _says(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        found: object = load_yaml(text, named=HOLD_NAMES)
    except ValueError:
        return False
    return found == wanted
