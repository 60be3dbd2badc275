"""How batches are cut up is said in the recipe, and refused where it cannot be."""

from __future__ import annotations

import pytest

from fasterseg.config import SearchSettings, TrainingSettings, build_recipe
from fasterseg.errors import UsageError


@pytest.mark.parametrize(
    ("wanted", "batch", "parts", "ranks", "synchronised"),
    [
        ("auto", 8, 1, 1, False),
        ("auto", 8, 1, 2, False),
        ("auto", 7, 1, 2, True),
        ("auto", 8, 2, 2, True),
        ("auto", 12, 1, 4, True),
        (True, 64, 1, 2, True),
        (True, 64, 1, 1, False),
        (False, 2, 1, 2, False),
    ],
)
def test_norms_are_synchronised_where_a_process_shows_them_few_images(
    wanted: object, batch: int, parts: int, ranks: int, synchronised: bool
) -> None:
    given = {"batch_size": batch, "accumulate": parts, "synchronise_norms": wanted}
    for settings in (TrainingSettings, SearchSettings):
        assert settings.model_validate(given).synchronises(ranks=ranks) is synchronised


@pytest.mark.parametrize("section", ["search", "teacher", "student"])
def test_more_parts_than_images_are_refused(section: str) -> None:
    with pytest.raises(UsageError, match="cannot go through in 9 parts"):
        build_recipe(overrides=(f"{section}.accumulate=9", f"{section}.batch_size=8"))


def test_all_roles_take_what_is_said_of_norms_and_trainings_what_is_said_of_parts() -> None:
    recipe = build_recipe(overrides=("training.synchronise_norms=false", "training.accumulate=4"))
    assert recipe.search.synchronise_norms is recipe.teacher.synchronise_norms is False
    assert (recipe.search.accumulate, recipe.teacher.accumulate) == (1, 4)
