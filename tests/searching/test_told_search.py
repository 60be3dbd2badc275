"""A search tells of its parts, its steps, and what it measured of those it found."""

from __future__ import annotations

from pathlib import Path

from made_up_search import RECIPE, search_in

from fasterseg.callbacks import Measured, RunEvent, StageEnded, StepDone


def test_a_search_tells_of_steps_in_both_parts_and_of_latencies_at_its_end(tmp_path: Path) -> None:
    events: list[RunEvent] = []
    short = RECIPE.search.model_copy(update={"pretrain_steps": 2, "steps": 2})
    recipe = RECIPE.model_copy(update={"search": short})
    found = search_in(tmp_path, recipe=recipe, hear=events.append)
    steps = {one.stage for one in events if isinstance(one, StepDone)}
    assert steps == {"search/pretraining", "search/cosearch"}
    ended = {one.stage for one in events if isinstance(one, StageEnded)}
    assert {"search/landing", "search/cosearch"} <= ended
    measured = {one.name: one for one in events if isinstance(one, Measured)}
    assert set(measured) == {one.name for one in found.contenders}
    for one in found.contenders:
        told = measured[one.name]
        assert (told.what, told.median_ms) == ("found", one.measured_ms)
        assert (told.budget_ms, told.predicted_ms) == (one.budget_ms, one.estimated_ms)
