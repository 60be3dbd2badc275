"""A training that several ranks share comes to what one process comes to with the whole batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_clocks import TickingClock
from ranked import in_ranks
from tiny_training import tiny_task

from fasterseg.checkpoints import load_checkpoint
from fasterseg.config import Recipe
from fasterseg.datasets.street import StreetScenes
from fasterseg.errors import FastersegError, Interrupted
from fasterseg.events import EventLog
from fasterseg.learning import machines, precision
from fasterseg.learning.allowance import Allowance
from fasterseg.learning.leading import Calls, dismiss, follow
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.learning.sharing import Sharing
from fasterseg.learning.stepping import without_clock
from fasterseg.network.bundle import ModelBundle
from fasterseg.stage_folders import TrainingFolder
from fasterseg.stopping import StopRequest
from fasterseg.training.segments import TrainingSegments
from fasterseg.training.sharing import ORDER, TrainingOrder, followed_stage
from fasterseg.training.task import TrainingTask
from fasterseg.training.training import TrainingReport, train_network

STEPS = 20


def shared_task(**changes: Any) -> TrainingTask:
    """A task with all that is summed: hard pixels, a teacher, counted classes; it learns slowly.

    Single precision and so small a network magnify rounding.
    """
    known: dict[str, Any] = {
        "steps": STEPS,
        "batch_size": 4,
        "lr": 0.0005,
        "evaluate_every": 7,
        "checkpoint_every": 50,
        "ohem_threshold": 0.1,
        "ohem_kept_fraction": 0.5,
        "class_weights": "auto",
        "synchronise_norms": True,
    }
    task = tiny_task(taught=True, **{**known, **changes})
    assert task.teacher is not None
    return replace(task, teacher=replace(task.teacher, description=task.description))


def trained(
    ranks: Ranks,
    folder: Path,
    changes: Mapping[str, Any],
    until: int = STEPS,
    *,
    other: str = "",
) -> list[str]:
    """Train in `folder` up to a step, led; what was warned of.  A rank may have `other` things."""
    task, stop, warned = shared_task(**changes), StopRequest(), list[str]()

    @contextmanager
    def follow_here(ranks: Ranks, words: Mapping[str, Any]) -> Iterator[Calls]:
        order, source = TrainingOrder.model_validate(words), task.data.source
        if other == "data":
            source = StreetScenes(size=(32, 64), counts={"train": 7, "val": 2})
        with followed_stage(ranks, order, source, device=task.device) as calls:
            yield calls

    with pytest.MonkeyPatch.context() as patch:
        if other == "format":
            flags = {"avx512_bf16"} if ranks.leads else set()
            patch.setattr(precision, "processor_flags", lambda _path: flags)
        if not ranks.leads:
            builders = {machines.ORDER: machines.follow_machine, ORDER: follow_here}
            follow(ranks, builders, stop=stop)
            return warned

        def ask(now: int, _total: int, _note: str) -> None:
            if now == until - 1:  # it is looked at after the next step
                stop.signal_name = "SIGINT"

        try:
            train_network(
                task,
                folder,
                progress=ask,
                stop=stop,
                clock=TickingClock(),
                sharing=Sharing(ranks, Recipe()),
                warn=warned.append,
            )
        except Interrupted:
            assert until < STEPS
        finally:
            dismiss(ranks)
    return warned


def final(folder: Path) -> dict[str, torch.Tensor]:
    checkpoint = load_checkpoint(folder / "checkpoints")
    assert checkpoint is not None
    assert checkpoint.step == STEPS
    return checkpoint.tensors


def events(folder: Path) -> list[dict[str, Any]]:
    return [without_clock(event) for event in EventLog(folder / "events.jsonl").events()]


def require_alike(one: Path, other: Path) -> None:
    """Weights, momentum and average to 1e-4, scores to the pixel, events but for rounding."""
    wanted, found = final(one), final(other)
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        if tensor.is_floating_point():
            worst = float((found[name] - tensor).abs().max()) / float(tensor.abs().max())
            assert worst <= 1e-4, f"{name}: {worst:.2g}"
        else:
            assert torch.equal(found[name], tensor), name
    for mine, theirs in zip(events(one), events(other), strict=True):
        assert theirs == {
            key: pytest.approx(value, rel=1e-4) if isinstance(value, float) else value
            for key, value in mine.items()
        }


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes of it."""
    folder = tmp_path_factory.mktemp("alone")
    trained(ALONE, folder, {})
    return folder


@pytest.mark.parametrize("count", [2, 4])
def test_ranks_train_as_one_process_does(count: int, alone: Path, tmp_path: Path) -> None:
    warned, *_ = in_ranks(count, trained, tmp_path, {})
    require_alike(alone, tmp_path)
    assert warned == []
    ours = TrainingReport.load(tmp_path / "report.json")
    assert ours.scores == TrainingReport.load(alone / "report.json").scores
    (segment,) = ours.segments
    assert (segment.ranks, len(segment.machines)) == (count, count)
    assert f"shared by {count} ranks: {count} on " in segment.describe()
    assert ModelBundle.load(tmp_path / "ema").card.training.segments == (segment,)


def test_a_training_is_resumed_with_any_number_of_ranks(alone: Path, tmp_path: Path) -> None:
    in_ranks(2, trained, tmp_path, {}, 6)
    trained(ALONE, tmp_path, {}, 11)
    warned, *_ = in_ranks(4, trained, tmp_path, {})
    require_alike(alone, tmp_path)
    found = TrainingSegments.of_training(TrainingFolder(tmp_path))
    steps = [(one.first, one.last, one.ranks) for one in found]
    assert steps == [(1, 6, 2), (7, 11, 1), (12, 20, 4)]
    assert "ranks: null -> 4" in warned[0]


def test_what_one_process_writes_of_its_segments_says_nothing_of_ranks(alone: Path) -> None:
    assert "ranks" not in (alone / "segments.json").read_text()
    assert "machines" not in (alone / "segments.json").read_text()


def test_hours_are_counted_once_with_all_ranks_at_work(tmp_path: Path) -> None:
    # Every look at the clock is a second: as in the training of one process, whoever computes.
    changes = {"hours": 23 / 3600, "steps": 999, "evaluate_every": 5, "batch_size": 2}
    in_ranks(2, trained, tmp_path, changes)
    assert Allowance.load(tmp_path / "allowance.json").steps == {"training": 12}
    assert TrainingReport.load(tmp_path / "report.json").steps == 12


def refused(ranks: Ranks, folder: Path, changes: Mapping[str, Any], other: str) -> dict[str, str]:
    try:
        trained(ranks, folder, changes, other=other)
    except FastersegError as error:
        ranks.leave()
        return error.as_parts()
    return {"what": ""}


def test_a_rank_with_other_data_is_refused_in_a_sentence(tmp_path: Path) -> None:
    first, second = in_ranks(2, refused, tmp_path, {}, "data", may_end=True)
    assert first["kind"] == second["kind"] == "DataError"
    assert first["what"] == second["what"]
    assert first["what"] == "the data here are not those of the process that leads"
    assert first["where"].startswith("rank 1: train of ")
    assert not (tmp_path / "events.jsonl").exists()


def test_a_format_that_another_rank_lacks_is_refused_in_a_sentence(tmp_path: Path) -> None:
    changes = {"precision": "bfloat16"}
    first, second = in_ranks(2, refused, tmp_path, changes, "format", may_end=True)
    assert first["what"] == "bfloat16 training was asked for and rank 1 cannot do it"
    assert second["what"] == ""
