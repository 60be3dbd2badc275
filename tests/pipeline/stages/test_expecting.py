"""What the stages of a run are expected to take."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasterseg.config import build_recipe
from fasterseg.pipeline.stages.expecting import expected
from fasterseg.runs import RunFolder
from fasterseg.verbs import STAGES


def test_hours_of_the_recipe_are_the_seconds_of_search_and_training(tmp_path: Path) -> None:
    recipe = build_recipe(None, overrides=("search.hours=2", "training.hours=1"))
    found = expected(recipe, RunFolder(tmp_path), STAGES)
    assert [*found] == [*STAGES]
    assert found["search"].seconds == 2 * 3600
    assert found["train"].seconds == len(recipe.contenders) * 3600
    assert sum(found["train"].steps) == pytest.approx(1.0)
    assert 0 < found["profile"].seconds < found["search"].seconds


def test_steps_alone_give_the_usual_shares(tmp_path: Path) -> None:
    recipe = build_recipe(None, overrides=("search.steps=100", "training.steps=50"))
    found = expected(recipe, RunFolder(tmp_path), STAGES[:3])
    assert [*found] == ["check-data", "profile", "search"]
    assert found["search"].seconds > found["profile"].seconds > found["check-data"].seconds


def test_a_forecast_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.forecast.parent.mkdir(parents=True, exist_ok=True)
    folder.forecast.write_text("{}")
    assert expected(build_recipe(None), folder, STAGES)["search"].seconds > 0
