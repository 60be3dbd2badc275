"""How long each stage took, over interruptions."""

from __future__ import annotations

from pathlib import Path

from fasterseg.stages import STAGES_FILE, StageTimes


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
    times.save(tmp_path / STAGES_FILE)
    assert StageTimes.of_run(tmp_path) == times
