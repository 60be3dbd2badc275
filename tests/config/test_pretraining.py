"""Pre-training has batches and a rate of its own; what it does not name is the search's."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasterseg.config import AugmentationSettings, Recipe, SearchSettings, build_recipe
from fasterseg.errors import UsageError

OWN = (
    "search.batch_size=2",
    "search.augmentation.scales=[0.75, 1, 1.25]",
    "search.augmentation.colour=0",
    "search.pretraining.batch_size=3",
    "search.pretraining.augmentation.crop_height=256",
)


def test_what_pretraining_does_not_name_is_the_search_s() -> None:
    plain = SearchSettings()
    first = plain.pretraining
    assert (first.batch_size, first.lr) == (plain.batch_size, plain.lr)
    assert first.augmentation == plain.augmentation
    recipe = build_recipe(overrides=OWN)
    before, search = recipe.search.pretraining, recipe.search
    assert (before.batch_size, search.batch_size) == (3, 2)
    assert before.augmentation == search.augmentation.model_copy(update={"crop_height": 256})
    assert SearchSettings(batch_size=7).pretraining.batch_size == 7
    crop = AugmentationSettings(crop_height=64, crop_width=64)
    assert SearchSettings(augmentation=crop).pretraining.augmentation == crop


def test_what_all_roles_share_reaches_pretraining_through_the_search() -> None:
    shared = build_recipe(overrides=("training.lr=0.1", "training.augmentation.scales=[1]"))
    assert shared.search.pretraining.lr == 0.1
    assert shared.search.pretraining.augmentation.scales == (1.0,)


def test_a_recipe_keeps_what_pretraining_says_itself() -> None:
    recipe = build_recipe(overrides=OWN)
    stored = recipe.content()["search"]["pretraining"]
    assert stored["batch_size"] == 3
    assert "lr" not in stored
    assert stored["augmentation"] == {"crop_height": 256}
    assert build_recipe(base=recipe.content()) == recipe == Recipe.model_validate(recipe.content())
    later = build_recipe(base=recipe.content(), overrides=("search.lr=0.5",))
    assert later.search.pretraining.lr == 0.5


def test_a_recipe_of_before_pre_trains_as_it_searches() -> None:
    stored = build_recipe(overrides=("search.batch_size=2", "search.lr=0.3")).content()
    for key in ("pretraining", "schedule", "epoch_decay", "steps_per_epoch", "image_scale"):
        del stored["search"][key]
    del stored["data"]["normalize"], stored["search"]["label_stride"]
    for section in ("search", "training", "teacher", "student"):
        stored[section].get("augmentation", {}).pop("scales", None)
    before = Recipe.model_validate(stored).search
    assert (before.pretraining.batch_size, before.pretraining.lr) == (2, 0.3)
    assert (before.schedule, before.pretraining.schedule) == ("poly", "constant")


def test_scales_take_the_place_of_bounds_and_bounds_that_of_scales(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(
        "training: {augmentation: {scale_low: 0.9, scale_high: 1.5}}\n"
        "search: {augmentation: {scales: [0.75, 1]}, pretraining: {augmentation: {scale_low: 0.7}}}"
    )
    recipe = build_recipe(file)
    search = recipe.search
    assert (search.augmentation.scales, search.augmentation.scale_low) == ((0.75, 1.0), 0.5)
    assert search.pretraining.augmentation.scales == ()
    assert search.pretraining.augmentation.scale_low == 0.7
    assert recipe.student.augmentation.scale_high == 1.5
    assert build_recipe(base=recipe.content()) == recipe


def test_the_steps_of_pretraining_are_named_where_they_are_looked_for() -> None:
    with pytest.raises(UsageError) as caught:
        build_recipe(overrides=("search.pretraining.steps=5",))
    assert caught.value.next_step == "write it as search.pretrain_steps"


@pytest.mark.parametrize(
    "place", ["augmentation.crop_height", "pretraining.augmentation.crop_width"]
)
def test_a_crop_of_no_whole_label_strides_is_refused(place: str) -> None:
    key = f"search.{place}=100"
    with pytest.raises(UsageError, match="'search' is wrong") as caught:
        build_recipe(overrides=("search.label_stride=8", key))
    assert f"{place} is 100" in caught.value.why
    build_recipe(overrides=("search.label_stride=4", key))


def test_parts_are_as_many_as_pretraining_has_images_at_most() -> None:
    own = ("search.batch_size=8", "search.pretraining.batch_size=2")
    with pytest.raises(UsageError, match="'search' is wrong") as caught:
        build_recipe(overrides=(*own, "search.accumulate=4"))
    assert "2 images, pretraining's," in caught.value.why
    build_recipe(overrides=(*own, "search.accumulate=2"))
