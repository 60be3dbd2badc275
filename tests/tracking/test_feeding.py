"""A tracker hears each step once, however often the run is killed, and no run ends for one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_tracker import KeptTracker

from fasterseg.callbacks import AnswersKept, Measured, Predicted, Scored, StageTeller
from fasterseg.errors import FastersegError
from fasterseg.learning.stepping import StageState, run_steps
from fasterseg.tracking.feeding import Feed
from fasterseg.tracking.told import Told
from fasterseg.tracking.tracker import Opening, as_name, numbers_in


class Counting:
    """A stage whose step tells its own number."""

    def __init__(self, dies_at: int = -1) -> None:
        self.dies_at = dies_at

    def step(self, index: int) -> dict[str, Any]:
        if index == self.dies_at:
            raise FastersegError("killed")
        return {"loss": float(index), "warnings": ["a text"], "on": True, "val": {"mean_iou": 0.5}}

    def state(self) -> StageState:
        return StageState({}, {})

    def restore(self, state: StageState) -> None:
        pass


def feed_of(tracker: KeptTracker, folder: Path, warnings: list[str] | None = None) -> Feed:
    place = folder / "kept-run.json"
    told = Told.load(place) if place.is_file() else Told()
    opening = Opening("photos", "run", place, {"seed": 0}, told)
    heard = [] if warnings is None else warnings
    return Feed(tracker.open, opening, title="Kept", warn=heard.append)


def session(tracker: KeptTracker, folder: Path, *, dies_at: int = -1, steps: int = 10) -> None:
    feed = feed_of(tracker, folder)
    run_steps(
        Counting(dies_at),
        folder / "stage",
        steps=steps,
        checkpoint_every=4,
        teller=StageTeller("train/student", feed),
    )


def test_every_step_is_told_once_though_some_were_done_twice(tmp_path: Path) -> None:
    tracker = KeptTracker()
    for dies_at in (3, 6, 9):
        with pytest.raises(FastersegError):
            session(tracker, tmp_path, dies_at=dies_at)
    session(tracker, tmp_path)
    assert [step for _, step, _, _ in tracker.lines] == list(range(1, 11))
    assert [line for *_, line in tracker.lines] == list(range(10))
    assert [opening.told.identity for opening in tracker.openings] == ["", *["run-7"] * 3]


def test_steps_that_a_checkpoint_has_not_saved_are_not_told(tmp_path: Path) -> None:
    tracker = KeptTracker()
    with pytest.raises(FastersegError):
        session(tracker, tmp_path, dies_at=6)
    assert [step for _, step, _, _ in tracker.lines] == [1, 2, 3, 4]


def test_a_tracker_that_comes_later_is_told_of_what_was_done_before_it(tmp_path: Path) -> None:
    run_steps(Counting(), tmp_path / "stage", steps=4, checkpoint_every=4)
    tracker = KeptTracker()
    session(tracker, tmp_path)
    assert [step for _, step, _, _ in tracker.lines] == list(range(1, 11))


def test_numbers_keep_their_paths_and_all_else_is_left_out(tmp_path: Path) -> None:
    tracker = KeptTracker()
    session(tracker, tmp_path, steps=1)
    group, _, values, _ = tracker.lines[0]
    assert group == "train/student"
    assert set(values) == {"loss", "val/mean_iou", "clock/seconds"}
    assert dict(numbers_in({"a": float("nan"), "b": None, "c": 1})) == {"c": 1.0}
    assert as_name("straße:1\n") == "stra_e_1_"


def test_what_asking_a_teacher_took_is_a_result(tmp_path: Path) -> None:
    tracker = KeptTracker()
    folder = tmp_path / "answers"
    kept = AnswersKept(("teacher",), "train", 367, 61.5, 10**7, folder)
    feed_of(tracker, tmp_path)(kept)
    assert tracker.told == [
        ("answers/train", {"images": 367.0, "seconds": 61.5, "size_bytes": 1e7})
    ]


def test_scores_latencies_and_pictures_are_told_again_only_where_they_changed(
    tmp_path: Path,
) -> None:
    tracker, made = KeptTracker(), []

    def pictures() -> dict[str, Any]:
        made.append(1)
        return {"a": np.zeros((2, 2, 3), np.uint8)}

    def score(mean_iou: float) -> Scored:
        return Scored("student", "best", "test", mean_iou, 0.9, 3, iou={"road": 0.8, "sign": None})

    for mean_iou in (0.5, 0.5, 0.6):
        feed = feed_of(tracker, tmp_path)
        feed(score(mean_iou))
        feed(Measured("student", "delivered", 7.5, None, 7.0, 8.0))
        feed(Predicted("student", "test", pictures))
    assert [values["mean_iou"] for group, values in tracker.told if group[0] == "s"] == [0.5, 0.6]
    assert tracker.told[0][1]["iou/road"] == 0.8
    assert "iou/sign" not in tracker.told[0][1]
    latencies = {"median_ms": 7.5, "predicted_ms": 7.0, "budget_ms": 8.0}
    assert ("latency/student/delivered", latencies) in tracker.told
    assert tracker.shown == [("pictures/student/test", ["a"])]
    assert made == [1]


def test_a_score_within_a_training_is_part_of_its_step(tmp_path: Path) -> None:
    tracker = KeptTracker()
    feed_of(tracker, tmp_path)(Scored("student", "live", "val", 0.5, 0.9, 3, step=4))
    assert tracker.told == []


def test_a_tracker_that_fails_is_told_of_once_and_the_run_goes_on(tmp_path: Path) -> None:
    tracker, warnings = KeptTracker(fails_at=2), list[str]()
    feed = feed_of(tracker, tmp_path, warnings)
    run_steps(
        Counting(), tmp_path / "s", steps=9, checkpoint_every=2, teller=StageTeller("s", feed)
    )
    feed.close(finished=True)
    assert len(warnings) == 1
    assert warnings[0].startswith("Kept failed and is told no more of this run")
    assert "ConnectionError: the server said no" in warnings[0]
    assert tracker.ends == []


def test_a_tracker_that_does_not_open_is_told_of_once(tmp_path: Path) -> None:
    def refuse(_opening: Opening) -> KeptTracker:
        raise SystemExit("no licence")

    warnings: list[str] = []
    opening = Opening("photos", "run", tmp_path / "told.json", {}, Told())
    feed = Feed(refuse, opening, title="Kept", warn=warnings.append)
    feed(Measured("student", "found", 7.5, 7.6, 7.0, 8.0))
    assert len(warnings) == 1
    assert "SystemExit: no licence" in warnings[0]


def test_a_disk_that_takes_no_more_ends_no_run(tmp_path: Path) -> None:
    (tmp_path / "a-file").touch()
    warnings: list[str] = []
    opening = Opening("photos", "run", tmp_path / "a-file" / "told.json", {}, Told())
    Feed(KeptTracker().open, opening, title="Kept", warn=warnings.append)
    assert len(warnings) == 1
