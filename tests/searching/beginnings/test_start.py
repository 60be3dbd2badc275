"""What a search began with stays, whatever a newer version would do."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasterseg.artifacts import read_json
from fasterseg.config import ContenderSettings, SearchSettings, SearchSpace
from fasterseg.config.uses import Use
from fasterseg.errors import UsageError
from fasterseg.searching.beginnings.start import SearchStart


def start() -> SearchStart:
    """A start of five images, divided as no version does."""
    return SearchStart(
        space=SearchSpace(),
        contenders=(),
        settings=SearchSettings(),
        seed=0,
        device="cpu",
        threads=1,
        data="camvid",
        data_digest="",
        table_digest="",
        weight_images=("b", "e"),
        architecture_images=("a", "c", "d"),
        budgets_ms={},
        fastest_ms={},
        slowest_ms={},
    )


def test_a_search_keeps_the_halves_that_it_began_with() -> None:
    assert start().halves_of(["a", "b", "c", "d", "e"]) == ((1, 4), (0, 2, 3))


def test_halves_of_other_images_are_no_halves() -> None:
    assert start().halves_of(["a", "b", "c", "d"]) is None
    assert start().halves_of(["a", "b", "c", "d", "e", "f"]) is None


def test_a_start_of_before_went_by_probability_and_straight_through(tmp_path: Path) -> None:
    path = tmp_path / "start.json"
    start().save(path)
    stored = read_json(path)["content"]
    assert SearchStart.model_validate(stored) == start()
    del stored["settings"]["exact_widths"]
    del stored["settings"]["sampling"]["weight_kinds"]
    before = SearchStart.model_validate(stored)
    assert before.settings.sampling.weight_kinds == "probable"
    assert before.settings.exact_widths == "straight-through"
    before.save(path)
    with pytest.raises(UsageError, match="weight_kinds"):
        start().agree(path, made={Use.SUPERNET})


def test_a_plan_agrees_with_one_whose_contenders_could_take_more_than_the_space_has() -> None:
    space, some = SearchSpace(operators=("conv",)), {"name": "student", "role": "student"}
    before, now, other = (
        start().model_copy(
            update={
                "space": space,
                "contenders": (ContenderSettings.model_validate({**some, "operators": operators}),),
            }
        )
        for operators in (("conv", "skip"), ("conv",), ("skip",))
    )
    assert now.agrees(before)
    assert not other.agrees(before)


def test_a_table_measured_anew_keeps_what_pretraining_taught(tmp_path: Path) -> None:
    path = tmp_path / "start.json"
    start().save(path)
    changed = {"table_digest": "sha256:another", "fastest_ms": {"student": 1.0}}
    anew = start().model_copy(update=changed)
    assert anew.agree(path, made={Use.SUPERNET}) == anew == SearchStart.load(path)
    with pytest.raises(UsageError, match="table_digest"):
        start().agree(path, made={Use.SUPERNET, Use.SEARCH})
