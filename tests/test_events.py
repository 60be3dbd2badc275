"""A log of steps says what was written into it, or that it cannot."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from fasterseg.events import EventLog

EVENTS: list[dict[str, Any]] = [
    {"step": step, "loss": 1 / step, "val": {"mean_iou": float("nan")}, "said": ["ä", "\n", '"}']}
    for step in range(1, 7)
]


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    written = EventLog(tmp_path / "stage" / "events.jsonl")
    for event in EVENTS:
        written.append(event)
    return written


def steps(log: EventLog) -> list[int]:
    return [event["step"] for event in log.events()]


def test_events_come_back_as_they_were_written(log: EventLog) -> None:
    assert json.dumps(log.events()) == json.dumps(EVENTS)
    assert log.damaged_lines() == ()


def test_half_a_line_at_the_end_is_no_damage(log: EventLog) -> None:
    log.path.write_bytes(log.path.read_bytes()[:-9])
    assert steps(log) == [1, 2, 3, 4, 5]
    assert log.damaged_lines() == ()


def test_bitflip_every_artifact_a_flipped_bit_of_a_log_is_never_used(log: EventLog) -> None:
    whole = log.path.read_bytes()
    lines = [json.dumps(event) for event in EVENTS]
    dice = random.Random(0)
    for _ in range(1000):
        place, bit = dice.randrange(len(whole)), 1 << dice.randrange(8)
        log.path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        found = log.events()
        assert [json.dumps(event) for event in found] == [
            line for line in lines if json.loads(line)["step"] in steps(log)
        ]
        assert len(found) >= len(EVENTS) - 2
        assert log.damaged_lines() or len(found) == len(EVENTS) - 1, "the last line's end"


@pytest.mark.parametrize(
    "line",
    [b"7", b"[]", b"null", b'"text"', b"{}", b'{"step": "2"}', b"\xff\xfe", b"", b"[" * 9999],
)
@pytest.mark.parametrize("earlier", [False, True])
def test_a_line_that_holds_no_event_costs_that_line_alone_and_is_told(
    log: EventLog, line: bytes, earlier: bool
) -> None:
    if earlier:  # a log without checksums
        log.path.write_text("".join(json.dumps(event) + "\n" for event in EVENTS))
    lines = log.path.read_bytes().split(b"\n")
    log.path.write_bytes(b"\n".join([*lines[:2], line, *lines[3:]]))
    assert steps(log) == [1, 2, 4, 5, 6]
    assert log.damaged_lines() == (3,)
    told: list[str] = []
    log.rewind(5, warn=told.append)
    assert steps(log) == [1, 2, 4, 5]
    assert len(told) == 1
    assert f"{log.path} was damaged: 1 of 5 steps are missing" in told[0]
    log.rewind(5, warn=told.append)
    assert len(told) == 1, "it is told once"


def test_a_flipped_bit_of_a_log_of_one_line_is_never_used(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "one.jsonl")
    log.append({"step": 1, "loss": 0.5, "name": "it"})
    whole = log.path.read_bytes()
    for at in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[at // 8] ^= 1 << at % 8
        log.path.write_bytes(flipped)
        assert log.events() == []
        assert log.damaged_lines()


def test_what_was_damaged_after_the_step_is_no_loss(log: EventLog) -> None:
    log.path.write_bytes(log.path.read_bytes()[:-20] + bytes(10) + b"\n")
    told: list[str] = []
    log.rewind(5, warn=told.append)
    assert told == []
    assert steps(log) == [1, 2, 3, 4, 5]


def test_a_log_of_an_earlier_version_is_read_and_sealed_when_it_is_gone_on_with(
    tmp_path: Path,
) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.path.write_text("".join(json.dumps(event) + "\n" for event in EVENTS[:3]))
    assert steps(log) == [1, 2, 3]
    log.rewind(2)
    log.append(EVENTS[2])
    assert json.dumps(log.events()) == json.dumps(EVENTS[:3])
    log.path.write_bytes(log.path.read_bytes().replace(b'"loss": 1.0', b'"loss": 2.0'))
    assert log.damaged_lines() == (1,)
