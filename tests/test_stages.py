"""How long each stage took, over interruptions."""

from __future__ import annotations

import gc
import time
from pathlib import Path

import pytest

from fasterseg import stages
from fasterseg.runs import RunFolder
from fasterseg.stages import StageTimes, noted

MIB = 1 << 20


def test_a_run_without_the_file_has_no_times_yet(tmp_path: Path) -> None:
    assert StageTimes.of_run(tmp_path) == StageTimes()


def test_a_stage_that_was_stopped_and_gone_on_with_adds_up_in_its_place() -> None:
    times = StageTimes().adding("profile", 2.0, finished=False).adding("search", 5.0, finished=True)
    times = times.adding("profile", 3.0, finished=True)
    assert [(s.name, s.seconds, s.finished) for s in times.stages] == [
        ("profile", 5.0, True),
        ("search", 5.0, True),
    ]


def test_times_survive_the_file(tmp_path: Path) -> None:
    times = StageTimes().adding("train", 1.5, finished=True)
    times.save(RunFolder(tmp_path).times)
    assert StageTimes.of_run(tmp_path) == times


def test_a_stage_holds_what_its_greatest_part_held() -> None:
    times = StageTimes().adding("search/subnets", 1.0, finished=True, peak=900)
    times = times.adding("search", 2.0, finished=True, peak=500, since="reset")
    found = times.stage("search")
    assert found is not None
    assert (found.peak_bytes, found.peak_since) == (900, "reset")


def test_parts_are_not_counted_twice_and_count_alone_where_their_stage_is_missing() -> None:
    times = StageTimes().adding("search/landing", 1.0, finished=True)
    times = times.adding("search", 2.0, finished=True).adding("train/teacher", 3.0, finished=True)
    assert [stage.name for stage in times.whole] == ["search", "train/teacher"]


def test_what_one_stage_held_is_not_said_of_the_next(tmp_path: Path) -> None:
    with noted(tmp_path, "profile"):
        held = bytearray(200 * MIB)
        del held
    with noted(tmp_path, "train"):
        pass
    large, small = StageTimes.of_run(tmp_path).stages
    assert large.peak_bytes is not None
    assert small.peak_bytes is not None
    if small.peak_since == "start":
        pytest.skip("this system does not let a peak begin anew")
    assert large.peak_bytes - small.peak_bytes > 150 * MIB


def test_garbage_of_one_stage_does_not_count_for_the_next(tmp_path: Path) -> None:
    class Holder:
        pass

    holder = Holder()
    holder.own, holder.held = holder, bytearray(200 * MIB)  # type: ignore[attr-defined]
    del holder  # a cycle: only the collector finds it
    with noted(tmp_path, "train"):
        still = [one for one in gc.get_objects() if type(one).__name__ == "Holder"]
    assert still == []


def test_a_stage_that_was_interrupted_is_noted_as_unfinished(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), noted(tmp_path, "train"):
        raise KeyboardInterrupt
    (stage,) = StageTimes.of_run(tmp_path).stages
    assert not stage.finished
    assert stage.peak_bytes


def test_a_stage_that_is_killed_has_its_time_noted_up_to_then_and_none_of_it_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "NOTED_EVERY_S", 0.01)
    before = time.monotonic()
    with noted(tmp_path, "search"), noted(tmp_path, "search/cosearch"):
        began, seen = time.monotonic(), 0.0
        while seen < 0.1 and time.monotonic() < began + 60:
            part = StageTimes.of_run(tmp_path).stage("search/cosearch")
            seen = part.seconds if part is not None else 0.0
        assert seen >= 0.1
        assert part is not None
        assert not part.finished
        inside = time.monotonic() - began
    after = time.monotonic()
    assert {stage.name for stage in StageTimes.of_run(tmp_path).stages if stage.finished} == {
        "search",
        "search/cosearch",
    }
    for stage in StageTimes.of_run(tmp_path).stages:
        assert inside <= stage.seconds <= after - before
