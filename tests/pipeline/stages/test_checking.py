"""What check-data looks at is what a run would: of the built-in scenes too."""

from __future__ import annotations

import fasterseg
from fasterseg import Recipe

STREET = {"height": 32, "width": 64, "train": 3, "val": 2, "test": 1, "light": "daylight"}
RECIPE = Recipe.model_validate({"data": {"source": "street", "street": STREET}})


def test_the_scenes_are_those_of_the_recipe() -> None:
    report = fasterseg.check_data(recipe=RECIPE)
    assert {split: one.images for split, one in report.splits.items()} == {
        "train": 3,
        "val": 2,
        "test": 1,
    }
    assert {size for one in report.splits.values() for size in one.sizes} == {"32x64"}
    assert "daylight" in report.describe()


def test_so_they_are_where_the_scenes_are_named_beside_it() -> None:
    assert fasterseg.check_data("street", recipe=RECIPE) == fasterseg.check_data(recipe=RECIPE)
