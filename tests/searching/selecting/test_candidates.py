"""Candidates: by probability and evenly, each at the budget, all different."""

from __future__ import annotations

from itertools import islice

import torch
from small_spaces import (
    PRICING,
    Logits,
    ends_ms,
    estimate_ms,
    make_space,
    make_student,
)

from fasterseg.searching.landing.breeding import Window
from fasterseg.searching.selecting.candidates import Candidate, Source, gumbel
from fasterseg.space.assignment import architecture_of
from fasterseg.space.options import Options
from fasterseg.supernet.relaxation import Relaxation

OPTIONS = Options.of(make_space(4), make_student())
LOWEST, HIGHEST = ends_ms(OPTIONS)
WINDOW = Window.of((LOWEST + HIGHEST) / 2, 1.0)


def source(*, seed: int = 0, name: str = "student", scale: float = 1.0) -> Source:
    """What a search might end with."""
    with torch.no_grad():
        probabilities = Logits.random(OPTIONS, 1, scale=scale).relaxation()
    return Source(name, seed, OPTIONS, probabilities, PRICING)


def probable(count: int = 8, **changes: int | str) -> list[Candidate]:
    return [*islice(source(**changes).probable(WINDOW, count), count)]  # type: ignore[arg-type]


def even(count: int = 8, **changes: int | str) -> list[Candidate]:
    return [*islice(source(**changes).even(WINDOW, count), count)]  # type: ignore[arg-type]


def test_the_most_probable_option_of_a_sample_is_taken_by_its_probability() -> None:
    row = torch.tensor([0.1, 0.2, 0.7, 0.0])
    many = Relaxation({f"widths.{index}": row for index in range(4000)})
    found = gumbel(many, torch.Generator().manual_seed(0)).values()
    counts = torch.bincount(torch.stack([*found]).argmax(1), minlength=4) / 4000
    torch.testing.assert_close(counts, row, atol=0.03, rtol=0)
    assert all(torch.isclose(one.sum(), torch.tensor(1.0)) for one in found)


def test_all_are_different_and_at_the_budget_and_what_their_assignments_are() -> None:
    for found in (probable(), even()):
        assert len({one.architecture for one in found}) == len(found) == 8
        for one in found:
            assert WINDOW.low_ms <= estimate_ms(one.architecture) <= WINDOW.high_ms
            assert architecture_of(OPTIONS.lattice, one.assignment) == one.architecture


def test_candidates_are_a_function_of_the_seed_and_the_student_and_more_only_add_to_them() -> None:
    for found in (probable, even):
        whole = found()
        assert found() == whole
        assert found(3) == whole[:3]
        assert found(3, seed=1) != whole[:3]
        assert found(3, name="other") != whole[:3]


def test_where_all_is_decided_there_is_one_probable_network() -> None:
    beyond = Window.of(2 * HIGHEST, 1.0)
    assert len([*source(scale=1000.0).probable(beyond, 4)]) == 1


def test_where_nothing_fits_there_is_none() -> None:
    below = Window.of(0.5 * LOWEST, 1.0)
    assert [*source().probable(below, 2)] == []
    assert [*source().even(below, 2)] == []
