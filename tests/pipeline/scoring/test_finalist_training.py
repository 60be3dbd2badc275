"""Finalists that are trained for a while: as students are, on the weights' half, alike on ranks."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from made_up_search import CROP, RECIPE, search_job_in
from ranked import in_ranks

from fasterseg import runtime
from fasterseg.config import Recipe
from fasterseg.errors import Interrupted
from fasterseg.events import Progress, silent
from fasterseg.learning.leading import Lead
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.pipeline.scoring.candidate_scoring import candidate_scores
from fasterseg.pipeline.scoring.finalist_training import SplitHalfTrainer, finalist_training
from fasterseg.runs import RunFolder
from fasterseg.searching.beginnings.beginning import agreed_start, data_of, task_of
from fasterseg.searching.beginnings.sharing import Together
from fasterseg.searching.derivation import derive
from fasterseg.searching.landing.scores import ResampledScore, Scorers
from fasterseg.searching.search import Search
from fasterseg.space.architecture import Architecture
from fasterseg.stopping import StopRequest

CPU = torch.device("cpu")
STEPS = 3


def recipe(*, start: str = "fresh", checkpoint_every: int = 100, **selection: int) -> Recipe:
    content, student = RECIPE.content(), {"start": start, "checkpoint_every": checkpoint_every}
    content["student"] = {**content.get("student", {}), **student}
    content["search"]["selection"] = {"candidates": 4, "images": 2, **selection}
    content["training"] = {"augmentation": CROP, "batch_size": 2}
    return Recipe.model_validate(content)


def begun(
    folder: Path, *, start: str = "fresh", ranks: Ranks = ALONE, checkpoint_every: int = 100
) -> tuple[SplitHalfTrainer, Search, Architecture]:
    """What trains finalists of a search that is at its beginning, and one of these."""
    given = recipe(start=start, trained=2, trained_steps=STEPS, checkpoint_every=checkpoint_every)
    job = search_job_in(folder, recipe=given)
    agreed = agreed_start(job, progress=silent)
    search, data = Search.begin(task_of(job, agreed)), data_of(job, agreed)
    student = search.contenders[-1]
    network = derive(student.options, student.parameters.probabilities())
    _, final = candidate_scores(search.weights.supernet, data, device=CPU, ranks=ranks)
    trainer = finalist_training(given, data, final, device=CPU, ranks=ranks)
    assert trainer is not None
    return trainer, search, network


def score(
    trainer: SplitHalfTrainer,
    network: Architecture,
    run: Path,
    *,
    progress: Progress = silent,
    stop: StopRequest | None = None,
) -> ResampledScore:
    """What a finalist comes to in a run's folder, as a search asks for it."""
    lead = Lead(ALONE, StopRequest() if stop is None else stop)
    together = Together(lead, lambda *_: scorers, trainer.data)
    scorers = Scorers(
        lambda *_: 0.0, trainer.scoring.resampled_score, trainer.scoring.resampled_score, trainer
    )
    trained = together.trained(scorers, RunFolder(run))
    assert trained is not None
    return trained(network, "student", progress)


@pytest.mark.parametrize("start", ["fresh", "supernet"])
def test_a_finalist_is_trained_as_a_student_and_the_supernet_stays_what_it_was(
    start: str, tmp_path: Path
) -> None:
    trainer, search, network = begun(tmp_path, start=start)
    supernet = search.weights.supernet
    before = {key: tensor.clone() for key, tensor in supernet.state_dict().items()}
    told: list[tuple[int, int]] = []
    untrained = trainer.scoring.resampled_score(network, "student")
    found = score(
        trainer,
        network,
        tmp_path / "run",
        progress=lambda done, total, _: told.append((done, total)),
    )
    assert told == [(1, STEPS), (2, STEPS), (3, STEPS)]
    assert found != untrained
    for key, tensor in supernet.state_dict().items():
        torch.testing.assert_close(tensor, before[key], rtol=0, atol=0, equal_nan=True)
    again, _, _ = begun(tmp_path / "again", start=start)
    assert score(again, network, tmp_path / "2") == found, "a function of seed and supernet"
    wanted = recipe().training_of("student")
    assert trainer.settings.lr == wanted.lr
    assert (trainer.settings.steps, trainer.settings.distillation_weight) == (STEPS, 0.0)


@pytest.mark.parametrize(
    ("key", "value", "decides"),
    [
        ("student.lr", 0.02, True),
        ("student.start", "supernet", True),
        ("student.augmentation.colour", 0.1, True),
        ("search.selection.trained_steps", STEPS + 1, True),
        ("student.checkpoint_every", 7, False),
        ("student.accumulate", 2, False),
        ("student.hours", 2.0, False),
        ("student.distillation.temperature", 2.0, False),
    ],
)
def test_its_digest_is_that_of_the_settings_that_decide_what_finalists_come_to(
    key: str, value: object, decides: bool, tmp_path: Path
) -> None:
    trainer, _, _ = begun(tmp_path)
    content = trainer.recipe.content()
    *sections, last = key.split(".")
    place = content
    for name in sections:
        place = place.setdefault(name, {})
    assert place.get(last) != value
    place[last] = value
    changed = replace(trainer, recipe=Recipe.model_validate(content))
    assert (changed.digest != trainer.digest) is decides


def test_a_warm_up_of_the_student_s_is_no_longer_than_a_tenth_of_its_steps(tmp_path: Path) -> None:
    trainer, _, _ = begun(tmp_path)
    content = trainer.recipe.content()
    content["student"] |= {"steps": 40_000, "warmup_steps": 2_000}
    content["search"]["selection"]["trained_steps"] = 1_600
    changed = replace(trainer, recipe=Recipe.model_validate(content))
    assert (changed.settings.steps, changed.settings.warmup) == (1_600, 160)


def test_it_begins_with_the_weights_that_the_student_begins_with(tmp_path: Path) -> None:
    def weights(start: str, *, shift: float) -> list[torch.Tensor]:
        trainer, search, network = begun(tmp_path / f"{start} {shift}", start=start)
        with torch.no_grad():
            for one in search.weights.supernet.parameters():
                one.add_(shift)
        return [one.detach().clone() for one in trainer._begun(network, "student").parameters()]

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
    trainer, _, network = begun(tmp_path)
    kept: list[str] = []

    class Libc:
        def mallopt(self, parameter: int, value: int) -> None:
            kept.append("kept" if value in (0, runtime._MOST) else "given back")

        def malloc_trim(self, _pad: int) -> None:
            pass

    monkeypatch.setattr(runtime, "_glibc", Libc)
    if what == "training":
        score(trainer, network, tmp_path / "run", progress=lambda *_: kept.append("step"))
        assert kept[:3] == ["kept", "kept", "step"]
        assert kept[-6:-2] == ["given back", "given back", "kept", "kept"], "and while it is scored"
    else:
        trainer.scoring.matrices(network, "student")
        assert kept[:2] == ["kept", "kept"]
    assert kept[-1] == "given back"


def test_it_learns_from_the_half_of_the_weights_and_is_scored_on_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, _, network = begun(tmp_path)
    seen: set[str] = set()
    stage = trainer.begun(network, "student")
    batch = stage._feed.batch
    monkeypatch.setattr(stage._feed, "batch", lambda index: _noted(batch(index), seen))
    for index in range(STEPS):
        stage.step(index)
    names = trainer.data.source.names(trainer.data.split)
    weights, others = ({names[i] for i in half} for half in trainer.data.halves)
    assert seen
    assert seen <= weights
    scored = trainer.scoring.scored
    assert {*scored.names(scored.split)} <= others


def _noted(batch: Any, seen: set[str]) -> Any:
    seen.update(batch.names)
    return batch


@pytest.mark.parametrize("start", ["fresh", "supernet"])
def test_one_that_was_stopped_is_resumed_and_comes_to_the_same(start: str, tmp_path: Path) -> None:
    stop, run, steps = StopRequest(), tmp_path / "run", []
    trainer, _, network = begun(tmp_path, start=start)

    def stopping(done: int, _total: int, _note: str) -> None:
        if done == 1:
            stop.signal_name = "SIGTERM"

    with pytest.raises(Interrupted, match="training a finalist of student: 2 of 3"):
        score(trainer, network, run, progress=stopping, stop=stop)
    again, _, _ = begun(tmp_path / "again", start=start)
    found = score(again, network, run, progress=lambda done, *_: steps.append(done))
    assert steps == [2, 3], "what was done is not done again"
    undisturbed, _, _ = begun(tmp_path / "undisturbed", start=start)
    assert found == score(undisturbed, network, tmp_path / "other")


def test_one_that_was_killed_is_resumed_from_its_last_checkpoint(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def killing(done: int, _total: int, _note: str) -> None:
        if done == 2:
            raise Killed

    run, steps = tmp_path / "run", []
    trainer, _, network = begun(tmp_path, checkpoint_every=1)
    with pytest.raises(Killed):
        score(trainer, network, run, progress=killing)
    found = score(trainer, network, run, progress=lambda done, *_: steps.append(done))
    assert steps == [2, 3]
    assert found == score(trainer, network, tmp_path / "other")


def test_checkpoints_are_kept_of_the_last_finalist_alone_and_logs_of_all(tmp_path: Path) -> None:
    trainer, search, network = begun(tmp_path)
    teacher = search.contenders[0]
    other = derive(teacher.options, teacher.parameters.probabilities())
    run = RunFolder(tmp_path / "run")
    for one in (network, other):
        score(trainer, one, run.root)
    folders = [run.finalist("student", one.digest(), trainer.digest) for one in (network, other)]
    assert [len(one.log.read_text().splitlines()) for one in folders] == [STEPS, STEPS]
    assert [one.stepped() is None for one in folders] == [True, False]
    run.tidy_finalists()
    assert all(one.stepped() is None for one in folders)


def test_where_none_is_trained_there_is_nothing_that_trains(tmp_path: Path) -> None:
    trainer, _, _ = begun(tmp_path)
    assert finalist_training(recipe(), trainer.data, trainer.scoring, device=CPU) is None


def scored(ranks: Ranks, folder: Path) -> float:
    folder = folder / str(ranks.rank)
    trainer, _, network = begun(folder, start="supernet", ranks=ranks)
    with closing(trainer.begun(network, "student")) as stage:
        for index in range(STEPS):
            stage.step(index)
        return stage.resampled_score().mean_iou


def test_ranks_train_a_finalist_together(tmp_path: Path) -> None:
    alone = scored(ALONE, tmp_path / "alone")
    both = in_ranks(2, scored, tmp_path)
    assert both[0] == both[1]
    assert both[0] == pytest.approx(alone, abs=0.02)
