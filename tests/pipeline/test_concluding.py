"""The end of a search with several students: each is scored beside random ones of its latency."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small_spaces import PRICING, make_space, make_student, make_teacher, random_architectures

from fasterseg.config import Recipe
from fasterseg.errors import BudgetError
from fasterseg.pipeline import concluding
from fasterseg.pipeline.concluding import SubnetScores, score_all
from fasterseg.runs import RunFolder
from fasterseg.space.architecture import Architecture
from fasterseg.space.extremes import narrowest, widest
from fasterseg.space.options import Options

SPACE = make_space(4)
STUDENTS = (make_student(name="fast"), make_student(name="slow", head_expansion=4))


def share_of(architecture: Architecture) -> float:
    """A made-up score that tells any two architectures apart."""
    return PRICING(architecture) / 100


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> dict[str, SubnetScores]:
    """What two students and a teacher score, the students at 11 and 14 ms."""
    monkeypatch.setattr("fasterseg.pipeline.subnets.subnet_scorer", lambda *_, **__: share_of)
    return score_all(assembly(), found(11.0, 14.0), random_count=3, progress=lambda *_: None)


def assembly() -> Any:
    recipe = Recipe(space=SPACE, contenders=(make_teacher(), *STUDENTS))
    return SimpleNamespace(
        recipe=recipe,
        students=STUDENTS,
        pricing=PRICING,
        weights=SimpleNamespace(supernet=None),
        source=None,
        batches=lambda *_: None,
        halves=((), ()),
        device=None,
    )


def found(fast_ms: float, slow_ms: float) -> Any:
    (one,) = random_architectures(Options.of(SPACE, STUDENTS[0]), 1)
    latencies = {"teacher": 20.0, "fast": fast_ms, "slow": slow_ms}
    return {
        name: SimpleNamespace(architecture=one, estimated_ms=ms) for name, ms in latencies.items()
    }


def test_every_student_has_random_architectures_of_its_own_latency(
    scored: dict[str, SubnetScores],
) -> None:
    assert scored["teacher"].randoms == ()
    for name, latency_ms in (("fast", 11.0), ("slow", 14.0)):
        randoms = scored[name].randoms
        assert [one.name for one in randoms] == [f"random-{name}-{n}" for n in (1, 2, 3)]
        for one in randoms:
            assert PRICING(one.architecture) == pytest.approx(latency_ms, rel=0.02)
            assert one.mean_iou == share_of(one.architecture)
    heads = {one.architecture.head_expansion for one in scored["slow"].randoms}
    assert heads == {4}, "they take what that student may take"


def test_a_latency_that_no_random_one_has_is_told_and_loses_no_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fasterseg.pipeline.subnets.subnet_scorer", lambda *_, **__: share_of)
    lost = score_all(assembly(), found(11.0, 500.0), random_count=1, progress=lambda *_: None)
    assert lost["slow"].randoms == ()
    assert "slow: found no architecture within 2% of 500.000 ms" in lost["slow"].missing
    assert lost["fast"].missing == ""
    assert len(lost["fast"].randoms) == 1


def test_of_several_students_it_is_said_which_one_found_no_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def none(*_: object, **__: object) -> None:
        raise BudgetError("no network that was measured meets the budget of 11 ms")

    monkeypatch.setattr("fasterseg.searching.landing.land", none)
    contender = SimpleNamespace(
        name="fast",
        budget_ms=11.0,
        options=None,
        parameters=SimpleNamespace(probabilities=lambda: None),
    )
    run = RunFolder(tmp_path)
    search = SimpleNamespace(pricing=None, measure=None, recipe=Recipe(), run=run)
    with pytest.raises(BudgetError) as caught:
        concluding._derived(search, contender)  # type: ignore[arg-type]
    assert caught.value.where == "fast"


def test_the_latencies_of_these_tests_lie_in_the_space() -> None:
    for student in STUDENTS:
        options = Options.of(SPACE, student)
        low, high = (
            PRICING(end(options, PRICING.geometry, PRICING.cost_ms)) for end in (narrowest, widest)
        )
        assert low < 11.0 < high
        assert low < 14.0 < high
