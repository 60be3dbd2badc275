"""A run about to be done in a small space, on a folder of small pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from own_data import own_data

from fasterseg.config import build_recipe
from fasterseg.pipeline.opening import open_settled
from fasterseg.pipeline.preflight.ahead import ALL_CONTENDERS, Ahead, Trained
from fasterseg.pipeline.trainings.trainees import SplitNames
from fasterseg.runs import RunFolder

TINY = Path(__file__).parents[2] / "pipeline" / "tiny.yaml"
MakeAhead = Callable[..., Ahead]


@pytest.fixture
def make_ahead(tmp_path: Path) -> MakeAhead:
    """What is ahead of a run on three pictures a split; words change the recipe."""

    def make(*changes: str, data: Path | None = None, names: SplitNames = ALL_CONTENDERS) -> Ahead:
        folder = data or own_data(tmp_path / "data", dict.fromkeys(("train", "val", "test"), 3))
        recipe = build_recipe(TINY, overrides=(f"data.source='{folder}'", *changes))
        recipe, source = open_settled(recipe)
        trained = Trained(names)
        return Ahead.of(recipe, RunFolder(tmp_path / "run"), source, device="cpu", trained=trained)

    return make
