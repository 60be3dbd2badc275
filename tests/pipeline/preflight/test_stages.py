"""No stage is without a line that says what it needs, and no need without its turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from inspect import Parameter, signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fasterseg.config.uses import Use
from fasterseg.errors import (
    BudgetError,
    DataError,
    EnvironmentFault,
    FastersegError,
    FileError,
    UsageError,
)
from fasterseg.pipeline.opening import hold_run
from fasterseg.pipeline.preflight import machine
from fasterseg.pipeline.preflight.ahead import Ahead
from fasterseg.pipeline.preflight.machine import (
    a_target,
    an_export,
    room_for_a_search,
    room_for_trainings,
)
from fasterseg.pipeline.preflight.networks import numbers_of, numbers_of_supernet
from fasterseg.pipeline.preflight.stages import NEEDS, needs_of, require
from fasterseg.pipeline.stages.running import Pipeline
from fasterseg.verbs import STAGES

MakeAhead = Callable[..., Ahead]


def test_whatever_a_run_does_is_a_stage_with_its_needs() -> None:
    pipeline = Pipeline(*cast(Any, [None] * 5))
    assert tuple(pipeline.steps) == STAGES


def test_a_run_cannot_be_held_without_naming_the_stages() -> None:
    assert signature(hold_run).parameters["stages"].default is Parameter.empty


def test_every_need_has_its_turn_and_what_is_timed_next_has_the_cheap_ones() -> None:
    assert {*needs_of(STAGES)} == {need for needs in NEEDS.values() for need in needs}
    cheap = needs_of(STAGES, timed=True)
    assert cheap == needs_of(STAGES)[: len(cheap)]
    assert 0 < len(cheap) < len(needs_of(STAGES))


def test_what_the_last_stage_needs_is_asked_before_the_first(make_ahead: MakeAhead) -> None:
    require(("check-data",), make_ahead("data.test_split=nope"))
    with pytest.raises(DataError, match="no split 'nope'"):
        require(STAGES, make_ahead("data.test_split=nope"), timed=True)


@pytest.mark.parametrize("stages", [("profile",), ("search",), STAGES])
def test_a_model_that_no_budget_can_be_is_told_before_anything_is_computed(
    stages: tuple[str, ...], make_ahead: MakeAhead
) -> None:
    require(("check-data",), make_ahead("budget=baseline:fast-scn"))
    with pytest.raises(UsageError, match="there is no baseline 'fast-scn'"):
        require(stages, make_ahead("budget=baseline:fast-scn"), timed=True)
    with pytest.raises(UsageError):
        require(stages, make_ahead("budget=8ms,./nowhere.onnx"), timed=True)


def test_a_known_network_that_is_none_is_told_before_anything_is_computed(
    make_ahead: MakeAhead, tmp_path: Path
) -> None:
    require(("profile",), make_ahead("search.selection.known=[mixd]"), timed=True)
    with pytest.raises(UsageError, match="there is no such network") as caught:
        require(("search",), make_ahead("search.selection.known=[mixd]"), timed=True)
    assert "did you mean 'mixed'?" in caught.value.next_step
    (tmp_path / "own.json").write_text("{}")
    with pytest.raises(FileError):
        require(STAGES, make_ahead(f"search.selection.known=[{tmp_path}/own.json]"), timed=True)


def test_a_browser_s_runtime_that_cannot_be_brought_is_told_before_anything_is_computed(
    make_ahead: MakeAhead, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    ahead = make_ahead("target.backend=onnxruntime-web", "target.host=kit", "target.tail=graph")
    with pytest.raises(EnvironmentFault, match="ONNX Runtime Web could not be brought"):
        a_target(ahead)


SMALL = ("batch_size=1", "augmentation.crop_height=16", "augmentation.crop_width=16")


@pytest.mark.parametrize(
    ("stage", "changes"),
    [
        ("search", ("data.val_split=nope",)),
        ("search", ("data.train_split=nope",)),
        ("search", tuple(f"search.{one}" for one in SMALL)),
        ("train", ("data.val_split=nope",)),
        ("train", ("data.training_split=nope",)),
        ("train", tuple(f"student.{one}" for one in SMALL)),
        ("evaluate", ("data.test_split=nope",)),
        ("measure", ("data.test_split=nope",)),
        ("measure", ("target.device=cuda",)),
        ("profile", ("target.device=cuda",)),
    ],
)
def test_a_stage_is_not_begun_without_what_it_needs(
    stage: str, changes: tuple[str, ...], make_ahead: MakeAhead
) -> None:
    with pytest.raises(FastersegError) as caught:
        require((stage,), make_ahead(*changes))
    assert caught.value.exit_code in (2, 3, 4)
    assert caught.value.next_step


def test_a_runtime_that_is_missing_is_told_and_another_target_will_do(
    make_ahead: MakeAhead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentFault, match="onnx") as caught:
        a_target(make_ahead())
    (change,) = [word for word in caught.value.next_step.split() if word.startswith("target.")]
    a_target(make_ahead(change))


def test_a_target_that_its_runtime_does_not_know_is_told_and_what_is_advised_will_do(
    make_ahead: MakeAhead,
) -> None:
    with pytest.raises(EnvironmentFault, match="was asked for on cuda") as caught:
        a_target(make_ahead("target.device=cuda"))
    assert "--set target.device=cpu" in caught.value.next_step
    a_target(make_ahead("target.device=cpu"))


def test_a_full_disk_is_told_before_the_first_step(
    make_ahead: MakeAhead, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = make_ahead()
    for need in (room_for_a_search, room_for_trainings):
        need(ahead)
    monkeypatch.setattr(machine, "free_disk_bytes", lambda folder: 1000)
    for need in (room_for_a_search, room_for_trainings):
        with pytest.raises(EnvironmentFault, match="not enough room"):
            need(ahead)


def test_the_disk_is_weighed_for_what_a_search_and_trainings_will_keep(
    make_ahead: MakeAhead, monkeypatch: pytest.MonkeyPatch
) -> None:
    def needed(need: Callable[[Ahead], None], ahead: Ahead) -> float:
        with pytest.raises(EnvironmentFault) as caught:
            need(ahead)
        return float(caught.value.why.partition("about ")[2].partition(" MB")[0])

    monkeypatch.setattr(machine, "free_disk_bytes", lambda folder: -1)
    monkeypatch.setattr(machine, "BYTES_PER_NUMBER", 1_000_000)
    ahead = make_ahead()
    supernet = numbers_of_supernet(ahead)
    searched, all_of_it = needed(room_for_a_search, ahead), needed(room_for_trainings, ahead)
    assert searched == 5 * 2 * supernet, "two stages of two checkpoints, and one being written"
    trained = needed(room_for_trainings, replace(ahead, searched=False))
    assert all_of_it == searched + trained
    begun = replace(ahead, made={Use.SUPERNET: Path("there")})
    assert needed(room_for_trainings, begun) == trained
    finalists = make_ahead("search.selection.trained=2")
    largest = max(numbers_of(finalists, one) for one in finalists.finalists)
    assert needed(room_for_a_search, finalists) == searched + 3 * 4 * largest
    kept = make_ahead("student.start=supernet")
    assert needed(room_for_a_search, kept) == searched + supernet


@pytest.mark.parametrize(
    "changes",
    [
        ("student.class_weights=[1,2]", "search.class_weights=none"),
        tuple(f"student.{one}" for one in SMALL),
    ],
)
def test_a_search_that_trains_its_finalists_looks_at_what_these_need(
    changes: tuple[str, ...], make_ahead: MakeAhead
) -> None:
    require(("search",), make_ahead(*changes))
    with pytest.raises(UsageError):
        require(("search",), make_ahead(*changes, "search.selection.trained=2"))


def test_one_network_is_exported_and_run_unless_the_target_was_timed_already(
    make_ahead: MakeAhead, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []
    backend = SimpleNamespace(
        random_network=lambda architecture, geometry: SimpleNamespace(run=ran.append)
    )
    monkeypatch.setattr("fasterseg.pipeline.preflight.machine.open_backend", lambda target: backend)
    ahead = make_ahead()
    an_export(ahead)
    assert {image.shape for image in ran} == {(32, 64, 3)}
    runs = len(ran)
    timed = {Use.BLOCKS: ahead.run.timed_blocks}
    an_export(Ahead(ahead.recipe, ahead.run, ahead.source, "cpu", (), timed))
    assert len(ran) == runs


def test_a_budget_far_below_the_cheapest_network_is_refused_before_the_profile(
    make_ahead: MakeAhead,
) -> None:
    with pytest.raises(BudgetError, match="comes near the budget"):
        require(("profile",), make_ahead("budget=0.0001ms"))
