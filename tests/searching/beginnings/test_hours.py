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
from fasterseg.learning.allowance import Allowance
from fasterseg.searching.beginnings.hours import SearchStages, shared_out, with_step_count
from fasterseg.searching.landing.scores import FINAL_TIMES
from fasterseg.searching.selecting.effort import MOST_CANDIDATES, effort

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
        return with_step_count(self.settings, stages, path, device=CPU, clock=self.clock)


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


def selecting(search: FakeSearch, *, candidate_seconds: float, students: int = 1) -> SearchSettings:
    """What the hours come to where scoring a candidate takes so long."""

    def candidate() -> Any:
        return FakeStage(search.clock, candidate_seconds).step

    stages = SearchStages(search.pretraining, search.cosearch, candidate, students)
    path = search.folder / "allowance.json"
    return with_step_count(search.settings, stages, path, device=CPU, clock=search.clock)


def test_a_tenth_of_the_hours_is_the_selection_s(tmp_path: Path) -> None:
    without = search_of(tmp_path / "without").counted()
    found = selecting(search_of(tmp_path / "with"), candidate_seconds=1.0)
    count = found.selection.count
    assert effort(found.selection) == 360
    assert count == 360 - FINAL_TIMES * (8 + 2)
    left = (found.pretrain_steps + found.steps) / (without.pretrain_steps + without.steps)
    assert left == pytest.approx(0.9, abs=0.01)


def test_several_students_share_that_tenth(tmp_path: Path) -> None:
    one = selecting(search_of(tmp_path / "one"), candidate_seconds=1.0)
    two = selecting(search_of(tmp_path / "two"), candidate_seconds=1.0, students=2)
    assert 2 * effort(two.selection) == effort(one.selection)
    assert abs(two.pretrain_steps - one.pretrain_steps) <= 2


def test_there_are_so_many_candidates_at_most_and_too_few_are_none(tmp_path: Path) -> None:
    quick = selecting(search_of(tmp_path / "quick"), candidate_seconds=0.01)
    assert quick.selection.count == MOST_CANDIDATES
    slow = selecting(search_of(tmp_path / "slow"), candidate_seconds=8.0)
    assert slow.selection.count == 1
    assert effort(slow.selection) == 0


def test_a_number_of_candidates_of_one_s_own_stays_and_its_time_is_taken_off_the_hours(
    tmp_path: Path,
) -> None:
    search = search_of(tmp_path, selection={"candidates": 1000})
    found = selecting(search, candidate_seconds=1.0)
    assert found.selection.count == 1000
    without = search_of(tmp_path / "without").counted()
    left = (found.pretrain_steps + found.steps) / (without.pretrain_steps + without.steps)
    assert left == pytest.approx(1 - 1040 / 3538, abs=0.01)


def test_a_number_that_is_asked_for_after_the_hours_were_counted_is_taken(tmp_path: Path) -> None:
    first = selecting(search_of(tmp_path), candidate_seconds=1.0)
    later = selecting(search_of(tmp_path, selection={"candidates": 9}), candidate_seconds=1.0)
    assert first.selection.count != later.selection.count == 9
    assert (later.pretrain_steps, later.steps) == (first.pretrain_steps, first.steps)


def test_what_the_hours_came_to_before_there_were_candidates_is_read(tmp_path: Path) -> None:
    steps = {"pretraining": 20, "search": 10}
    allowance = Allowance(hours=1.0, steps=steps, expected_seconds=1.0, timing_seconds=1.0)
    allowance.save(tmp_path / "allowance.json")
    found = selecting(search_of(tmp_path), candidate_seconds=1.0)
    assert (found.pretrain_steps, found.steps) == (20, 10)
    assert found.selection.count == 64
