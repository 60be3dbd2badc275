"""What chance leaves of an entropy, and which searches decided more than it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from small_searches import small_search
from torch import Tensor

from fasterseg.config import SearchSettings
from fasterseg.searching.noise_floor import (
    ADAM_BETAS,
    NoiseFloors,
    NoiseWalk,
    architecture_rate,
    matched_rate,
)
from fasterseg.searching.steps.contenders import Contender
from fasterseg.searching.summaries.summary import ChoicesSummary, ContenderSummary, SearchSummary
from fasterseg.searching.summarising import choices_of, margins_of

STEPS, RATE = 120, 0.05


def adam(parameters: list[torch.nn.Parameter], rate: float) -> torch.optim.Adam:
    """The optimiser of architecture parameters."""
    return torch.optim.Adam(parameters, lr=rate, betas=ADAM_BETAS)


def left_by_adam(options: int, *, rate: float, steps: int, rows: int = 1500) -> Tensor:
    """Each row's entropy after torch's own Adam has followed gradients of noise, of any scale."""
    logits = torch.nn.Parameter(1e-3 * torch.randn(rows, options))
    optimizer, scale = adam([logits], rate), 10 ** torch.empty(rows, 1).uniform_(-3, 2)
    for _ in range(steps):
        optimizer.zero_grad()
        (logits.softmax(dim=1) * scale * torch.randn(rows, options)).sum().backward()
        optimizer.step()
    weights = logits.detach().softmax(dim=1)
    return -(weights * weights.log()).sum(dim=1) / math.log(options)


@pytest.mark.parametrize(
    ("options", "rate", "steps"),
    [(5, 0.04, 80), (2, 0.04, 80), (3, 0.1, 100), (10, 0.02, 200), (5, 3e-3, 150)],
)
def test_the_walk_leaves_what_adam_leaves_of_pure_noise(
    options: int, rate: float, steps: int
) -> None:
    found = NoiseWalk(options, rate=rate).after(steps)
    real = left_by_adam(options, rate=rate, steps=steps)
    near = 4 * float(real.std()) * math.sqrt(1 / len(real) + 1 / len(found)) + 1e-5
    assert found.mean() == pytest.approx(float(real.mean()), abs=near)
    assert found.std() == pytest.approx(float(real.std()), rel=0.15)


def test_the_short_searches_that_were_measured_ended_at_the_floor() -> None:
    # Six searches of 80 steps at 0.04 ended at 96.0 % in the mean.
    assert NoiseWalk(5, rate=0.04).after(80).mean() == pytest.approx(0.960, abs=0.004)
    # 300 steps at 3e-3 decide nothing whatever the data say.
    assert NoiseWalk(5, rate=3e-3).after(300).mean() == pytest.approx(0.999, abs=5e-4)


def test_a_rate_that_follows_from_the_steps_leaves_chance_the_same_whatever_their_number() -> None:
    assert matched_rate(800) == pytest.approx(0.02)
    for steps in (150, 800, 2000):
        rows = NoiseWalk(5, rate=matched_rate(steps)).after(steps)
        assert rows.mean() == pytest.approx(0.90, abs=0.01)
    assert matched_rate(1) == matched_rate(0) < 0.1
    assert architecture_rate(SearchSettings(steps=800), 800) == matched_rate(800)
    assert architecture_rate(SearchSettings(architecture_lr=0.3), 800) == 0.3


def test_the_floor_of_several_choices_is_their_mean_and_surer_than_that_of_one() -> None:
    one = NoiseFloors(RATE).after(STEPS, {"widths": [5]})["widths"]
    other = NoiseFloors(RATE).after(STEPS, {"widths": [2]})["widths"]
    both = NoiseFloors(RATE).after(STEPS, {"widths": [5, 2, 1], "paths": [1, 1], "kinds": []})
    assert set(both) == {"widths"}
    assert both["widths"].entropy == pytest.approx((one.entropy + other.entropy) / 2)
    many = NoiseFloors(RATE).after(STEPS, {"widths": [5] * 100})["widths"]
    assert many.entropy == pytest.approx(one.entropy)
    assert one.lowest < many.lowest < many.entropy


def test_chance_is_taken_for_a_decision_in_one_search_of_two_hundred() -> None:
    rows = left_by_adam(2, rate=RATE, steps=STEPS, rows=4000)
    for count in (1, 4, 20):
        lowest = NoiseFloors(RATE).after(STEPS, {"paths": [2] * count})["paths"].lowest
        means = rows[: len(rows) // count * count].reshape(-1, count).mean(dim=1)
        assert float((means < lowest).float().mean()) < 0.02


def test_a_floor_does_not_depend_on_what_was_asked_before() -> None:
    floors = NoiseFloors(RATE)
    along = [floors.after(step, {"paths": [2]})["paths"] for step in (1, 30, STEPS)]
    assert along == [NoiseFloors(RATE).after(s, {"paths": [2]})["paths"] for s in (1, 30, STEPS)]
    assert floors.after(30, {"paths": [2]})["paths"] == along[1]
    with pytest.raises(ValueError, match="at step 120"):
        walk = NoiseWalk(2, rate=RATE)
        walk.after(STEPS)
        walk.after(30)


def followed(contender: Contender, *, drift: float) -> tuple[ChoicesSummary, ...]:
    """What a search comes to whose gradients are noise, and that share of a steady direction."""
    parameters = list(contender.parameters.parameters())
    optimizer = adam(parameters, RATE)
    for _ in range(STEPS):
        optimizer.zero_grad()
        weights = contender.parameters.probabilities()
        rows = [*weights.values()]
        wanted = [torch.randn_like(row) - drift * torch.eye(len(row))[0] for row in rows]
        torch.stack([row @ want for row, want in zip(rows, wanted, strict=True)]).sum().backward()
        optimizer.step()
    return choices_of(contender, NoiseFloors(RATE), steps=STEPS)


def test_a_choice_that_leaves_nothing_to_choose_is_not_called_decided() -> None:
    for contender in small_search(seed=0).contenders:
        closed = replace(
            contender.options,
            choices={name: taken[:1] for name, taken in contender.options.choices.items()},
        )
        assert margins_of(replace(contender, options=closed)) == {}
        assert all(gap < 0.5 for gap in margins_of(contender).values())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_search_on_noise_is_told_that_it_decided_nothing(seed: int) -> None:
    torch.manual_seed(seed)
    for contender in small_search(seed=seed).contenders:
        choices = followed(contender, drift=0.0)
        found = ended(contender.name, choices)
        assert "decided nothing" in found.describe()
        (verdict,) = found.verdicts()
        assert verdict.startswith(f"{contender.name}: the search decided nothing")
        assert "search.hours" in verdict


def test_a_search_that_found_something_is_not() -> None:
    student = small_search().contenders[1]
    choices = followed(student, drift=1.0)
    assert [choice.kind for choice in choices] == ["operators", "paths", "widths"]
    found = ended("student", choices)
    assert found.verdicts() == []
    assert "entropy: operators" in found.describe()
    assert "(noise alone leaves" in found.describe()
    mixed = (choices[0], choices[2].model_copy(update={"entropy": 1.0}))
    (verdict,) = ended("student", mixed).verdicts()
    assert "did not decide the widths" in verdict


def ended(name: str, choices: tuple[ChoicesSummary, ...]) -> SearchSummary:
    """The summary of a search of one contender."""
    found = ContenderSummary(
        name=name, role="student", derived_ms=1.0, estimated_ms=1.0, choices=choices
    )
    return SearchSummary(contenders=(found,))


def test_the_log_has_the_floor_beside_each_entropy_also_after_a_stop() -> None:
    search = small_search(control_every=1).cosearch
    events = [search.step(index) for index in range(2)]
    for event in events:
        for kind in ("operator", "path", "width"):
            assert event[f"student/{kind}_noise_floor"] == pytest.approx(1.0, abs=0.01)
        assert "teacher/width_noise_floor" not in event
    resumed = small_search(control_every=1).cosearch
    later = resumed.step(1)
    assert later["student/path_noise_floor"] == events[1]["student/path_noise_floor"]
    assert later["student/path_noise_floor"] < events[0]["student/path_noise_floor"]
