"""The one working size of a recipe: how it is written, what it goes with, what no network takes."""

from __future__ import annotations

import pytest

from fasterseg.config import Recipe, build_recipe
from fasterseg.config.uses import Use, uses_of
from fasterseg.console.options import Common
from fasterseg.errors import UsageError
from fasterseg.pipeline.settings.recipes import resolve_recipe
from fasterseg.space.blocks import Size


@pytest.mark.parametrize("written", ["[360, 640]", "360x640", "360X640", '"360x640"'])
def test_a_size_is_height_and_width_however_it_is_written(written: str) -> None:
    recipe = build_recipe(overrides=(f"data.size={written}",))
    assert recipe.data.size == Size(360, 640)
    assert recipe.content()["data"]["size"] == [360, 640]
    assert Recipe.model_validate(recipe.content()) == recipe


def test_without_one_images_keep_their_own() -> None:
    assert build_recipe().data.size is None


@pytest.mark.parametrize(
    "written",
    ["[31, 640]", "360", "[360]", "[1, 2, 3]", "0x5", "big", "[360.5, 640]", "[9999, 9999]"],
)
def test_what_no_network_takes_is_refused_in_four_parts(written: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_recipe(overrides=(f"data.size={written}",))
    error = caught.value
    assert "data.size" in error.what
    assert error.where == f"--set data.size={written}"
    assert error.why
    assert error.next_step


@pytest.mark.parametrize("size", ["5x5", "31x640", "99999x99999", "360", "9000x9000", (16, 64)])
def test_an_option_that_no_network_takes_is_refused_before_anything_is_opened(
    size: str | tuple[int, int],
) -> None:
    with pytest.raises(UsageError) as caught:
        Common().with_size(size)
    assert caught.value.next_step


def test_what_is_timed_is_what_is_trained_on() -> None:
    both = ("data.size=360x640", "target.height=720", "target.width=1280")
    with pytest.raises(UsageError, match="360x640") as caught:
        build_recipe(overrides=both)
    assert "720x1280" in caught.value.why
    assert "leave target.height and target.width out" in caught.value.why
    same = ("data.size=360x640", "target.height=360", "target.width=640")
    assert build_recipe(overrides=same).target.size == (360, 640)


def test_the_option_goes_over_data_and_target_of_a_recipe() -> None:
    kept = build_recipe(overrides=("target.height=720", "target.width=1280"))
    for size in ("360x640", (360, 640)):
        found = resolve_recipe(Common().with_size(size), kept)
        assert found.data.size == found.target.size == (360, 640)
    assert Common().with_size("") == Common()


def test_an_option_beside_the_key_that_it_sets_is_refused() -> None:
    with pytest.raises(UsageError, match="twice"):
        resolve_recipe(Common(set=("data.size=90x90",)).with_size("360x640"))


def test_a_size_may_change_until_something_has_learnt_at_it() -> None:
    assert uses_of("data.size") == (Use.SUPERNET, Use.TEACHER, Use.STUDENT)
