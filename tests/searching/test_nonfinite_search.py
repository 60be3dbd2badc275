"""Whatever in a search is no number any more, and at whichever step: none of it is ever saved."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from small_searches import SmallSearch, random_batch, small_search

from fasterseg.datasets.batches.loading import Batch
from fasterseg.errors import Diverged
from fasterseg.learning.stepping import StageState, run_steps
from fasterseg.searching.steps.contenders import all_parameters

STEPS = 6
NO_NUMBERS = (float("nan"), float("inf"), float("-inf"))
LOGITS = ("operator_logits", "path_logits", "width_logits")
INJECTED = ("weights", "architecture", "gradient", "supernet", *LOGITS)
ONE_OF_EACH = ("weights", "supernet", "operator_logits")
"""A batch, a weight and a logit; the others are put there in the slow form."""


@dataclass
class Poisoned:
    """A search in whose step `at` a value is put that is no number."""

    search: SmallSearch
    what: str
    at: int
    value: float

    def step(self, index: int) -> dict[str, Any]:
        if index == self.at and self.what in LOGITS:
            update = self.search.cosearch.optimizer.register_step_post_hook(
                lambda *_: self._poison()
            )
            try:
                return dict(self.search.cosearch.step(index))
            finally:
                update.remove()
        event = dict(self.search.cosearch.step(index))
        if index == self.at:
            self._poison()
        return event

    def state(self) -> StageState:
        return self.search.cosearch.state()

    def restore(self, state: StageState) -> None:
        self.search.cosearch.restore(state)

    @torch.no_grad()
    def _poison(self) -> None:
        parameters = all_parameters(self.search.contenders)
        if self.what == "supernet":
            next(self.search.weights.supernet.parameters()).fill_(self.value)
        elif self.what == "gradient":
            parameter = next(iter(parameters.values()))
            parameter.register_hook(lambda gradient: gradient * self.value)
        else:
            for name, parameter in parameters.items():
                if self.what in name:
                    parameter.view(-1)[0] = self.value


def poisoned_batches(what: str, at: int, value: float) -> Callable[[int], Batch]:
    def batch(step: int) -> Batch:
        found = random_batch(what, step)
        return replace(found, images=found.images * (value if step == at else 1.0))

    return batch


def check(what: str, dice: random.Random, folder: Path) -> None:
    at, value = dice.randrange(STEPS), dice.choice(NO_NUMBERS)
    batches: dict[str, Any] = {}
    if what in ("weights", "architecture"):
        batches = {f"{'weight' if what == 'weights' else what}_batch": None}
        batches = dict.fromkeys(batches, poisoned_batches(what, at, value))
    stage: Any = small_search(steps=STEPS, **batches).cosearch
    if not batches:
        stage = Poisoned(small_search(steps=STEPS), what, min(at, STEPS - 2), value)
    with pytest.raises(Diverged, match="not finite") as caught:
        run_steps(stage, folder, steps=STEPS, checkpoint_every=2)
    assert "search, step " in caught.value.where or what == "supernet"
    if batches:
        assert f"{what}-{at}-" in caught.value.where, "the images are named"
    for path in folder.rglob("*.safetensors"):
        for name, tensor in load_file(path).items():
            assert bool(torch.isfinite(tensor).all()), f"{path}: {name}"
    course = run_steps(small_search(steps=STEPS).cosearch, folder, steps=STEPS, checkpoint_every=2)
    assert [event["step"] for event in course.events()] == list(range(1, STEPS + 1))


@pytest.mark.parametrize("what", ONE_OF_EACH)
def test_nonfinite_never_saved_and_the_search_resumes_from_before(
    what: str, tmp_path: Path
) -> None:
    check(what, random.Random(what), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("what", INJECTED)
def test_nonfinite_never_saved_at_any_step_of_a_search(what: str, tmp_path: Path) -> None:
    for seed in range(12):
        check(what, random.Random(f"{what} {seed}"), tmp_path / str(seed))
