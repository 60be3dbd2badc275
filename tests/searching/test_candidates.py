"""Draws from what a search ended with: by probability, each at the budget, all different."""

from __future__ import annotations

import torch
from small_spaces import (
    PRICING,
    Logits,
    ends_ms,
    estimate_ms,
    make_space,
    make_student,
)

from fasterseg.searching.candidates import fitted_candidates, gumbel
from fasterseg.searching.derivation import derive_within
from fasterseg.searching.landing import AIM_HIGH, AIM_LOW
from fasterseg.searching.summary import ContenderSummary, SearchSummary
from fasterseg.space.architecture import Architecture
from fasterseg.space.options import Options
from fasterseg.supernet.relaxation import Relaxation

OPTIONS = Options.of(make_space(4), make_student())
LOWEST, HIGHEST = ends_ms(OPTIONS)
HALFWAY = (LOWEST + HIGHEST) / 2


def probabilities(scale: float = 1.0) -> Relaxation:
    """What a search might end with."""
    with torch.no_grad():
        return Logits.random(OPTIONS, 1, scale=scale).relaxation()


def fitted(probabilities: Relaxation, *, budget_ms: float = HALFWAY) -> Architecture:
    """The network that is derived for a budget."""
    low, high = AIM_LOW * budget_ms, AIM_HIGH * budget_ms
    return derive_within(OPTIONS, probabilities, PRICING, lowest_ms=low, highest_ms=high)


def candidates(
    count: int = 8,
    *,
    seed: int = 0,
    name: str = "student",
    wanted: Relaxation | None = None,
    estimate_ms: float = HALFWAY,
) -> tuple[Architecture, ...]:
    wanted = wanted or probabilities()
    return fitted_candidates(
        OPTIONS,
        wanted,
        PRICING,
        first=fitted(wanted, budget_ms=estimate_ms),
        estimate_ms=estimate_ms,
        count=count,
        seed=seed,
        name=name,
    )


def test_the_most_probable_option_of_a_sample_is_taken_by_its_probability() -> None:
    row = torch.tensor([0.1, 0.2, 0.7, 0.0])
    many = Relaxation({f"widths.{index}": row for index in range(4000)})
    found = gumbel(many, torch.Generator().manual_seed(0)).values()
    counts = torch.bincount(torch.stack([*found]).argmax(1), minlength=4) / 4000
    torch.testing.assert_close(counts, row, atol=0.03, rtol=0)
    assert all(torch.isclose(one.sum(), torch.tensor(1.0)) for one in found)


def test_the_first_is_the_paper_s_and_all_are_different_and_at_the_budget() -> None:
    found = candidates()
    assert found[0] == fitted(probabilities())
    assert len(set(found)) == len(found) == 8
    for one in found:
        assert AIM_LOW * HALFWAY <= estimate_ms(one) <= AIM_HIGH * HALFWAY


def test_candidates_are_a_function_of_the_seed_and_the_student_and_more_only_add_to_them() -> None:
    def digests(*, count: int = 8, seed: int = 0, name: str = "student") -> list[str]:
        return [one.digest() for one in candidates(count, seed=seed, name=name)]

    whole = digests()
    assert digests() == whole
    assert digests(count=3) == whole[:3]
    assert digests(seed=1, count=3)[1:] != whole[1:3]
    assert digests(name="other", count=3)[1:] != whole[1:3]


def test_where_all_is_decided_there_is_one() -> None:
    sure = probabilities(scale=1000.0)
    assert len(candidates(4, wanted=sure, estimate_ms=2 * HIGHEST)) == 1


def test_candidates_that_do_not_fit_are_left_out() -> None:
    first = fitted(probabilities())
    found = fitted_candidates(
        OPTIONS,
        probabilities(),
        PRICING,
        first=first,
        estimate_ms=0.5 * LOWEST,
        count=2,
        seed=0,
        name="student",
    )
    assert found == (first,)


def test_the_summary_says_among_what_was_chosen() -> None:
    def told(*scores: float, chosen: int | None = None) -> str:
        found = ContenderSummary(
            name="student",
            role="student",
            derived_ms=1.0,
            estimated_ms=2.0,
            draw_mious=scores,
            chosen_draw=chosen,
        )
        return SearchSummary(contenders=(found,)).describe()

    assert "the best of 3 candidates" in told(0.2, 0.31, 0.1)
    assert "the best of 3 candidates" in told(0.2, 0.31, 0.1, chosen=1)
    assert (
        "the best that fits the budget of 3 candidates: its subnet has a mean IoU of 20.00 %"
        in told(0.2, 0.31, 0.1, chosen=0)
    )
    assert "31.00 %" in told(0.2, 0.31, 0.1)
    assert "candidates" not in told(0.2)
    assert "candidates" not in told()
