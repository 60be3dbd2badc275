"""Hours of a search: counted once by a short timing, then numbers of steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_clocks import FakeClock

from fasterseg.config import SearchSettings
from fasterseg.errors import UsageError
from fasterseg.searching.hours import SearchStages, counted, shared_out

CPU = torch.device("cpu")


@dataclass
class FakeStage:
    """A stage whose steps take so many seconds of a clock."""

    clock: FakeClock
    seconds: float

    def step(self, index: int) -> Mapping[str, Any]:
        self.clock.now += self.seconds
        return {}


@dataclass
class FakeSearch:
    """A search: a pre-training step takes 1 s, a search step 4 s, a look at the budgets 2 s."""

    settings: SearchSettings
    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    made: list[SearchSettings] = field(default_factory=list)

    def pretraining(self, settings: SearchSettings) -> Any:
        self.made.append(settings)
        return FakeStage(self.clock, 1.0)

    def cosearch(self, settings: SearchSettings) -> Any:
        self.made.append(settings)
        return FakeStage(self.clock, 6.0 if settings.control_every == 1 else 4.0)

    def counted(self) -> SearchSettings:
        stages = SearchStages(self.pretraining, self.cosearch)
        path = self.folder / "allowance.json"
        return counted(self.settings, stages, path, device=CPU, clock=self.clock)


def search_of(folder: Path, **changes: Any) -> FakeSearch:
    known = {"pretrain_steps": 200, "steps": 100, "control_every": 10, "hours": 1.0}
    return FakeSearch(SearchSettings.model_validate({**known, **changes}), folder)


def test_a_search_s_hours_are_shared_as_its_steps_are(tmp_path: Path) -> None:
    found = search_of(tmp_path).counted()
    # Timed are 2 + 10 s of pre-training (8 s + 12 s of search, 12 s + 18 s with looks).
    seconds = 3600 - (12 + 20 + 30)
    total = found.pretrain_steps + found.steps
    assert found.pretrain_steps == round(total * 2 / 3)
    cost = found.pretrain_steps + 4 * found.steps + 2 * -(-found.steps // 10)
    assert seconds - 6 <= cost <= seconds


def test_what_a_search_s_hours_came_to_is_kept(tmp_path: Path) -> None:
    first = search_of(tmp_path).counted()
    other = search_of(tmp_path)
    other.clock.now = 10.0**6
    again = other.counted()
    assert again == first
    assert other.made == [], "it was timed again"


def test_a_search_without_hours_is_left_alone(tmp_path: Path) -> None:
    search = search_of(tmp_path, hours=None)
    assert search.counted() is search.settings


def test_hours_for_no_steps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no steps"):
        search_of(tmp_path, pretrain_steps=0, steps=0).counted()


def test_no_steps_of_one_kind_stay_none(tmp_path: Path) -> None:
    assert shared_out(SearchSettings(pretrain_steps=0, steps=5), 17) == {
        "pretraining": 0,
        "search": 17,
    }
