"""Functions of Python are told what a run does, in typed events, and one that fails is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_up_search import unseen
from tiny_training import tiny_task

from fasterseg.callbacks import (
    CheckpointSaved,
    RunEvent,
    Scored,
    StageEnded,
    StageResumed,
    StageStarted,
    StageTeller,
    StepDone,
    by_name,
    ignore_event,
    notifying_all,
)
from fasterseg.errors import FastersegError, UsageError
from fasterseg.stages import Watch
from fasterseg.training.training import train_network


def train(folder: Path, callback: object, *, steps: int = 6) -> None:
    task = tiny_task(steps=steps, evaluate_every=3, checkpoint_every=4)
    hear = by_name(callback)  # type: ignore[arg-type]
    train_network(task, folder, teller=StageTeller("train/student", hear))


def test_a_training_tells_of_its_steps_scores_and_checkpoints_in_their_order(
    tmp_path: Path,
) -> None:
    events: list[RunEvent] = []
    train(tmp_path, events.append)
    assert isinstance(events[0], StageResumed)
    assert (events[0].step, events[0].log.name) == (0, "events.jsonl")
    steps = [event for event in events if isinstance(event, StepDone)]
    assert [(one.stage, one.step, one.steps) for one in steps] == [
        ("train/student", step, 6) for step in range(1, 7)
    ]
    assert all("loss" in one.values for one in steps)
    scores = [event for event in events if isinstance(event, Scored)]
    assert [(one.which, one.step) for one in scores] == [("live", 3), ("live", 6), ("ema", 6)]
    assert all((one.name, one.split, one.images) == ("student", "val", 2) for one in scores)
    saved = [event for event in events if isinstance(event, CheckpointSaved)]
    assert [one.step for one in saved] == [4, 6]
    assert events.index(saved[0]) == events.index(steps[3]) + 1


def test_a_callback_that_fails_stops_the_run_by_its_name_and_the_run_is_resumed(
    tmp_path: Path,
) -> None:
    def fragile(event: RunEvent) -> None:
        if isinstance(event, StepDone) and event.step == 5:
            raise KeyError("no such figure")

    with pytest.raises(UsageError) as caught:
        train(tmp_path, fragile)
    assert "fragile failed" in caught.value.what
    assert "test_callbacks.py:" in caught.value.where
    assert "told of StepDone" in caught.value.where
    assert caught.value.why == "KeyError: 'no such figure'"
    assert isinstance(caught.value.__cause__, KeyError)
    events: list[RunEvent] = []
    train(tmp_path, events.append)
    assert isinstance(events[0], StageResumed)
    assert events[0].step == 4


def test_an_object_that_can_be_called_is_named_by_its_class() -> None:
    class Fragile:
        def __call__(self, event: RunEvent) -> None:
            raise ValueError("never")

    with pytest.raises(UsageError, match="Fragile failed"):
        by_name(Fragile())(StageStarted("train"))


def test_a_stop_by_the_keyboard_passes_through_a_callback() -> None:
    def stopped(_event: RunEvent) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        by_name(stopped)(StageStarted("train"))


def test_a_stage_is_told_of_at_both_ends(tmp_path: Path) -> None:
    events: list[RunEvent] = []
    watch = Watch(tmp_path, unseen, hear=events.append)
    with watch.stage("search"):
        pass
    with pytest.raises(FastersegError), watch.stage("train"):
        raise FastersegError("it ends")
    told = [(one.stage, one.finished) for one in events if isinstance(one, StageEnded)]
    assert told == [("search", True), ("train", False)]
    assert events[0] == StageStarted("search")


def test_what_ended_a_stage_is_told_and_not_a_callback_that_fails_on_top(
    tmp_path: Path,
) -> None:
    def fragile(event: RunEvent) -> None:
        if isinstance(event, StageEnded):
            raise ValueError("me too")

    watch = Watch(tmp_path, unseen, hear=by_name(fragile))
    with pytest.raises(FastersegError, match="the first fault"), watch.stage("train"):
        raise FastersegError("the first fault")


def test_nobody_is_told_where_nobody_listens() -> None:
    assert notifying_all([]) is ignore_event
