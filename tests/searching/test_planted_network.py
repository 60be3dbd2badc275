"""Evolution finds a planted best network more often than as many random draws would."""

from __future__ import annotations

from math import comb
from random import Random

import pytest
from small_spaces import GEOMETRY, made_up_cost_ms, make_space, open_student

from fasterseg.config import SelectionSettings
from fasterseg.searching.landing.breeding import Window
from fasterseg.searching.landing.on_budget import Landing, Trials, Tried, land
from fasterseg.searching.landing.scores import ResampledScore
from fasterseg.searching.selecting.candidates import Candidate, Source
from fasterseg.searching.selecting.selected import Selected
from fasterseg.searching.selecting.selection import Scoring, Selection
from fasterseg.space.architecture import Architecture
from fasterseg.space.assignment import Assignment, architecture_of, idle_choices
from fasterseg.space.options import Options
from fasterseg.space.pricing import Pricing
from fasterseg.space.sampling import random_assignment
from fasterseg.supernet.relaxation import uniform

OPERATORS = ("skip", "conv", "zoomed_conv")
OPTIONS = Options.of(make_space(3, operators=OPERATORS), open_student(operators=OPERATORS))
# Blocks that cost nearly the same, so that a large part of the networks lies in the window.
PRICING = Pricing(GEOMETRY, lambda spec: 1.0 + 0.05 * made_up_cost_ms(spec))
BUDGET_MS = 19.58
WINDOW = Window.of(BUDGET_MS, 1.0)
COUNT, SEARCHES = 96, 4
SETTINGS = SelectionSettings(candidates=COUNT, population=6, finalists=1)


def members(count: int) -> dict[Architecture, Assignment]:
    """Networks of the window that were met among so many random ones."""
    found = {}
    for seed in range(count):
        assignment = random_assignment(OPTIONS, Random(seed))
        architecture = architecture_of(OPTIONS.lattice, assignment)
        if WINDOW.excess_ms(PRICING(architecture)) == 0:
            found.setdefault(architecture, assignment)
    return found


def likeness(assignment: Assignment, planted: Assignment) -> float:
    """The share of the choices that have an effect in either network and are taken alike."""
    idle = idle_choices(OPTIONS.lattice, assignment) & idle_choices(OPTIONS.lattice, planted)
    used = [name for name in OPTIONS.searched if name not in idle]
    return sum(assignment[name] == planted[name] for name in used) / len(used)


def selected(seed: int, planted: Assignment) -> Selected:
    """A selection whose parameters know nothing; the score is the likeness to the planted one."""
    scores: dict[Architecture, float] = {}

    def score(one: Candidate) -> float:
        scores[one.architecture] = likeness(one.assignment, planted)
        return scores[one.architecture]

    def measure(architecture: Architecture) -> Tried:
        return Tried(*[PRICING(architecture)] * 3)

    knows_nothing = uniform(OPTIONS)
    first: Landing = land(OPTIONS, knows_nothing, PRICING, measure, budget_ms=BUDGET_MS)
    source = Source("student", seed, OPTIONS, knows_nothing, PRICING)
    trials = Trials(PRICING, measure, budget_ms=BUDGET_MS, promise="p95", known=first)
    scoring = Scoring(score, lambda one: ResampledScore(scores[one]))
    return Selection(source, first, trials, scoring, SETTINGS).run(())


def chance_of(hits: int, tries: int, share: float) -> float:
    """The chance of so many hits or more, each of a share: the exact binomial tail."""
    return sum(
        comb(tries, n) * share**n * (1 - share) ** (tries - n) for n in range(hits, tries + 1)
    )


@pytest.mark.slow
def test_evolution_finds_a_planted_network_where_random_draws_would_not() -> None:
    known = members(3000)
    # As many different draws meet one of at least so many networks: more are known than were met.
    share = COUNT / len(known)
    hits = 0
    for seed in range(SEARCHES):
        planted = Random(seed).choice([*known])
        found = selected(seed, known[planted])
        hits += found.chosen.candidate.architecture == planted
        assert found.best_even is not None
        assert found.chosen.score > found.best_even.score
    assert chance_of(hits, SEARCHES, share) < 0.01, f"{hits} of {SEARCHES}, by chance {share:.2f}"


def test_the_tail_of_a_binomial_is_exact() -> None:
    assert chance_of(0, 4, 0.3) == pytest.approx(1.0)
    assert chance_of(4, 4, 0.5) == pytest.approx(1 / 16)
    assert chance_of(1, 2, 0.5) == pytest.approx(3 / 4)
