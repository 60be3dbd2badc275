"""Files that a data file names as seen from its own folder: there, and inside unless allowed."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from fasterseg.datasets.faults import ALLOWING
from fasterseg.datasets.pictures.listing import is_file
from fasterseg.errors import DataError
from fasterseg.foreign.links import leads_outside
from fasterseg.foreign.strict_json import shortened


@dataclass(frozen=True, slots=True)
class Naming:
    """The key that names a file, what such a file is, and what is to be done about it.

    `inside` is where else it may lie, `restore` what to do where it is not there; both are steps,
    DATA in them being the data file as it is typed.
    """

    key: str
    what: str
    inside: str
    restore: str


def named_file(named: str, data_file: Path, naming: Naming, *, outside: bool) -> Path:
    """Return the file that a data file names; raises DataError where it may not be read, or is
    not there.
    """
    place, where = data_file.parent / named, f"{data_file}, {naming.key}"
    if not outside and leads_outside(place, data_file.parent):
        raise DataError(
            f"the {naming.what} lies outside of the data file's folder",
            where=where,
            why=f"{named} leads to {place.resolve()}",
            next_step=f"{naming.inside}, or {ALLOWING}",
        )
    if not is_file(place):
        raise DataError(
            f"there is no {naming.what} {shortened(named)!r}",
            where=where,
            why=f"looked for {place}",
            next_step=naming.restore.replace("DATA", shlex.quote(str(data_file))),
        )
    return place
