"""A whole search that is led: its followers know nothing but what they are told, and the data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from made_up_search import COUNTS, CPU, CROP, HEIGHT, RECIPE, WIDTH, search_job_in
from ranked import in_ranks

from fasterseg.config import Recipe
from fasterseg.datasets.street import StreetScenes
from fasterseg.errors import DataError, Interrupted
from fasterseg.events import EventLog, Progress, silent
from fasterseg.learning.leading import dismiss, follow, led
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.pipeline.stages import searching
from fasterseg.pipeline.stages.following import BUILDERS
from fasterseg.runs import RunFolder
from fasterseg.searching.beginnings.beginning import agreed_start, data_of, task_of
from fasterseg.searching.beginnings.hours import SearchStages, with_step_count
from fasterseg.searching.beginnings.sharing import ORDER, SearchOrder, Together
from fasterseg.searching.selecting.kept_scores import CandidateScores
from fasterseg.space.architecture import Architecture
from fasterseg.stages import Watch
from fasterseg.stopping import StopRequest

STEPS = 3


def recipe_with(**search: Any) -> Recipe:
    """A search that selects among a few candidates."""
    content = RECIPE.content()
    few = {"candidates": 3, "finalists": 1, "images": 3, "calibration_images": 16}
    few |= {"trained": 1, "trained_steps": 2}
    content["training"] = {"augmentation": CROP, "batch_size": 4, "lr": 0.002}
    content["search"] |= {"pretrain_steps": STEPS, "steps": STEPS, "selection": few}
    # Well-conditioned, so that numbers can be compared.
    plain = {"precision": "float32", "initialisation": "fan-in", "lr": 0.002}
    content["search"] |= {**plain, **search}
    return Recipe.model_validate(content)


def searched(ranks: Ranks, folder: Path, recipe: Recipe, stop_at: int = 0) -> str:
    """Search as the leader, or follow; how it ended."""
    if not ranks.leads:
        follow(ranks, BUILDERS)
        return "dismissed"
    stop = StopRequest()

    @contextmanager
    def show(title: str, *, total: int, unit: str = "steps") -> Iterator[Progress]:
        def step(done: int, _total: int, _note: str) -> None:
            if title == "Searching" and done == stop_at:
                stop.signal_name = "SIGTERM"

        yield step

    job = search_job_in(folder, recipe=recipe, ranks=ranks)
    try:
        searching.search_stage(job, Watch(folder, show, stop), random_subnets=0)
    except Interrupted:
        return "stopped"
    finally:
        dismiss(ranks)
    return "done"


def losses_in(folder: Path) -> list[float]:
    run = RunFolder(folder)
    logs = (EventLog(run.pretraining.log), EventLog(run.cosearch.log))
    return [event["loss"] for log in logs for event in log.events()]


def assert_alike(folder: Path, other: Path) -> None:
    """Both searches came to the same: networks to the last choice, numbers as sums may differ."""
    assert losses_in(folder) == pytest.approx(losses_in(other), rel=1e-4)
    one, two = RunFolder(folder), RunFolder(other)
    for name in ("teacher", "student"):
        first, second = (Architecture.load(run.architecture(name)) for run in (one, two))
        assert first == second
    kept, other_kept = (CandidateScores.load(run.candidate_scores) for run in (one, two))
    assert kept.scores == pytest.approx(other_kept.scores, abs=1e-2)
    assert kept.trained.keys() == other_kept.trained.keys()
    assert len(kept.trained) == 1
    for key, score in kept.trained.items():
        assert score.mean_iou == pytest.approx(other_kept.trained[key].mean_iou, abs=2e-2)


def test_a_led_search_comes_to_what_one_process_comes_to(tmp_path: Path) -> None:
    recipe = recipe_with()
    assert searched(ALONE, tmp_path / "one", recipe) == "done"
    ended = in_ranks(2, searched, tmp_path / "two", recipe, seconds=200.0)
    assert ended == ["done", "dismissed"]
    assert_alike(tmp_path / "two", tmp_path / "one")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("first", "then"), [(2, 1), (1, 2), (2, 4)])
def test_a_search_is_resumed_with_another_number_of_ranks(
    tmp_path: Path, first: int, then: int
) -> None:
    recipe = recipe_with(batch_size=4)
    assert searched(ALONE, tmp_path / "one", recipe) == "done"

    def run(ranks: int, stop_at: int = 0) -> str:
        arguments = (tmp_path / "several", recipe, stop_at)
        if ranks == 1:
            return searched(ALONE, *arguments)
        return str(in_ranks(ranks, searched, *arguments, seconds=600.0)[0])

    assert run(first, stop_at=1) == "stopped"
    assert len(losses_in(tmp_path / "several")) == STEPS + 2
    assert run(then) == "done"
    assert_alike(tmp_path / "several", tmp_path / "one")


def counted_in(ranks: Ranks, folder: Path) -> tuple[int, int] | None:
    """The steps that hours come to by a clock that moves on half a second whenever it is asked."""
    if not ranks.leads:
        follow(ranks, BUILDERS)
        return None
    recipe, ticks = recipe_with(hours=0.02), count()
    job = search_job_in(folder, recipe=recipe, ranks=ranks)
    start = agreed_start(job, progress=silent)
    task = task_of(job, start)
    with led(ranks, ORDER, SearchOrder.of(job, start, task)) as lead:
        scorers_of = partial(searching.subnet_scorers, recipe)
        stages = SearchStages.of(task, Together(lead, scorers_of, data_of(job, start)))
        path = job.run.search_allowance
        found = with_step_count(
            task.settings, stages, path, device=CPU, clock=lambda: next(ticks) / 2
        )
    dismiss(ranks)
    return found.pretrain_steps, found.steps


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_hours_are_counted_once_by_steps_and_scores_that_all_ranks_do(tmp_path: Path) -> None:
    wanted = counted_in(ALONE, tmp_path / "one")
    assert wanted is not None and min(wanted) > 10
    assert in_ranks(2, counted_in, tmp_path / "two", seconds=600.0) == [wanted, None]


def searched_elsewhere(ranks: Ranks, folder: Path) -> str:
    """As `searched`, but the last rank finds other images where the recipe says they lie."""
    before = searching.open_source
    if ranks.rank == ranks.count - 1:
        other = StreetScenes(size=(HEIGHT, WIDTH), counts=COUNTS, seed=1)
        searching.open_source = lambda _recipe: other  # type: ignore[assignment]
    try:
        return searched(ranks, folder, recipe_with())
    finally:
        searching.open_source = before


def test_a_rank_with_other_data_is_told_of_before_the_first_step(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not those of the process that leads"):
        in_ranks(2, searched_elsewhere, tmp_path)
    assert not RunFolder(tmp_path).pretraining.log.exists()
