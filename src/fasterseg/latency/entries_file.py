"""The file that keeps what was measured, so that nothing is lost on a kill.

It holds one checksummed JSON line for each finished block, appended and synced, the first line
being the conditions of the measurement.  Half a line at the end is dropped, and a whole one that
was damaged is measured again; one before it is refused, for it may have said that all lines before
it count no more.  A line may also name what is to be measured again; of a key that is told twice
the later line counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from fasterseg.artifacts import digest_of_value
from fasterseg.changes import refuse_changes
from fasterseg.durable import disk_fault, make_folder, sync_folder, writing
from fasterseg.errors import FileError
from fasterseg.events import Warn, warn_on_stderr
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.foreign.strict_json import NotStrict, load_json
from fasterseg.latency.table import Entry
from fasterseg.latency.timing import Timing
from fasterseg.runs import SAME_MACHINE

OFF_PACE, CORRECTED_ABOVE = 0.06, 0.15
"""An entry whose canary was farther from the profile's pace was measured on a disturbed machine.

It is corrected by the pace only where that is far off: the canary feels other work more than most
networks do, and of little the correction would take too much.
"""


class Recorded(Entry):
    """An entry as its line has it: as measured, with what the canary took meanwhile, if timed."""

    beat_ms: float | None = Field(default=None, gt=0, lt=1e9)
    beat_range: float = Field(default=0.0, ge=0, lt=1e9)

    @classmethod
    def of(cls, timing: Timing) -> Recorded:
        """What a timing found."""
        return cls(
            median_ms=timing.median_ms,
            spread_ms=timing.spread_ms,
            runs=timing.runs,
            beat_ms=timing.beat_ms,
            beat_range=timing.beat_range,
        )

    def line(self) -> dict[str, Any]:
        """What the file keeps of it."""
        return self.model_dump(exclude={"marked", "pace", "disturbed"}, exclude_none=True)

    def at_pace(self, pace_ms: float | None) -> Entry:
        """The entry as it counts, on a machine whose canary takes `pace_ms`."""
        pace = 1.0 if pace_ms is None else self.pace_at(pace_ms)
        corrected = abs(pace - 1.0) > CORRECTED_ABOVE and self.beat_range <= OFF_PACE
        by = pace if corrected else 1.0
        return Entry(
            median_ms=self.median_ms / by,
            spread_ms=self.spread_ms / by,
            runs=self.runs,
            pace=by,
            disturbed=is_off(pace) and not corrected,
        )

    def pace_at(self, pace_ms: float) -> float:
        """How many times as long the canary took as `pace_ms`; 1 where it was not timed."""
        return 1.0 if self.beat_ms is None else self.beat_ms / pace_ms


def is_off(pace: float) -> bool:
    """Whether so many times as long as in the rest of a profile is not the same."""
    return abs(pace - 1.0) > OFF_PACE


class EntriesFile:
    """Checksummed JSON lines, the first one holding the conditions.

    `again` are the keys that the file, when it was opened, wanted measured again and had not told
    since: None where it wanted nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.again: tuple[str, ...] | None = None

    def open(
        self, conditions: Mapping[str, Any], *, warn: Warn = warn_on_stderr
    ) -> dict[str, Recorded]:
        """The entries that count; a new file is begun with the conditions.

        A half line that a crash left at the end is cut off; so is a whole one that was damaged,
        and `warn` is told.
        """
        make_folder(self.path.parent)
        lines, whole = self._read(warn)
        if whole is not None:
            with writing(self.path):
                os.truncate(self.path, whole)
        if not lines:
            self.append({"conditions": dict(conditions)})
            sync_folder(self.path.parent)
            return {}
        stored = lines[0].get("conditions")
        if not isinstance(stored, dict):
            raise _damaged(self.path, 1, "it does not say what was measured under which conditions")
        refuse_changes(
            "the latency profile",
            stored=stored,
            wanted=conditions,
            where=self.path,
            next_step=SAME_MACHINE,
        )
        found, self.again = _entries(lines[1:], self.path)
        return found

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one line; once this returns, it survives a crash."""
        line = json.dumps({**record, "check": _check(record)}).encode() + b"\n"
        try:
            with self.path.open("ab") as stream:
                stream.write(line)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise disk_fault(self.path, len(line), error) from error

    def _read(self, warn: Warn) -> tuple[list[dict[str, Any]], int | None]:
        """All whole lines, and the length to cut the file to when its last line is not whole."""
        if not self.path.exists():
            return [], None
        data = bytes_of(self.path)
        records: list[dict[str, Any]] = []
        length = 0
        for line in data.splitlines(keepends=True):
            record = _parsed(line)
            if record is None:
                if length + len(line) < len(data):
                    raise _damaged(self.path, len(records) + 1)
                if line.endswith(b"\n") or _parsed(line[:-1] + b"\n") is not None:
                    warn(f"{self.path}: its last line was damaged; what it told is measured again")
                return records, length
            records.append(record)
            length += len(line)
        return records, None


def _parsed(line: bytes) -> dict[str, Any] | None:
    """The line's record without its checksum; None when the line is not whole."""
    try:
        record = load_json(line)
        check = record.pop("check")
    except (NotStrict, AttributeError, KeyError, TypeError):
        return None
    return record if line.endswith(b"\n") and check == _check(record) else None


def _check(record: Mapping[str, Any]) -> str:
    return digest_of_value(dict(record))[7:23]


def _damaged(
    path: Path, line: int, why: str = "the line does not have the checksum that it carries"
) -> FileError:
    return FileError(
        "the latency profile was damaged",
        where=f"{path}:{line}",
        why=why,
        next_step="delete the file to measure all blocks anew",
    )


def _entries(
    records: Iterable[Mapping[str, Any]], path: Path
) -> tuple[dict[str, Recorded], tuple[str, ...] | None]:
    """The last entry of each key, and which keys are still to be measured again, if any were."""
    found: dict[str, Recorded] = {}
    again: tuple[str, ...] | None = None
    for line, record in enumerate(records, 2):
        if record.get("stale"):
            found, again = {}, None
            continue
        if isinstance(wanted := record.get("again"), list):
            again = tuple(map(str, wanted))
            continue
        values = {name: value for name, value in record.items() if name != "key"}
        try:
            key, entry = str(record["key"]), Recorded.model_validate(values)
        except (KeyError, ValidationError) as error:
            raise _damaged(path, line, "the line tells no block's time") from error
        found[key] = entry
        again = None if again is None else tuple(one for one in again if one != key)
    return found, again
