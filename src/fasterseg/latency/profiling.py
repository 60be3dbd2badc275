"""Measuring every block once, durably: a killed profile is resumed.

The entries file holds one checksummed JSON line for each finished block, appended and synced, the
first line being the conditions of the measurement.  Half a line at the end is dropped, and a whole
one that was damaged is measured again; one before it is refused, for it may have said that all
lines before it count no more.  On resuming, a few old entries are measured again; where they moved
a lot the machine has changed, a line says so, and all entries before it count no more.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Protocol, TypeVar

from pydantic import ValidationError

from fasterseg.artifacts import digest_of_value
from fasterseg.changes import refuse_changes
from fasterseg.config import ProfileSettings
from fasterseg.durable import disk_fault, make_folder, sync_folder, writing
from fasterseg.errors import FileError
from fasterseg.events import Progress, Warn, silent, warn_on_stderr
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.foreign.strict_json import NotStrict, load_json
from fasterseg.latency.table import Entry
from fasterseg.latency.timing import TimerSettings, Timing
from fasterseg.runs import SAME_MACHINE

VISITS = 5
# A whole network gets this many times the seconds of a block, and this share of its runs.
NETWORK_SECONDS, NETWORK_RUNS_SHARE = 16.0, 2


def block_settings(settings: ProfileSettings) -> TimerSettings:
    """How a block is timed."""
    return TimerSettings(settings.warmup_runs, settings.runs, settings.seconds_per_block, VISITS)


def network_settings(settings: ProfileSettings) -> TimerSettings:
    """How a whole network is timed: fewer runs, for longer."""
    runs = max(3, settings.runs // NETWORK_RUNS_SHARE)
    seconds = NETWORK_SECONDS * settings.seconds_per_block
    return TimerSettings(settings.warmup_runs, runs, seconds, VISITS)


class Keyed(Protocol):
    """What is measured: a block spec, or a whole network."""

    @property
    def key(self) -> str:
        """Its name, unlike any other's."""


Item = TypeVar("Item", bound=Keyed)
TimeItems = Callable[[Sequence[Item]], Iterable[tuple[Item, Timing]]]
"""Times blocks or networks; gives each one as soon as it is done."""


RECHECKED_SHARE = 0.05
STALE_ABOVE = 0.15
"""Median change of the rechecked entries from which all old ones are measured anew."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that was measured; `drift` is that of the rechecked entries, if any."""

    entries: dict[str, Entry]
    drift: float | None = None
    stale: bool = False


def profile_items(
    items: Sequence[Item],
    time_items: TimeItems[Item],
    path: Path,
    *,
    conditions: Mapping[str, Any],
    progress: Progress = silent,
    stop: Callable[[str], None] = lambda _where: None,
    warn: Warn = warn_on_stderr,
) -> Profile:
    """Measure what the file lacks; return the entries of all items.

    `stop` is called after each entry is safe, and may raise.  Raises `UsageError` with a diff when
    the file's conditions are others, `FileError` when it is damaged before its last line.
    """
    journal = EntriesFile(path)
    found = journal.open(conditions, warn=warn)
    missing = [item for item in items if item.key not in found]
    drift = _recheck(items, found, time_items) if missing else None
    stale = drift is not None and drift > STALE_ABOVE
    if stale:
        journal.append({"stale": True, "drift": drift})
        progress(0, len(items), f"earlier entries moved by {drift:.0%}: measured anew")
        found, missing = {}, list(items)
    known = len(items) - len(missing)
    progress(known, len(items), "")
    for done, (item, timing) in enumerate(time_items(missing), known + 1):
        found[item.key] = Entry(
            median_ms=timing.median_ms, spread_ms=timing.spread_ms, runs=timing.runs
        )
        journal.append({"key": item.key, **found[item.key].model_dump(exclude={"marked"})})
        progress(done, len(items), f"{timing.median_ms:.2f} ms")
        stop(str(path))
    return Profile({item.key: found[item.key] for item in items}, drift, stale)


def _recheck(
    items: Sequence[Item], found: Mapping[str, Entry], time_items: TimeItems[Item]
) -> float | None:
    """By how much a few old entries, spread evenly over the list, moved: the median change."""
    old = [item for item in items if item.key in found]
    if not old:
        return None
    step = max(1, round(1 / RECHECKED_SHARE))
    again = time_items(old[::step])
    return median(abs(t.median_ms / max(found[i.key].median_ms, 1e-9) - 1) for i, t in again)


class EntriesFile:
    """Checksummed JSON lines, the first one holding the conditions."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(
        self, conditions: Mapping[str, Any], *, warn: Warn = warn_on_stderr
    ) -> dict[str, Entry]:
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
        return _entries(lines[1:], self.path)

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


def _entries(records: Iterable[Mapping[str, Any]], path: Path) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for line, record in enumerate(records, 2):
        if record.get("stale"):
            found.clear()
            continue
        values = {name: value for name, value in record.items() if name != "key"}
        try:
            found.setdefault(str(record["key"]), Entry.model_validate(values))
        except (KeyError, ValidationError) as error:
            raise _damaged(path, line, "the line tells no block's time") from error
    return found
