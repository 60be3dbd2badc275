"""Measuring every block once, durably: a killed profile is resumed.

What is done is kept line by line (`entries_file`).  On resuming, a few old entries are measured
again; where they moved a lot the machine has changed, a line says so, and all entries before it
count no more.

Each line tells what the canary, a small fixed block, took meanwhile.  At the end the pace of the
whole profile is known: what was measured while other work slowed the machine down is measured once
more, and the later line counts.  What is still far off is corrected where the canary was the same
at every visit, as on a processor that has become too warm; the rest is left, and the entry says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Protocol, TypeVar

from fasterseg.config import ProfileSettings
from fasterseg.events import Progress, Warn, silent, warn_on_stderr
from fasterseg.latency.entries_file import EntriesFile, Recorded, is_off
from fasterseg.latency.pace import pace_of
from fasterseg.latency.table import Entry
from fasterseg.latency.timing import TimerSettings, Timing

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


AGAIN_SHARE = 0.5
"""Where more than these are, the machine is never quiet: measuring again would change nothing."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that was measured; `drift` is that of the rechecked entries, if any.

    `pace_ms` is what the canary takes where nothing disturbs it, if it was timed.
    """

    entries: dict[str, Entry]
    drift: float | None = None
    stale: bool = False
    pace_ms: float | None = None


def profile_items(
    items: Sequence[Item],
    time_items: TimeItems[Item],
    path: Path,
    *,
    conditions: Mapping[str, Any],
    pace_ms: float | None = None,
    progress: Progress = silent,
    stop: Callable[[str], None] = lambda _where: None,
    warn: Warn = warn_on_stderr,
) -> Profile:
    """Measure what the file lacks; return all that was measured, of all items.

    `pace_ms` is the canary's as it was found before, or else it is found here.  `stop` is called
    after each entry is safe, and may raise.  Raises `UsageError` with a diff when the file's
    conditions are others, `FileError` when it is damaged before its last line.
    """
    journal = EntriesFile(path)
    found = journal.open(conditions, warn=warn)
    missing = [item for item in items if item.key not in found]
    drift = _recheck(items, found, time_items) if missing else None
    stale = drift is not None and drift > STALE_ABOVE
    if stale:
        journal.append({"stale": True, "drift": drift})
        progress(0, len(items), f"earlier entries moved by {drift:.0%}: measured anew")
        found, missing, journal.again = {}, list(items), None

    def measure(wanted: Sequence[Item], done: int, note: str = "") -> None:
        for number, (item, timing) in enumerate(time_items(wanted), done + 1):
            found[item.key] = Recorded.of(timing)
            journal.append({"key": item.key, **found[item.key].line()})
            progress(number, len(items), f"{timing.median_ms:.2f} ms{note}")
            stop(str(path))

    known = len(items) - len(missing)
    progress(known, len(items), "")
    measure(missing, known)
    if journal.again is None:
        journal.again = _to_repeat(items, found, pace_ms)
        if journal.again:
            journal.append({"again": list(journal.again)})
    again = [item for item in items if item.key in journal.again]
    measure(again, len(items) - len(again), ", again: the machine was disturbed")
    pace_ms = pace_ms or _pace(items, found)
    entries = {item.key: found[item.key].at_pace(pace_ms) for item in items}
    if paces := told_paces(entries):
        warn(f"{path}: {paces}; to measure anew, delete it while the machine does nothing else")
    return Profile(entries, drift, stale, pace_ms)


def told_paces(entries: Mapping[str, Entry]) -> str:
    """How many entries were measured on a machine that other work slowed down; "" where none."""
    paces = [entry.pace for entry in entries.values() if entry.pace != 1.0]
    disturbed = sum(entry.disturbed for entry in entries.values())
    parts = []
    if paces:
        furthest = max(paces, key=lambda pace: abs(pace - 1.0))
        parts.append(
            f"{len(paces)} of {len(entries)} were measured at another pace of the machine (up to "
            f"{furthest:.2f} times as long as the rest) and are corrected by it"
        )
    if disturbed:
        parts.append(
            f"{disturbed} of {len(entries)} were measured beside other work, and are what they "
            "were found to be"
        )
    return "; ".join(parts)


def _pace(items: Sequence[Item], found: Mapping[str, Recorded]) -> float | None:
    """What the canary takes on this machine when nothing disturbs it; None where none was timed."""
    beats_ms = [beat for item in items if (beat := found[item.key].beat_ms) is not None]
    return pace_of(beats_ms) if beats_ms else None


def _to_repeat(
    items: Sequence[Item], found: Mapping[str, Recorded], pace_ms: float | None
) -> tuple[str, ...]:
    """The keys of what was measured at another pace than the rest, unless these are too many."""
    pace_ms = pace_ms or _pace(items, found)
    if pace_ms is None:
        return ()
    disturbed = [item.key for item in items if is_off(found[item.key].pace_at(pace_ms))]
    return tuple(disturbed) if len(disturbed) <= AGAIN_SHARE * len(items) else ()


def _recheck(
    items: Sequence[Item], found: Mapping[str, Recorded], time_items: TimeItems[Item]
) -> float | None:
    """By how much a few old entries, spread evenly over the list, moved: the median change."""
    old = [item for item in items if item.key in found]
    if not old:
        return None
    step = max(1, round(1 / RECHECKED_SHARE))
    again = time_items(old[::step])
    return median(abs(t.median_ms / max(found[i.key].median_ms, 1e-9) - 1) for i, t in again)
