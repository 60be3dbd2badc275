"""The end of a search with several candidates, as the command does it: stopped or not, the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from made_up_search import RECIPE, search_job_in

from fasterseg.config import Recipe
from fasterseg.errors import BudgetError
from fasterseg.events import silent
from fasterseg.searching.beginning import agreed_start, task_of
from fasterseg.searching.choosing import CandidateScores, Choice, KeptScores, best_candidates
from fasterseg.searching.concluding import Appraisal, land_all
from fasterseg.searching.landing import Measure
from fasterseg.searching.measurements import KeptMeasurements
from fasterseg.searching.search import Search
from fasterseg.space.architecture import Architecture

CANDIDATES = 3
WIDER: dict[str, Any] = {"layers": 4, "expansions": [1, 2, 3]}


def recipe() -> Recipe:
    """The made-up search's, with room for several networks at a budget."""
    content = RECIPE.content()
    content["space"] |= WIDER
    content["search"]["draws"] = CANDIDATES
    return Recipe.model_validate(content)


def score_of(architecture: Architecture) -> float:
    return int(architecture.digest()[-8:], 16) / 16**8


class Stop(Exception):
    """A kill, as seen from inside."""


class Machine:
    """Measures and scores, a little differently each time; stops before its n-th piece of work."""

    def __init__(self, ratio: float = 1.07) -> None:
        self.ratio = ratio
        self.measured = 0
        self.scored: list[Architecture] = []
        self.left: int | None = None

    def work(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Stop

    def end(self, folder: Path) -> Mapping[str, Choice]:
        """Land and choose in a run's folder, going on where that stopped."""
        job = search_job_in(folder, recipe=recipe())
        search = Search.begin(task_of(job, agreed_start(job, progress=silent)))
        kept = KeptMeasurements(job.run.search / "measured.json", self.measuring(job.measure))
        appraisal = Appraisal(search.latency.pricing, kept, job.recipe.promise)
        return best_candidates(
            search.contenders,
            land_all(search.contenders, appraisal, progress=silent),
            appraisal,
            KeptScores(job.run.search / "draws.json", self.score),
            count=CANDIDATES,
            seed=job.recipe.seed,
            progress=silent,
        )

    def measuring(self, exact: Measure) -> Measure:
        def measure(architecture: Architecture) -> Any:
            self.work()
            noise = 1 + 0.05 * (Random(self.measured).random() - 0.5)
            self.measured += 1
            latency_ms = self.ratio * noise * exact(architecture).median_ms
            return SimpleNamespace(median_ms=latency_ms, p95_ms=latency_ms)

        return measure

    def score(self, architecture: Architecture) -> float:
        self.work()
        self.scored.append(architecture)
        return score_of(architecture)


def test_the_student_is_one_of_the_networks_that_were_scored(tmp_path: Path) -> None:
    machine = Machine()
    choices = machine.end(tmp_path)
    chosen = choices["student"]
    assert chosen.landing.architecture in machine.scored
    assert chosen.scores[chosen.index] == score_of(chosen.landing.architecture)
    kept = CandidateScores.load(tmp_path / "search" / "draws.json").scores
    assert sorted(kept.values()) == sorted(chosen.scores)
    assert choices["teacher"].scores == ()


def test_an_end_that_was_stopped_anywhere_decides_as_if_it_had_not_been(tmp_path: Path) -> None:
    undisturbed = Machine()
    wanted = undisturbed.end(tmp_path / "undisturbed")
    pieces = undisturbed.measured + len(undisturbed.scored)
    assert pieces > 6
    stopped = Machine()
    folder = tmp_path / "stopped"
    for _ in range(pieces - 1):
        stopped.left = 1  # each time one piece of work is done, and the next is not
        with pytest.raises(Stop):
            stopped.end(folder)
    stopped.left = 1
    assert stopped.end(folder) == wanted
    assert stopped.measured == undisturbed.measured
    assert stopped.scored == undisturbed.scored


def test_a_run_again_after_no_network_fitted_measures_anew(tmp_path: Path) -> None:
    machine = Machine(ratio=50.0)
    with pytest.raises(BudgetError) as caught:
        machine.end(tmp_path)
    assert "make the machine quieter and run again" in (caught.value.next_step or "")
    machine.ratio = 1.0
    assert machine.end(tmp_path)["student"].landing.settled
