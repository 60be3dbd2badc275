"""The end of a search with a selection, as the command does it: stopped or not, the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from made_up_search import RECIPE, search_job_in
from small_spaces import random_architectures

from fasterseg.config import Recipe
from fasterseg.errors import BudgetError
from fasterseg.events import EventLog, Progress, silent
from fasterseg.searching.beginnings.beginning import agreed_start, task_of
from fasterseg.searching.landing.concluding import Appraisal, land_all
from fasterseg.searching.landing.measurements import KeptMeasurements
from fasterseg.searching.landing.on_budget import Measure
from fasterseg.searching.landing.scores import FINAL_TIMES, ResampledScore, ScoreTrained
from fasterseg.searching.search import Search
from fasterseg.searching.selecting.choosing import Choice, Selector, one_candidate
from fasterseg.searching.selecting.effort import STEPS_OF_A_SCORE
from fasterseg.searching.selecting.kept_scores import CandidateScores, KeptScores
from fasterseg.space.architecture import Architecture
from fasterseg.space.known_networks import known_network
from fasterseg.space.options import Options

SELECTION = {"candidates": 8, "population": 3, "finalists": 2}
WIDER: dict[str, Any] = {"layers": 4, "expansions": [1, 2, 3]}
BUDGETS = ["50%", "55%"]


STUDENTS = ("student-50pct", "student-55pct")


def recipe(space: Mapping[str, Any] = WIDER, **selection: int) -> Recipe:
    """The made-up search's for two budgets, with room for several networks at each."""
    content = RECIPE.content()
    content["space"] |= space
    content["search"]["selection"] = {**SELECTION, **selection}
    content["budget"] = BUDGETS
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
        self.finals: list[Architecture] = []
        self.told: list[tuple[int, int]] = []
        self.notes: list[str] = []
        self.left: int | None = None

    def work(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Stop

    def end(
        self,
        folder: Path,
        *,
        space: Mapping[str, Any] = WIDER,
        trained: ScoreTrained | None = None,
        selection: Mapping[str, int] | None = None,
        known: Mapping[str, Architecture] | None = None,
    ) -> Mapping[str, Choice]:
        """Land and select in a run's folder, resumed where that stopped."""
        job = search_job_in(folder, recipe=recipe(space, **(selection or {})))
        search = Search.begin(task_of(job, agreed_start(job, progress=silent)))
        kept = KeptMeasurements(job.run.search / "measured.json", self.measuring(job.measure))
        appraisal = Appraisal(search.latency.pricing, kept, job.recipe.promise)
        landed = land_all(search.contenders, appraisal, progress=silent)
        selector = Selector(
            job.recipe.search.selection,
            KeptScores(job.run.candidate_scores, self.score, self.final, trained=trained),
            EventLog(job.run.selection.log),
            job.recipe.seed,
            self.hear,
            known or {},
        )
        return selector.choices(search.contenders, landed, appraisal)

    def hear(self, done: int, total: int, note: str) -> None:
        self.told.append((done, total))
        self.notes.append(note)

    def measuring(self, exact: Measure) -> Measure:
        def measure(architecture: Architecture) -> Any:
            self.work()
            noise = 1 + 0.05 * (Random(self.measured).random() - 0.5)
            self.measured += 1
            latency_ms = self.ratio * noise * exact(architecture).median_ms
            return SimpleNamespace(median_ms=latency_ms, p95_ms=latency_ms)

        return measure

    def score(self, architecture: Architecture, _name: str) -> float:
        self.work()
        self.scored.append(architecture)
        return score_of(architecture)

    def final(self, architecture: Architecture, _name: str) -> ResampledScore:
        self.work()
        self.finals.append(architecture)
        found = score_of(architecture)
        return ResampledScore(found, (found - 0.01, found + 0.01))

    @property
    def pieces(self) -> int:
        """How much work was done."""
        return self.measured + len(self.scored) + len(self.finals)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Machine, Path, Any]:
    """An end that was not stopped: the machine, the folder, what it came to."""
    machine, folder = Machine(), tmp_path_factory.mktemp("undisturbed")
    return machine, folder, machine.end(folder)


def test_each_student_is_one_of_the_networks_that_were_scored(
    undisturbed: tuple[Machine, Path, Any],
) -> None:
    machine, folder, choices = undisturbed
    kept = CandidateScores.load(folder / "search" / "selection" / "scores.json")
    for name in STUDENTS:
        chosen = choices[name]
        assert chosen.selected is not None
        assert chosen.landing.architecture in machine.scored
        digest = chosen.landing.architecture.digest()
        assert kept.scores[digest] == chosen.selected.chosen.score
        assert kept.finals[digest].mean_iou == chosen.selected.chosen.final.mean_iou
    assert choices["teacher"].selected is None


def test_students_share_scores_and_the_best_of_one_begin_the_next(
    undisturbed: tuple[Machine, Path, Any],
) -> None:
    machine, folder, choices = undisturbed
    assert len(set(machine.scored)) == len(machine.scored), "no subnet is scored twice"
    assert choices[STUDENTS[1]].selected.scored["another student"] > 0
    events = EventLog(folder / "search" / "selection" / "events.jsonl").events()
    assert {one["student"] for one in events} == set(STUDENTS)
    for name in STUDENTS:
        own = [one for one in events if one["student"] == name]
        assert [one["best"] for one in own] == sorted(one["best"] for one in own)
        assert len(own) == sum(choices[name].selected.scored.values())


def test_progress_rises_to_its_total(undisturbed: tuple[Machine, Path, Any]) -> None:
    machine, _, _ = undisturbed
    done = [done for done, _ in machine.told]
    assert done == sorted(done)
    assert {total for _, total in machine.told} == {2 * (8 + FINAL_TIMES * (2 + 2))}
    assert done[-1] <= 2 * (8 + FINAL_TIMES * 4)
    for name in STUDENTS:
        assert machine.notes.index(name) < machine.notes.index(f"{name}, measurement 1")


def test_known_networks_are_candidates_and_those_that_cannot_be_are_told(tmp_path: Path) -> None:
    content = recipe()
    options = Options.of(content.space, content.contenders[1])
    one, large = random_architectures(options, 1)[0], known_network("mixed", where="here")
    known = {"own": one, "mixed": large}
    choices = Machine().end(tmp_path, selection={"known": ("own", "mixed")}, known=known)
    events = EventLog(tmp_path / "search" / "selection" / "events.jsonl").events()
    assert sum(event["origin"] == "known" for event in events) > 0
    for name in STUDENTS:
        selected = choices[name].selected
        assert selected is not None
        assert "mixed" not in selected.known
        assert f"{name}: mixed is no candidate: the space does not hold it" in choices[name].notes
        fits = f"{name}: own is no candidate: no few changes bring it to the budget"
        assert ("own" in selected.known) != (fits in choices[name].notes)


def test_a_finalist_s_training_counts_as_the_scores_that_it_takes_as_long_as(
    tmp_path: Path,
) -> None:
    def trained(architecture: Architecture, _name: str, progress: Progress) -> ResampledScore:
        for done in range(1, 401):
            progress(done, 400, "")
        return ResampledScore(score_of(architecture))

    machine = Machine()
    machine.end(tmp_path, trained=trained, selection={"trained": 2, "trained_steps": 400})
    done = [done for done, _ in machine.told]
    each = 8 + FINAL_TIMES * 4 + 2 * 400 // STEPS_OF_A_SCORE
    assert done == sorted(done)
    assert {total for _, total in machine.told} == {2 * each}
    training = [done for done, note in zip(done, machine.notes, strict=True) if "training" in note]
    assert len(training) == 2 * 2 * 400
    first = training[:400]
    assert first[-1] - first[0] == 400 // STEPS_OF_A_SCORE, "it moves while it trains"


def test_an_end_that_was_stopped_anywhere_decides_as_if_it_had_not_been(
    undisturbed: tuple[Machine, Path, Any], tmp_path: Path
) -> None:
    machine, folder, wanted = undisturbed
    assert machine.pieces > 20
    stopped = Machine()
    for place in range(machine.pieces - 1):
        # Each time some work is done, and the next is not; near the start one piece at a time.
        stopped.left = 1 if place < 2 else 5
        if stopped.pieces + stopped.left >= machine.pieces:
            break
        with pytest.raises(Stop):
            stopped.end(tmp_path)
    stopped.left = None
    assert stopped.end(tmp_path) == wanted
    assert stopped.measured == machine.measured
    assert stopped.scored == machine.scored
    assert stopped.finals == machine.finals
    for name in ("scores.json", "events.jsonl"):
        first, second = (one / "search" / "selection" / name for one in (folder, tmp_path))
        assert _content(first) == _content(second)


def _content(path: Path) -> Any:
    """What a file says, whenever it was written."""
    if path.suffix == ".json":
        return CandidateScores.load(path).content()
    return path.read_bytes()


def test_a_run_again_after_no_network_fitted_measures_anew(tmp_path: Path) -> None:
    machine = Machine(ratio=50.0)
    with pytest.raises(BudgetError) as caught:
        machine.end(tmp_path)
    assert "make the machine quieter and run again" in (caught.value.next_step or "")
    machine.ratio = 1.0
    assert machine.end(tmp_path)[STUDENTS[0]].landing.settled


def test_a_budget_that_few_networks_have_is_told(tmp_path: Path) -> None:
    narrow = {**WIDER, "layers": 2, "expansions": [1]}
    machine = Machine()
    choices = machine.end(tmp_path, space=narrow)
    notes = [note for one in choices.values() for note in one.notes]
    assert any(
        "no other network of the space" in note or "were found at the budget" in note
        for note in notes
    )


def test_scores_of_contenders_with_blocks_of_their_own_are_kept_apart(tmp_path: Path) -> None:
    (one,) = random_architectures(Options.of(RECIPE.space, RECIPE.contenders[1]), 1)
    for apart, count in ((False, 1), (True, 2)):
        path, machine = tmp_path / f"{apart}.json", Machine()
        for _ in range(2):
            kept = KeptScores(path, machine.score, machine.final, apart=apart)
            for name in ("a", "b"):
                assert kept.score(one, name) == score_of(one)
                assert kept.has(one, name)
                assert kept.final(one, name).mean_iou == score_of(one)
        assert (len(machine.scored), len(machine.finals)) == (count, count)


def test_what_finalists_come_to_counts_for_the_settings_that_they_were_trained_by(
    tmp_path: Path,
) -> None:
    (one,) = random_architectures(Options.of(RECIPE.space, RECIPE.contenders[1]), 1)
    path, machine, trained = tmp_path / "scores.json", Machine(), 0

    def training(*_: object) -> ResampledScore:
        nonlocal trained
        trained += 1
        return machine.final(one, "a")

    for settings, count in (("first", 1), ("first", 1), ("second", 2), ("first", 2)):
        kept = KeptScores(path, machine.score, machine.final, trained=training, trained_by=settings)
        kept.trained(one, "a", silent)
        assert trained == count


def test_timing_a_candidate_finds_and_scores_one_at_the_budget(tmp_path: Path) -> None:
    job = search_job_in(tmp_path, recipe=recipe())
    search = Search.begin(task_of(job, agreed_start(job, progress=silent)))
    machine = Machine()
    candidate = one_candidate(search, machine.score)
    for number in range(3):
        candidate(number)
    budget_ms = search.contenders[1].budget_ms
    assert budget_ms is not None
    for one in machine.scored:
        assert 0.93 * budget_ms <= search.latency.pricing(one) <= 0.97 * budget_ms
    assert machine.scored[0] == machine.scored[2] != machine.scored[1], "even, probable, even"
