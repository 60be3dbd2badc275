from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fasterseg.errors import FileError, Interrupted, UsageError
from fasterseg.latency.entries_file import EntriesFile
from fasterseg.latency.profiling import STALE_ABOVE, Profile, profile_items
from fasterseg.latency.timing import Timing
from fasterseg.space.blocks import BlockSpec, Size

SPECS = tuple(
    BlockSpec("conv", (channels,), 8, 1, Size(4, 4), Size(4, 4)) for channels in range(1, 41)
)
CONDITIONS = {"target": {"threads": 2}, "processor": "a"}


class FakeTimer:
    """Gives every block a time of its own; remembers what it timed."""

    def __init__(self, *, factor: float = 1.0, dies_after: int | None = None) -> None:
        self.timed: list[str] = []
        self.factor = factor
        self.dies_after = dies_after

    def __call__(self, specs: Sequence[BlockSpec]) -> Iterator[tuple[BlockSpec, Timing]]:
        for spec in specs:
            if len(self.timed) == self.dies_after:
                raise KeyboardInterrupt
            self.timed.append(spec.key)
            median_ms = self.factor * spec.input_channels
            yield spec, Timing(median_ms, median_ms, 0.1, 9)


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def keys_of(path: Path) -> list[object]:
    return [line["key"] for line in lines_of(path) if "key" in line]


def test_every_block_is_timed_once_in_order(tmp_path: Path) -> None:
    timer, path = FakeTimer(), tmp_path / "entries.jsonl"
    found = profile_items(SPECS, timer, path, conditions=CONDITIONS)
    assert timer.timed == [spec.key for spec in SPECS] == list(found.entries) == keys_of(path)
    assert found.entries[SPECS[4].key].median_ms == 5.0


def test_a_finished_profile_is_not_timed_again(tmp_path: Path) -> None:
    path = tmp_path / "entries.jsonl"
    first = profile_items(SPECS, FakeTimer(), path, conditions=CONDITIONS)
    before, timer = path.read_bytes(), FakeTimer()
    assert profile_items(SPECS, timer, path, conditions=CONDITIONS) == first
    assert timer.timed == []
    assert path.read_bytes() == before


def test_a_killed_profile_measures_only_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "entries.jsonl"
    with pytest.raises(KeyboardInterrupt):
        profile_items(SPECS, FakeTimer(dies_after=25), path, conditions=CONDITIONS)
    before, timer = path.read_bytes(), FakeTimer()
    found = profile_items(SPECS, timer, path, conditions=CONDITIONS)
    rechecked, missing = timer.timed[:-15], timer.timed[-15:]
    assert missing == [spec.key for spec in SPECS[25:]]
    assert rechecked == [SPECS[0].key, SPECS[20].key], "one in twenty of the old entries"
    assert path.read_bytes().startswith(before), "finished entries stay as they were"
    assert len(keys_of(path)) == len(set(keys_of(path))) == len(found.entries) == 40
    assert found.drift == 0.0


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_half_a_line_is_dropped_and_measured_again(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "entries.jsonl"
    whole = profile_items(SPECS, FakeTimer(), path, conditions=CONDITIONS)
    path.write_bytes(path.read_bytes()[:-cut])
    timer = FakeTimer()
    assert profile_items(SPECS, timer, path, conditions=CONDITIONS).entries == whole.entries
    assert timer.timed[-1] == SPECS[-1].key
    assert timer.timed.count(SPECS[-1].key) == 1
    assert keys_of(path) == [spec.key for spec in SPECS]


def test_a_changed_line_inside_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "entries.jsonl"
    profile_items(SPECS, FakeTimer(), path, conditions=CONDITIONS)
    path.write_text(path.read_text().replace('"median_ms": 7.0', '"median_ms": 6.0'))
    with pytest.raises(FileError, match="damaged") as caught:
        profile_items(SPECS, FakeTimer(), path, conditions=CONDITIONS)
    assert caught.value.where.endswith(":8"), "the conditions, six entries, then the changed one"


@pytest.mark.parametrize(("whole_part", "damaged"), [(b"median_ms", b"median_mr"), (b"\n", b"\v")])
def test_a_damaged_last_line_is_told_and_measured_again(
    tmp_path: Path, whole_part: bytes, damaged: bytes
) -> None:
    path = tmp_path / "entries.jsonl"
    whole = profile_items(SPECS, FakeTimer(), path, conditions=CONDITIONS)
    *lines, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines) + last.replace(whole_part, damaged))
    told: list[str] = []
    found = profile_items(SPECS, FakeTimer(), path, conditions=CONDITIONS, warn=told.append)
    assert found.entries == whole.entries
    assert told == [f"{path}: its last line was damaged; what it told is measured again"]


@pytest.mark.parametrize("record", [{"median_ms": 1.0}, {"key": "k", "median_ms": -1.0}, {}])
def test_a_line_that_tells_no_time_is_refused(tmp_path: Path, record: dict[str, object]) -> None:
    path = tmp_path / "entries.jsonl"
    profile_items(SPECS, FakeTimer(), path, conditions=CONDITIONS)
    EntriesFile(path).append(record)
    with pytest.raises(FileError, match="tells no block's time"):
        profile_items(SPECS, FakeTimer(), path, conditions=CONDITIONS)


def test_other_conditions_are_refused_with_the_difference(tmp_path: Path) -> None:
    path = tmp_path / "entries.jsonl"
    profile_items(SPECS, FakeTimer(), path, conditions=CONDITIONS)
    changed = {**CONDITIONS, "target": {"threads": 1}}
    with pytest.raises(UsageError) as caught:
        profile_items(SPECS, FakeTimer(), path, conditions=changed)
    assert "target.threads: 2 -> 1" in caught.value.why


def test_entries_of_another_pace_are_stale_and_measured_anew(tmp_path: Path) -> None:
    path = tmp_path / "entries.jsonl"
    with pytest.raises(KeyboardInterrupt):
        profile_items(SPECS, FakeTimer(dies_after=25), path, conditions=CONDITIONS)
    said: list[str] = []
    slower = FakeTimer(factor=1 + 2 * STALE_ABOVE)
    found = profile_items(
        SPECS,
        slower,
        path,
        conditions=CONDITIONS,
        progress=lambda done, total, note: said.append(note),
    )
    assert found.stale
    assert any("measured anew" in note for note in said)
    assert found.entries[SPECS[0].key].median_ms == pytest.approx(1 + 2 * STALE_ABOVE)
    again = profile_items(SPECS, FakeTimer(factor=99), path, conditions=CONDITIONS)
    assert again.entries == found.entries, "the old entries must not come back"


def test_a_stop_comes_only_when_the_entry_is_safe(tmp_path: Path) -> None:
    path = tmp_path / "entries.jsonl"

    def stop(where: str) -> None:
        if len(keys_of(Path(where))) == 3:
            raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        profile_items(SPECS, FakeTimer(), path, conditions=CONDITIONS, stop=stop)
    assert keys_of(path) == [spec.key for spec in SPECS[:3]]


SCRIPT = """
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_profiling import CONDITIONS, SPECS, FakeTimer
from fasterseg.latency.profiling import profile_items

class SlowTimer(FakeTimer):
    def __call__(self, specs):
        for found in super().__call__(specs):
            time.sleep(0.01)
            yield found

profile_items(SPECS, SlowTimer(), Path({path!r}), conditions=CONDITIONS)
"""


def entries_in(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for(path: Path, lines: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while entries_in(path) < lines and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def started(path: Path) -> subprocess.Popen[bytes]:
    script = SCRIPT.format(tests=str(Path(__file__).parent), path=str(path))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", script], env=environment)


def test_sigkill_resume_identical_of_three_in_a_table(tmp_path: Path) -> None:
    path, kept = tmp_path / "entries.jsonl", b""
    for wanted in (8, 18, 30):
        process = started(path)
        wait_for(path, wanted, process)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        data = path.read_bytes()
        assert data.startswith(kept)
        kept = data[: data.rfind(b"\n") + 1]
        assert kept.count(b"\n") >= wanted
    assert started(path).wait() == 0
    assert path.read_bytes().startswith(kept), "finished entries untouched"
    assert keys_of(path) == [spec.key for spec in SPECS], "none twice, none missing"


def test_items_may_be_anything_with_a_key(tmp_path: Path) -> None:
    class Thing:
        def __init__(self, key: str) -> None:
            self.key = key

    def time_things(things: Iterable[Thing]) -> Iterator[tuple[Thing, Timing]]:
        return ((thing, Timing(1.0, 1.0, 0.0, 1)) for thing in things)

    things = [Thing("a"), Thing("b")]
    found = profile_items(things, time_things, tmp_path / "things.jsonl", conditions={})
    assert list(found.entries) == ["a", "b"]


class BesideOtherWork(FakeTimer):
    """Blocks whose canary is slow while the timer times certain ones, the first so many times."""

    def __init__(
        self, slow: Sequence[int], *, times: int = 1, beat_range: float = 0.0, pace: float = 1.3
    ) -> None:
        super().__init__()
        self.slow, self.times, self.beat_range, self.pace = set(slow), times, beat_range, pace

    def __call__(self, specs: Sequence[BlockSpec]) -> Iterator[tuple[BlockSpec, Timing]]:
        for spec, timing in super().__call__(specs):
            nth = self.timed.count(spec.key)
            pace = self.pace if spec.input_channels in self.slow and nth <= self.times else 1.0
            yield (
                spec,
                replace(
                    timing,
                    median_ms=timing.median_ms * pace,
                    beat_ms=0.2 * pace,
                    beat_range=self.beat_range if pace != 1.0 else 0.0,
                ),
            )


def medians(profile: Profile) -> list[float]:
    return [profile.entries[spec.key].median_ms for spec in SPECS]


QUIET = [float(spec.input_channels) for spec in SPECS]


def test_what_was_measured_beside_other_work_is_measured_again(tmp_path: Path) -> None:
    path, told = tmp_path / "entries.jsonl", list[str]()
    timer = BesideOtherWork((3, 4, 5))
    found = profile_items(SPECS, timer, path, conditions=CONDITIONS, warn=told.append)
    assert medians(found) == QUIET
    assert timer.timed[len(SPECS) :] == [spec.key for spec in SPECS[2:5]]
    assert told == [], "nothing is left to tell"
    assert found.pace_ms == 0.2
    again = FakeTimer()
    resumed = profile_items(SPECS, again, path, conditions=CONDITIONS, warn=told.append)
    assert (resumed, again.timed) == (found, [])


def test_what_is_slow_again_is_corrected_and_said_and_not_measured_for_ever(tmp_path: Path) -> None:
    path, told = tmp_path / "entries.jsonl", list[str]()
    timer = BesideOtherWork((3, 4, 5), times=99)
    found = profile_items(SPECS, timer, path, conditions=CONDITIONS, warn=told.append)
    assert medians(found) == pytest.approx(QUIET)
    assert [found.entries[spec.key].pace for spec in SPECS[1:4]] == pytest.approx([1.0, 1.3, 1.3])
    assert "3 of 40 were measured at another pace of the machine (up to 1.30 times" in told[0]
    again = FakeTimer()
    resumed = profile_items(SPECS, again, path, conditions=CONDITIONS, warn=told.append)
    assert (resumed, again.timed, told[1]) == (found, [], told[0])


def test_what_varies_too_much_to_be_corrected_is_left_and_said(tmp_path: Path) -> None:
    path, told = tmp_path / "entries.jsonl", list[str]()
    timer = BesideOtherWork((3,), times=99, beat_range=0.4)
    found = profile_items(SPECS, timer, path, conditions=CONDITIONS, warn=told.append)
    assert found.entries[SPECS[2].key].median_ms == pytest.approx(3 * 1.3)
    assert found.entries[SPECS[2].key].disturbed
    assert "1 of 40 were measured beside other work, and are what they were found" in told[0]


def test_a_canary_that_is_a_little_slow_corrects_nothing(tmp_path: Path) -> None:
    told = list[str]()
    timer = BesideOtherWork((3,), times=99, pace=1.1)
    path = tmp_path / "entries.jsonl"
    found = profile_items(SPECS, timer, path, conditions=CONDITIONS, warn=told.append)
    entry = found.entries[SPECS[2].key]
    assert (entry.median_ms, entry.pace, entry.disturbed) == (pytest.approx(3.3), 1.0, True)
    assert len(timer.timed) == len(SPECS) + 1


def test_a_machine_that_is_never_quiet_is_measured_once(tmp_path: Path) -> None:
    timer, told = BesideOtherWork(range(15, 41), times=99), list[str]()
    found = profile_items(
        SPECS, timer, tmp_path / "entries.jsonl", conditions=CONDITIONS, warn=told.append
    )
    assert len(timer.timed) == len(SPECS)
    assert medians(found) == pytest.approx(QUIET)
    assert "26 of 40" in told[0]


def test_a_pace_that_was_found_before_counts_for_what_follows(tmp_path: Path) -> None:
    timer, told = BesideOtherWork(range(41), times=99), list[str]()
    found = profile_items(
        SPECS,
        timer,
        tmp_path / "entries.jsonl",
        conditions=CONDITIONS,
        pace_ms=0.2,
        warn=told.append,
    )
    assert medians(found) == pytest.approx(QUIET)
    assert "40 of 40" in told[0]


def test_a_kill_amid_measuring_again_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "entries.jsonl"

    class Killed(BesideOtherWork):
        def __call__(self, specs: Sequence[BlockSpec]) -> Iterator[tuple[BlockSpec, Timing]]:
            for found in super().__call__(specs):
                if len(self.timed) == len(SPECS) + 2:
                    raise KeyboardInterrupt
                yield found

    with pytest.raises(KeyboardInterrupt):
        profile_items(SPECS, Killed((3, 4, 5)), path, conditions=CONDITIONS)
    timer = BesideOtherWork(())
    resumed = profile_items(SPECS, timer, path, conditions=CONDITIONS)
    assert medians(resumed) == QUIET
    assert timer.timed == [SPECS[3].key, SPECS[4].key]
