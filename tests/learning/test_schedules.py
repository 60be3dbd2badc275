"""Learning rates are pure functions of the step."""

import pytest
import torch

from fasterseg.config import PretrainingSettings, SearchSettings
from fasterseg.errors import UsageError
from fasterseg.learning.schedules import Schedule, search_schedule, set_rate, weight_share


def test_poly_falls_from_the_peak_to_nothing() -> None:
    schedule = Schedule("poly", 0.1, steps=10)
    rates = [schedule.rate(step) for step in range(11)]
    assert rates[0] == 0.1
    assert rates[5] == pytest.approx(0.1 * 0.5**0.9)
    assert rates[10] == 0
    assert rates == sorted(rates, reverse=True)


def test_papers_schedule_decays_once_per_epoch() -> None:
    schedule = Schedule("paper", 1.0, steps=100, steps_per_epoch=4)
    assert [schedule.rate(step) for step in (0, 3)] == [1.0, 1.0]
    assert schedule.rate(4) == pytest.approx(0.992)
    assert schedule.rate(99) == pytest.approx(0.992**24)


def test_constant_rate_rises_linearly_during_warm_up_and_stays() -> None:
    schedule = Schedule("constant", 0.4, steps=10, warmup_steps=4)
    rates = [schedule.rate(step) for step in range(6)]
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4, 0.4])


def test_a_rate_does_not_depend_on_what_was_asked_before() -> None:
    schedule = Schedule("poly", 0.1, steps=10, warmup_steps=3)
    forward = [schedule.rate(step) for step in range(10)]
    backward = [schedule.rate(step) for step in reversed(range(10))]
    assert forward == backward[::-1]


def test_warm_up_longer_than_the_training_is_refused() -> None:
    with pytest.raises(UsageError):
        Schedule("poly", 0.1, steps=10, warmup_steps=11)


def test_every_group_gets_the_rate() -> None:
    weights = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = torch.optim.SGD([{"params": [weights[0]]}, {"params": [weights[1]]}], lr=1.0)
    set_rate(optimizer, 0.25)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]


def test_a_search_decays_by_the_epoch_and_so_does_its_pretraining() -> None:
    settings = SearchSettings(
        lr=0.01, schedule="paper", pretraining=PretrainingSettings(lr=0.02, schedule="paper")
    )
    search = search_schedule(settings, 22_290)
    assert [search.rate(step) for step in (0, 742)] == [0.01, 0.01]
    assert search.rate(743) == pytest.approx(0.00978)
    assert search.rate(22_289) == pytest.approx(0.01 * 0.978**29)
    before = search_schedule(settings.pretraining, 9900)
    assert (before.rate(494), before.rate(495)) == (0.02, pytest.approx(0.02 * 0.978))
    usual = SearchSettings(lr=0.2)
    assert search_schedule(usual, 10) == Schedule("poly", 0.2, 10, 0, 743, 0.9, 0.978)
    assert search_schedule(usual.pretraining, 10).rate(9) == 0.2


def test_a_weight_stays_falls_to_nothing_or_rises_from_it() -> None:
    shares = {
        shape: [weight_share(shape, step, 4) for step in range(4)]
        for shape in ("constant", "falling", "rising")
    }
    assert shares["constant"] == [1, 1, 1, 1]
    assert shares["falling"] == [1, 0.75, 0.5, 0.25]
    assert shares["rising"] == [0.25, 0.5, 0.75, 1]
