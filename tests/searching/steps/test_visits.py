"""Visits: passes are counted by kind and place; while kinds are even, none is left out."""

from __future__ import annotations

import pytest
from small_searches import OPERATORS, SmallSearch, small_search
from small_spaces import make_space, make_student, make_teacher

from fasterseg.searching.cosearch import KINDS_DECIDED_AT
from fasterseg.searching.steps.visits import Visits, last_visits
from fasterseg.searching.summaries.summary import ContenderSummary, SearchSummary
from fasterseg.searching.summarising import Events
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.supernet.relaxation import Relaxation, one_option, uniform

SPACE = make_space(4, operators=OPERATORS)
LEAST = 0.1
"""So much of its place's mean each kind is visited at least while kinds are sampled evenly."""


def searched(steps: int, **changes: object) -> SmallSearch:
    """A search of which the passes of weights are counted and none is computed."""
    search = small_search(
        space=SPACE,
        contenders=(make_teacher(operators=OPERATORS[1:]), make_student(operators=OPERATORS)),
        **changes,
    )
    passes = search.cosearch.passes
    for index in range(steps):
        search.pretraining.visits.add(passes.pretraining(index))
        search.cosearch.visits.add(passes.weights(index, temperature=1.0))
    return search


def test_while_kinds_are_even_each_is_visited_at_least_a_tenth_of_its_places_mean() -> None:
    search = searched(60)
    for visits in (search.pretraining.visits, search.cosearch.visits):
        assert visits.counts.keys() == {node.kind_choice for node in Lattice(SPACE).nodes}
        for name, counts in visits.counts.items():
            mean = sum(counts.values()) / len(counts)
            assert set(counts) == set(OPERATORS)
            assert min(counts.values()) > LEAST * mean > 0, name


def test_a_place_that_no_branch_runs_through_is_not_visited() -> None:
    options = Options.of(SPACE, make_student(operators=OPERATORS))
    lattice, visits = options.lattice, Visits([options])
    paths = [name for name in uniform(options) if name.startswith("paths")]
    kept = Relaxation({name: one_option(lattice, name, "keep") for name in paths})
    visits.add([uniform(options) | kept])
    found = {name: sum(counts.values()) for name, counts in visits.counts.items()}
    assert set(found.values()) == {0, len(OPERATORS)}


def test_in_an_exact_search_every_kind_of_a_contender_is_visited_in_every_pass() -> None:
    visits = searched(1, mode="exact").cosearch.visits
    (teachers, students) = (1, 3)
    assert visits.counts["kinds.cells.0.8"] == {
        "skip": students,
        "conv": teachers + students,
        "zoomed_conv": teachers + students,
    }


def test_what_a_log_tells_last_is_what_was_counted() -> None:
    visits = searched(3).cosearch.visits
    events = [{"loss": 1.0}, {"loss": 1.0, **visits.values()}, {"loss": 1.0}]
    found = last_visits(events)
    assert {kind: seen for kind, (seen, _) in found.items()} == {
        kind: sum(counts[kind] for counts in visits.counts.values()) for kind in OPERATORS
    }
    evens, seens = zip(*((even, seen) for seen, even in found.values()), strict=True)
    assert sum(evens) == pytest.approx(sum(seens), abs=0.5)


def test_both_stages_tell_their_visits_and_remember_them() -> None:
    search = small_search(control_every=2, steps=4, pretrain_steps=4)
    for stage in (search.pretraining, search.cosearch):
        told = ["visits/conv" in stage.step(index) for index in range(2)]
        assert told == [True, False]
        again = (
            small_search().pretraining if stage is search.pretraining else small_search().cosearch
        )
        again.restore(stage.state())
        assert again.visits.counts == stage.visits.counts
        assert any(sum(counts.values()) for counts in again.visits.counts.values())


def test_the_summary_tells_how_even_the_visits_were_and_when_a_contender_switched() -> None:
    events = Events(
        pretraining=[{"visits/conv": 30, "even_visits/conv": 30.0}],
        search=[
            {"visits/conv": 5, "even_visits/conv": 10.0},
            {f"student/{KINDS_DECIDED_AT}": 40, "visits/conv": 9, "even_visits/conv": 18.0},
            {},
        ],
    )
    assert events.decided_at("student") == 40
    assert events.decided_at("teacher") is None
    student = ContenderSummary(
        name="student",
        role="student",
        derived_ms=1.0,
        estimated_ms=1.0,
        kinds_decided_at=events.decided_at("student"),
    )
    told = SearchSummary(contenders=(student,), visits=events.visits).describe()
    assert "evenly for 40 steps of the search, then by probability" in told
    assert "in the pre-training, 100 % being even: conv 100 %" in told
    assert "in the search, 100 % being even: conv 50 %" in told
