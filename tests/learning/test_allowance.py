"""Hours become steps once, by a timing that is taken off them, and stay what they became."""

from pathlib import Path

import pytest
from fake_clocks import FakeClock

from fasterseg.errors import UsageError
from fasterseg.learning.allowance import Allowance, Costs, allowed_steps, most_steps


class Timing:
    """A timing that takes some seconds and finds steps of two."""

    def __init__(self, clock: FakeClock, *, takes: float) -> None:
        self.clock = clock
        self.takes = takes
        self.asked: list[float] = []

    def __call__(self, seconds: float) -> Costs:
        self.asked.append(seconds)
        self.clock.now += self.takes
        return Costs(lambda steps: 2.0 * steps, lambda steps: {"training": steps})


def allowed(path: Path, hours: float, *, takes: float = 20.0) -> tuple[Allowance, Timing]:
    clock = FakeClock()
    timing = Timing(clock, takes=takes)
    return allowed_steps(hours, path, timing, what="a test", clock=clock), timing


def test_the_timing_s_own_time_is_taken_off(tmp_path: Path) -> None:
    found, timing = allowed(tmp_path / "allowance.json", 0.1)
    assert found.steps == {"training": (360 - 20) // 2}
    assert (found.expected_seconds, found.timing_seconds) == (340.0, 20.0)
    assert timing.asked == [0.02 * 360]


def test_a_long_run_is_timed_for_half_a_minute(tmp_path: Path) -> None:
    assert allowed(tmp_path / "allowance.json", 24.0)[1].asked == [30.0]


def test_what_is_stored_holds_whatever_a_later_timing_would_say(tmp_path: Path) -> None:
    first, _ = allowed(tmp_path / "allowance.json", 0.1)
    again, timing = allowed(tmp_path / "allowance.json", 0.1, takes=300.0)
    assert again == first
    assert timing.asked == []


def test_hours_too_few_for_a_step_are_refused_and_nothing_is_stored(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too few for one step") as caught:
        allowed(tmp_path / "allowance.json", 21 / 3600)
    assert "the timing took 20 s" in caught.value.why
    assert not (tmp_path / "allowance.json").exists()


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0, 3.5, 7.9, 8.0, 1000.0])
def test_the_most_steps_are_those_that_just_fit(seconds: float) -> None:
    def cost(steps: int) -> float:
        return steps + 3.0 * (steps // 4)  # a score every fourth step

    fits = [steps for steps in range(1, 1200) if cost(steps) <= seconds]
    assert most_steps(seconds, cost) == max(fits, default=0)
