"""``fasterseg split``: a data set's images divided, and the file that says so."""

from __future__ import annotations

import re
from pathlib import Path

from fasterseg.datasets.splits.division_report import SplitResult
from fasterseg.datasets.splits.recordings import By
from fasterseg.datasets.splits.split_file import written_lines
from fasterseg.durable import durable_write, make_folder
from fasterseg.errors import DataError, UsageError
from fasterseg.paths import place_for_folder
from fasterseg.pipeline.setup.data_place import (
    SPLIT_FILE,
    DataPlace,
    data_place,
    name_split_file,
    write_data_file,
)
from fasterseg.pipeline.setup.looking_over import (
    Divided,
    divided_by,
    look_over,
    shares_beside,
    splits_to_keep,
)
from fasterseg.stopping import Show

_SHARES = re.compile(r"\d{1,2}(/\d{1,2}){1,2}")


def shares_of(text: str) -> tuple[float, ...]:
    """Return the shares that ``70/15/15`` or ``80/20`` says; raises UsageError."""
    parts = [int(part) for part in text.split("/")] if _SHARES.fullmatch(text) else []
    if sum(parts) != 100 or not all(parts):
        raise UsageError(
            "these are no shares of the images",
            where=f"--shares {text}",
            why="they are percents for train, val and test, or for train and val, 100 together",
            next_step="write them as in --shares 70/15/15 or --shares 80/20",
        )
    return tuple(part / 100 for part in parts)


def split_data(
    path: str | Path,
    show: Show,
    *,
    by: By,
    shares: str,
    seed: int,
    out: str | Path,
    again: bool,
    layout: str,
    outside: bool,
) -> SplitResult:
    """Divide a data set and write the file that says so; `again` replaces the one that there is."""
    wanted = shares_of(shares)
    place = data_place(path, out=out, layout=layout, outside=outside)
    require_one_data_set(place)
    if out and place.known is not None:
        raise UsageError(
            "the data has a data file of its own",
            where=f"--out {out}",
            why=f"{place.file} says what it is, and the file of splits belongs beside it",
            next_step="leave --out out",
        )
    if place.split_file.exists() and not again:
        raise UsageError(
            "the images are divided already",
            where=str(place.split_file),
            why="somebody may have changed it by hand",
            next_step="keep it, or replace it by a new division: add --again",
        )
    place_for_folder(place.home, "--out", names=(place.split_file.name, place.file.name))
    keeping = splits_to_keep(place.source)
    looked = look_over(place.source, show, by=by, keeping=keeping)
    found = divided_by(looked, shares=shares_beside(keeping, wanted), seed=seed)
    write_division(place, found)
    return SplitResult(
        division=found.report,
        split_file=str(place.split_file),
        data_file=str(place.file),
    )


def write_division(place: DataPlace, found: Divided) -> None:
    """Write the file of splits, and its name into the data file."""
    make_folder(place.home)
    durable_write(place.split_file, written_lines(found.lines))
    if place.known is None:
        groups = {"groups": found.pattern} if found.pattern else {}
        write_data_file(place, {"splits": SPLIT_FILE, **groups}, head=DATA_HEAD)
    elif not place.known.splits:
        name_split_file(place)


DATA_HEAD = "What these images and labels are, and which of them are in which split."


def require_one_data_set(place: DataPlace) -> None:
    """Raise DataError for a data file that mixes data sets."""
    if place.known is not None and place.known.include:
        raise DataError(
            "data sets that are mixed are divided one by one",
            where=f"{place.file}, include",
            why="each has its own files, and may have its own recordings",
            next_step=f"divide each of {', '.join(place.known.include)} by itself",
        )
