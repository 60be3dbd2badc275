"""A training goes on under another machine or other versions, says so, and records which steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_training import tiny_task

from fasterseg.errors import FastersegError, Interrupted, UsageError
from fasterseg.learning import precision
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.card import TrainingSegment
from fasterseg.stage_folders import TrainingFolder
from fasterseg.stopping import StopRequest
from fasterseg.training import segments
from fasterseg.training.beginning import TrainingStart
from fasterseg.training.segments import TrainingSegments
from fasterseg.training.training import TrainingReport, train_network


def train_until(done: int, folder: Path, **changes: object) -> None:
    """Train the tiny student and stop after some steps."""
    stop = StopRequest()

    def ask(now: int, _total: int, _note: str) -> None:
        # It is asked after a step, before the next one.
        if now == done - 1:
            stop.signal_name = "SIGINT"

    with pytest.raises(Interrupted):
        train_network(tiny_task(**changes), folder, progress=ask, stop=stop)


def first_and_last(found: tuple[TrainingSegment, ...]) -> list[tuple[int, int]]:
    return [(segment.first, segment.last) for segment in found]


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("segments.processor_name", lambda: "another processor", "processor"),
        ("segments.__version__", "99.0", "fasterseg"),
        ("segments.torch.__version__", "99.0", "torch"),
        ("segments.torch.get_num_threads", lambda: 64, "threads"),
    ],
)
def test_another_machine_goes_on_says_so_and_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object, key: str
) -> None:
    train_until(5, tmp_path)
    train_until(7, tmp_path)
    told: list[str] = []
    before = TrainingSegments.of_training(TrainingFolder(tmp_path))
    assert first_and_last(before) == [(1, 12)], "the same machine is one segment"
    with monkeypatch.context() as patch:
        patch.setattr(f"fasterseg.training.{name}", value)
        report = train_network(tiny_task(), tmp_path, warn=told.append)
    found = TrainingSegments.of_training(TrainingFolder(tmp_path))
    assert first_and_last(found) == [(1, 7), (8, 12)]
    assert [
        name
        for name in found[0].conditions()
        if found[0].conditions()[name] != found[1].conditions()[name]
    ] == [key]
    assert len(told) == 1
    assert "steps 8 to 12 are not computed by what computed those before them" in told[0]
    assert f"{key}: " in told[0]
    assert report.segments == found
    for which in ("best", "last", "ema"):
        card = ModelBundle.load(tmp_path / which).card
        assert card.training.segments == found
        assert "steps 8 to 12: " in card.describe()
    assert "steps 1 to 7: " in report.describe()


def test_what_is_gone_on_with_from_an_earlier_checkpoint_is_counted_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_until(5, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(segments, "processor_name", lambda: "another")
        with pytest.raises(FastersegError, match="stop here"):
            train_network(tiny_task(), tmp_path, progress=failing_at(7), warn=str)
    assert first_and_last(TrainingSegments.of_training(TrainingFolder(tmp_path))) == [
        (1, 5),
        (6, 12),
    ]
    report = train_network(tiny_task(), tmp_path, warn=str)
    # Steps 6 and 7 were not saved, so they were computed again.
    assert first_and_last(report.segments) == [(1, 12)]
    assert report.describe().count("steps 1 to") == 0


def failing_at(step: int):  # type: ignore[no-untyped-def]
    def told(done: int, _total: int, _note: str) -> None:
        if done == step:
            raise FastersegError("stop here")

    return told


def test_a_training_of_an_earlier_version_goes_on_and_says_what_it_does_not_know(
    tmp_path: Path,
) -> None:
    train_until(5, tmp_path)
    (tmp_path / "segments.json").unlink()
    told: list[str] = []
    report = train_network(tiny_task(), tmp_path, warn=told.append)
    assert told == []
    assert first_and_last(report.segments) == [(1, 5), (6, 12)]
    assert "steps 1 to 5: not recorded" in report.describe()


def test_another_device_goes_on_and_a_precision_that_was_asked_for_stays(tmp_path: Path) -> None:
    train_until(5, tmp_path)
    start = TrainingStart.load(tmp_path / "began.json")
    start.model_copy(update={"device": "cuda", "precision": "bfloat16"}).save(
        tmp_path / "began.json"
    )
    with pytest.raises(UsageError, match="student") as caught:
        train_network(tiny_task(), tmp_path)
    assert caught.value.why == 'precision: "bfloat16" -> "float32"'
    start.model_copy(update={"device": "cuda"}).save(tmp_path / "began.json")
    assert train_network(tiny_task(), tmp_path, warn=str).device == "cpu"


def test_with_auto_the_precision_that_it_began_in_stays_where_the_machine_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def has_bfloat16(*, there: bool) -> None:
        flags = {"avx512_bf16"} if there else set()
        monkeypatch.setattr(precision, "processor_flags", lambda _path: flags)

    has_bfloat16(there=False)
    train_until(5, tmp_path / "narrow", precision="auto")
    has_bfloat16(there=True)
    told: list[str] = []
    report = train_network(tiny_task(precision="auto"), tmp_path / "narrow", warn=told.append)
    assert (report.precision, told) == ("float32", [])
    train_until(5, tmp_path / "wide", precision="auto")
    has_bfloat16(there=False)
    report = train_network(tiny_task(precision="auto"), tmp_path / "wide", warn=told.append)
    assert [segment.precision for segment in report.segments] == ["bfloat16", "float32"]
    assert 'precision: "bfloat16" -> "float32"' in told[0]
    assert TrainingReport.load(tmp_path / "wide" / "report.json") == report


def test_the_number_of_threads_is_that_of_the_process(tmp_path: Path) -> None:
    task = replace(tiny_task(steps=2), seed=1)
    report = train_network(task, tmp_path)
    assert [segment.threads for segment in report.segments] == [torch.get_num_threads()]


def test_what_goes_on_may_cut_its_batches_up_otherwise(tmp_path: Path) -> None:
    train_until(5, tmp_path, batch_size=4)
    task = tiny_task(batch_size=4, accumulate=2, synchronise_norms=True)
    assert train_network(task, tmp_path, warn=str).steps == 12
