"""Several students of a search: each is scored beside random ones of its latency."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from small_spaces import PRICING, make_space, make_student, make_teacher, random_architectures

from fasterseg.events import silent
from fasterseg.searching.landing.scores import ResampledScore
from fasterseg.searching.selecting.subnets import SubnetScores, score_all
from fasterseg.space.architecture import Architecture
from fasterseg.space.extremes import cheapest, dearest
from fasterseg.space.options import Options

SPACE = make_space(4)
STUDENTS = (make_student(name="fast"), make_student(name="slow", head_expansion=4))


def share_of(architecture: Architecture) -> float:
    """A made-up score that tells any two architectures apart."""
    return PRICING(architecture) / 100


def rival(architecture: Architecture) -> Any:
    return SimpleNamespace(candidate=SimpleNamespace(architecture=architecture))


def contenders() -> Any:
    return [
        SimpleNamespace(name=one.name, settings=one, options=Options.of(SPACE, one))
        for one in (make_teacher(), *STUDENTS)
    ]


def scores_at(
    fast_ms: float,
    slow_ms: float,
    *,
    count: int = 3,
    rivals: Mapping[str, Any] | None = None,
    scored: list[Architecture] | None = None,
) -> dict[str, SubnetScores]:
    """What two students and a teacher score, the students at these latencies."""

    def score(architecture: Architecture, name: str) -> ResampledScore:
        assert name in [one.name for one in contenders()], "whose blocks it is cut out of"
        if scored is not None:
            scored.append(architecture)
        return ResampledScore(share_of(architecture))

    (one,) = random_architectures(Options.of(SPACE, STUDENTS[0]), 1)
    choices: Any = {
        name: SimpleNamespace(
            landing=SimpleNamespace(architecture=one, estimated_ms=ms),
            rivals=(rivals or {}).get(name, {}),
        )
        for name, ms in {"teacher": 20.0, "fast": fast_ms, "slow": slow_ms}.items()
    }
    return score_all(
        contenders(),
        choices,
        score,
        pricing=PRICING,
        seed=0,
        random_count=count,
        progress=silent,
    )


def test_every_student_has_random_architectures_of_its_own_latency() -> None:
    scored = scores_at(11.0, 14.0)
    assert scored["teacher"].randoms == ()
    for name, latency_ms in (("fast", 11.0), ("slow", 14.0)):
        randoms = scored[name].randoms
        assert [one.name for one in randoms] == [f"random-{name}-{n}" for n in (1, 2, 3)]
        for one in randoms:
            assert PRICING(one.architecture) == pytest.approx(latency_ms, rel=0.02)
            assert one.mean_iou == share_of(one.architecture)
    heads = {one.architecture.widths["head"] for one in scored["slow"].randoms}
    assert heads == {4}, "they take what that student may take"


def test_rivals_are_scored_beside_a_student_and_no_network_twice() -> None:
    (own,) = random_architectures(Options.of(SPACE, STUDENTS[0]), 1)
    (other,) = random_architectures(Options.of(SPACE, STUDENTS[1]), 1)
    rivals = {"fast": {"most-probable": rival(own), "known-other": rival(other)}}
    scored: list[Architecture] = []
    found = scores_at(11.0, 14.0, count=0, rivals=rivals, scored=scored)
    assert scored == [own, other]
    assert [one.mean_iou for one in found["fast"].rivals] == [share_of(own), share_of(other)]
    assert found["teacher"].rivals == found["slow"].rivals == ()
    assert found["fast"].own.mean_iou == share_of(own)


def test_a_latency_that_no_random_one_has_is_told_and_loses_no_search() -> None:
    lost = scores_at(11.0, 500.0, count=1)
    assert lost["slow"].randoms == ()
    assert "slow: found no architecture within 2% of 500.000 ms" in lost["slow"].missing
    assert lost["fast"].missing == ""
    assert len(lost["fast"].randoms) == 1


def test_the_latencies_of_these_tests_lie_in_the_space() -> None:
    for student in STUDENTS:
        options = Options.of(SPACE, student)
        low, high = (
            PRICING(end(options, PRICING.geometry, PRICING.cost_ms)) for end in (cheapest, dearest)
        )
        assert low < 11.0 < high
        assert low < 14.0 < high
