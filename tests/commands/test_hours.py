"""Hours as options: whose they are, and until when they may be given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_clocks import FakeClock

from fasterseg.commands.train import with_hours
from fasterseg.config import Recipe, SearchSettings
from fasterseg.config.recipe import TRAINING_HOURS
from fasterseg.console.options import Common
from fasterseg.errors import UsageError
from fasterseg.pipeline.opening import open_run
from fasterseg.pipeline.search_hours import counted_search, shared_out
from fasterseg.pipeline.training import split_names
from fasterseg.runs import RunFolder

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("names", "changes"),
    [
        ((), ("student.hours=0.5", "teacher.hours=0.5")),
        (("teacher",), ("teacher.hours=0.5",)),
        (("student", "baseline:fast-scnn"), ("student.hours=0.5",)),
        (("baseline:fast-scnn",), ("student.hours=0.5",)),
        (("random:student:1",), ("student.hours=0.5",)),
    ],
)
def test_hours_are_those_of_the_roles_that_are_trained(
    names: tuple[str, ...], changes: tuple[str, ...], tmp_path: Path
) -> None:
    assert with_hours(Common(run=tmp_path), 0.5, split_names(names)).set == changes
    assert with_hours(Common(run=tmp_path), None, split_names(names)).set == ()


def begin(run: RunFolder, contender: str) -> None:
    (run.training(contender) / "checkpoints" / "step-000000001").mkdir(parents=True)


def test_hours_may_be_given_until_their_training_began(tmp_path: Path) -> None:
    _, run, _ = open_run(Common(run=tmp_path))
    begin(run, "teacher")
    recipe, _, _ = open_run(Common(run=tmp_path, set=("student.hours=0.5",)))
    assert (recipe.student.hours, recipe.teacher.hours) == (0.5, TRAINING_HOURS)
    assert Recipe.load(run.recipe) == recipe
    with pytest.raises(UsageError, match="recipe") as caught:
        open_run(Common(run=tmp_path, set=("teacher.hours=0.5",)))
    assert caught.value.why.startswith("teacher.hours: 2.0 -> 0.5 (used by training/teacher/")
    begin(run, "fast-scnn")
    with pytest.raises(UsageError, match="recipe"):
        open_run(Common(run=tmp_path, set=("student.hours=0.25",)))
    assert open_run(Common(run=tmp_path))[0] == recipe


def test_hours_of_a_search_may_be_given_until_it_began(tmp_path: Path) -> None:
    _, run, _ = open_run(Common(run=tmp_path))
    open_run(Common(run=tmp_path, set=("search.hours=2",)))
    (run.search / "pretraining" / "checkpoints" / "step-000000001").mkdir(parents=True)
    with pytest.raises(UsageError, match="recipe"):
        open_run(Common(run=tmp_path, set=("search.hours=3",)))


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

    recipe: Recipe
    run: RunFolder
    clock: FakeClock
    device: torch.device = CPU
    made: list[SearchSettings] = field(default_factory=list)

    def again(self, settings: SearchSettings) -> FakeSearch:
        self.made.append(settings)
        changed = self.recipe.model_copy(update={"search": settings})
        return FakeSearch(changed, self.run, self.clock)

    def pretraining(self) -> FakeStage:
        return FakeStage(self.clock, 1.0)

    def cosearch(self, *, warn: Callable[[str], object]) -> FakeStage:
        looks = self.recipe.search.control_every == 1
        return FakeStage(self.clock, 6.0 if looks else 4.0)


def search_of(folder: Path, **changes: Any) -> FakeSearch:
    known = {"pretrain_steps": 200, "steps": 100, "control_every": 10, "hours": 1.0}
    settings = SearchSettings.model_validate({**known, **changes})
    return FakeSearch(Recipe(search=settings), RunFolder(folder), FakeClock())


def counted(search: FakeSearch) -> SearchSettings:
    return counted_search(search, clock=search.clock).recipe.search  # type: ignore[arg-type]


def test_a_search_s_hours_are_shared_as_its_steps_are(tmp_path: Path) -> None:
    found = counted(search_of(tmp_path))
    # Timed are 2 + 10 s of pre-training (8 s + 12 s of search, 12 s + 18 s with looks).
    seconds = 3600 - (12 + 20 + 30)
    total = found.pretrain_steps + found.steps
    assert found.pretrain_steps == round(total * 2 / 3)
    cost = found.pretrain_steps + 4 * found.steps + 2 * -(-found.steps // 10)
    assert seconds - 6 <= cost <= seconds


def test_what_a_search_s_hours_came_to_is_kept(tmp_path: Path) -> None:
    first = counted(search_of(tmp_path))
    other = search_of(tmp_path)
    other.clock.now = 10.0**6
    again = counted(other)
    assert again == first
    assert len(other.made) == 1, "it was timed again"


def test_a_search_without_hours_is_left_alone(tmp_path: Path) -> None:
    search = search_of(tmp_path, hours=None)
    assert counted_search(search) is search  # type: ignore[arg-type, comparison-overlap]


def test_hours_for_no_steps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no steps"):
        counted(search_of(tmp_path, pretrain_steps=0, steps=0))


def test_no_steps_of_one_kind_stay_none(tmp_path: Path) -> None:
    assert shared_out(SearchSettings(pretrain_steps=0, steps=5), 17) == {
        "pretraining": 0,
        "search": 17,
    }
