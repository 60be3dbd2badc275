"""A training of some hours is one of some steps: which, is found out once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from fake_clocks import TickingClock
from tiny_training import tiny_task

from fasterseg.checkpoints import load_checkpoint
from fasterseg.errors import Interrupted, UsageError
from fasterseg.learning.allowance import Allowance
from fasterseg.network.bundle import ModelBundle
from fasterseg.stopping import StopRequest
from fasterseg.training.counting import within_steps
from fasterseg.training.training import train_network

# Every look at the clock is a second: a step takes one, a score takes one, the timing seven.
# Twelve steps, two scores on the way, one at the end, one of the average: sixteen.
HOURS = 23 / 3600
STEPS = 12


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    checkpoint = load_checkpoint(folder / "checkpoints")
    assert checkpoint is not None
    assert checkpoint.step == STEPS
    return checkpoint.tensors


def assert_same(folder: Path, other: Path) -> None:
    ours, theirs = tensors(folder), tensors(other)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training told the number of its steps."""
    folder = tmp_path_factory.mktemp("reference")
    train_network(tiny_task(), folder)
    return folder


def test_hours_give_the_training_that_their_steps_give(reference: Path, tmp_path: Path) -> None:
    report = train_network(tiny_task(hours=HOURS, steps=999), tmp_path, clock=TickingClock())
    assert report.steps == STEPS
    assert Allowance.load(tmp_path / "allowance.json").steps == {"training": STEPS}
    assert ModelBundle.load(tmp_path / "best").card.training.steps == STEPS
    assert_same(tmp_path, reference)


def test_too_few_hours_can_be_made_more_in_the_same_run(reference: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too few") as caught:
        train_network(tiny_task(hours=1 / 3600), tmp_path, clock=TickingClock())
    assert caught.value.next_step == "give it more hours; the same run takes them"
    train_network(tiny_task(hours=HOURS), tmp_path, clock=TickingClock())
    assert_same(tmp_path, reference)


def test_a_stopped_one_ends_with_the_same_steps_however_slow_it_became(
    reference: Path, tmp_path: Path
) -> None:
    stop = StopRequest()

    def ask(done: int, total: int, note: str) -> None:
        if done == 5:
            stop.signal_name = "SIGINT"

    task = tiny_task(hours=HOURS)
    with pytest.raises(Interrupted):
        train_network(task, tmp_path, progress=ask, stop=stop, clock=TickingClock())
    train_network(task, tmp_path, clock=TickingClock(1000.0))
    assert_same(tmp_path, reference)


def test_one_killed_before_its_steps_were_stored_is_timed_anew(
    reference: Path, tmp_path: Path
) -> None:
    task = tiny_task(hours=HOURS)
    with pytest.raises(KeyboardInterrupt):
        train_network(task, tmp_path, clock=TickingClock(dies_at=6))
    assert not (tmp_path / "allowance.json").exists()
    train_network(task, tmp_path, clock=TickingClock())
    assert_same(tmp_path, reference)


def test_other_hours_are_refused(tmp_path: Path) -> None:
    train_network(tiny_task(hours=HOURS), tmp_path, clock=TickingClock())
    with pytest.raises(UsageError, match="student") as caught:
        train_network(tiny_task(hours=1.0), tmp_path)
    assert "settings.hours" in caught.value.why


def test_a_warm_up_never_takes_more_than_a_tenth() -> None:
    settings = tiny_task(warmup_steps=20, hours=1.0, steps=1).settings
    assert within_steps(settings, 50).warmup_steps == 5
    assert within_steps(settings, 5000).warmup_steps == 20
    assert within_steps(settings, 50).steps == 50


def test_the_report_says_where_the_time_went(tmp_path: Path) -> None:
    report = train_network(tiny_task(), tmp_path)
    assert 0 < report.clock.scoring_seconds < report.clock.seconds
    assert 0 <= report.clock.waiting_seconds < report.clock.seconds
    assert "scoring took" in report.describe()
