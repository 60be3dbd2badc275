"""Finalists that are trained for a while: as students are, on the weights' half, alike on ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from made_up_search import CROP, RECIPE, search_job_in
from ranked import in_ranks

from fasterseg import runtime
from fasterseg.config import Recipe
from fasterseg.errors import Interrupted
from fasterseg.events import silent
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.pipeline.scoring.candidate_scoring import candidate_scores
from fasterseg.pipeline.scoring.finalist_training import FinalistTraining, finalist_training
from fasterseg.searching.beginnings.beginning import agreed_start, data_of, task_of
from fasterseg.searching.derivation import derive
from fasterseg.searching.search import Search
from fasterseg.space.architecture import Architecture
from fasterseg.stopping import StopRequest

CPU = torch.device("cpu")
STEPS = 3


def recipe(*, start: str = "fresh", **selection: int) -> Recipe:
    content = RECIPE.content()
    content["student"] = {**content.get("student", {}), "start": start}
    content["search"]["selection"] = {"candidates": 4, "images": 2, **selection}
    content["training"] = {"augmentation": CROP, "batch_size": 2}
    return Recipe.model_validate(content)


def begun(
    folder: Path, *, start: str = "fresh", ranks: Ranks = ALONE, stop: StopRequest | None = None
) -> tuple[FinalistTraining, Search, Architecture]:
    """What trains finalists of a search that is at its beginning, and one of these."""
    given = recipe(start=start, trained=2, trained_steps=STEPS)
    job = search_job_in(folder, recipe=given)
    agreed = agreed_start(job, progress=silent)
    search, data = Search.begin(task_of(job, agreed)), data_of(job, agreed)
    student = search.contenders[-1]
    network = derive(student.options, student.parameters.probabilities())
    _, final = candidate_scores(search.weights.supernet, data, device=CPU, ranks=ranks)
    training = finalist_training(given, data, final, device=CPU, ranks=ranks, stop=stop)
    assert training is not None
    return training, search, network


@pytest.mark.parametrize("start", ["fresh", "supernet"])
def test_a_finalist_is_trained_as_a_student_and_the_supernet_stays_what_it_was(
    start: str, tmp_path: Path
) -> None:
    training, search, network = begun(tmp_path, start=start)
    supernet = search.weights.supernet
    before = {key: tensor.clone() for key, tensor in supernet.state_dict().items()}
    told: list[tuple[int, int]] = []
    untrained = training.scoring.redrawn(network, "student")
    found = training.score(network, "student", lambda done, total, _: told.append((done, total)))
    assert told == [(1, STEPS), (2, STEPS), (3, STEPS)]
    assert found != untrained
    for key, tensor in supernet.state_dict().items():
        torch.testing.assert_close(tensor, before[key], rtol=0, atol=0, equal_nan=True)
    again, _, _ = begun(tmp_path / "again", start=start)
    assert again.score(network, "student", silent) == found, "a function of seed and supernet"
    wanted = recipe().training_of("student")
    assert training.settings.lr == wanted.lr
    assert (training.settings.steps, training.settings.distillation_weight) == (STEPS, 0.0)


def test_it_begins_with_the_weights_that_the_student_begins_with(tmp_path: Path) -> None:
    def weights(start: str, *, shift: float) -> list[torch.Tensor]:
        training, search, network = begun(tmp_path / f"{start} {shift}", start=start)
        with torch.no_grad():
            for one in search.weights.supernet.parameters():
                one.add_(shift)
        return [one.detach().clone() for one in training._begun(network, "student").parameters()]

    fresh, same = weights("fresh", shift=0.0), weights("fresh", shift=1.0)
    assert all(map(torch.equal, fresh, same)), "the supernet has no part in it"
    cut, moved = weights("supernet", shift=0.0), weights("supernet", shift=1.0)
    assert not any(map(torch.equal, cut, moved))
    assert not all(map(torch.equal, fresh, cut))


@pytest.mark.parametrize("what", ["training", "scoring"])
def test_memory_is_kept_meanwhile(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the system clears each page anew: of a finalist's training, 0.8 s a step in place of
    0.35 on a virtual machine."""
    training, _, network = begun(tmp_path)
    kept: list[str] = []

    class Libc:
        def mallopt(self, parameter: int, value: int) -> None:
            kept.append("kept" if value in (0, runtime._MOST) else "given back")

        def malloc_trim(self, _pad: int) -> None:
            pass

    monkeypatch.setattr(runtime, "_glibc", Libc)
    if what == "training":
        training.score(network, "student", lambda *_: kept.append("step"))
        assert kept[:3] == ["kept", "kept", "step"]
    else:
        training.scoring.matrices(network, "student")
        assert kept[:2] == ["kept", "kept"]
    assert kept[-1] == "given back"


def test_it_learns_from_the_half_of_the_weights_and_is_scored_on_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, _, network = begun(tmp_path)
    seen: set[str] = set()
    stage = training._stage(training.scoring.calibrated(network, "student"), "student")
    batch = stage._feed.batch
    monkeypatch.setattr(stage._feed, "batch", lambda index: _noted(batch(index), seen))
    for index in range(STEPS):
        stage.step(index)
    names = training.data.source.names(training.data.split)
    weights, others = ({names[i] for i in half} for half in training.data.halves)
    assert seen
    assert seen <= weights
    scored = training.scoring.scored
    assert {*scored.names(scored.split)} <= others


def _noted(batch: Any, seen: set[str]) -> Any:
    seen.update(batch.names)
    return batch


def test_a_stop_ends_it_between_two_steps(tmp_path: Path) -> None:
    stop = StopRequest()
    training, _, network = begun(tmp_path, stop=stop)

    def stopping(done: int, _total: int, _note: str) -> None:
        if done == 2:
            stop.signal_name = "SIGTERM"

    with pytest.raises(Interrupted):
        training.score(network, "student", stopping)


def test_where_none_is_trained_there_is_nothing_that_trains(tmp_path: Path) -> None:
    training, _, _ = begun(tmp_path)
    assert finalist_training(recipe(), training.data, training.scoring, device=CPU) is None


def scored(ranks: Ranks, folder: Path) -> float:
    folder = folder / str(ranks.rank)
    training, _, network = begun(folder, start="supernet", ranks=ranks)
    return training.score(network, "student", silent).mean_iou


def test_ranks_train_a_finalist_together(tmp_path: Path) -> None:
    alone = scored(ALONE, tmp_path / "alone")
    both = in_ranks(2, scored, tmp_path)
    assert both[0] == both[1]
    assert both[0] == pytest.approx(alone, abs=0.02)
