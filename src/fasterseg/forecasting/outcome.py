"""What a run took, beside what its plan said."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from fasterseg.amounts import duration, size
from fasterseg.forecasting.report import SECONDS_PER_HOUR, PlanReport
from fasterseg.stages import StageTime, StageTimes


@dataclass(frozen=True, slots=True)
class Outcome:
    """A stage's forecast and what it took; ratios are actual to forecast.

    A stage that did not come to its end, or whose memory was not noted, has no ratio.
    """

    name: str
    hours: float
    took_hours: float
    memory_bytes: int
    took_bytes: int | None
    finished: bool

    @property
    def hours_ratio(self) -> float | None:
        """How many times as long it took."""
        return self.took_hours / self.hours if self.finished and self.hours > 0 else None

    @property
    def memory_ratio(self) -> float | None:
        """How many times as much memory it held."""
        if self.took_bytes is None or not self.finished or not self.memory_bytes:
            return None
        return self.took_bytes / self.memory_bytes


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every stage that has run so far, and the medians over them."""

    outcomes: tuple[Outcome, ...]

    @property
    def hours_ratio(self) -> float | None:
        """The median over the stages."""
        return _median([one.hours_ratio for one in self.outcomes])

    @property
    def hours_error(self) -> float | None:
        """The median distance of the stages' ratios from one, as a share."""
        ratios = [one.hours_ratio for one in self.outcomes]
        return _median([None if ratio is None else abs(ratio - 1) for ratio in ratios])

    @property
    def peak_ratio(self) -> float | None:
        """The greatest memory of all stages, actual to forecast."""
        known = [one for one in self.outcomes if one.memory_ratio is not None]
        if not known:
            return None
        actual = max(one.took_bytes or 0 for one in known)
        return actual / max(one.memory_bytes for one in known)

    def describe(self) -> str:
        """A table of forecast against actual, and the medians below."""
        width = max([len("stage"), *(len(one.name) for one in self.outcomes)])
        lines = [
            f"{'stage':<{width}} {'forecast':>12} {'took':>12} {'ratio':>6} "
            f"{'memory':>10} {'held':>10} {'ratio':>6}"
        ]
        lines += [_line(one, width) for one in self.outcomes]
        if self.hours_ratio is not None and self.hours_error is not None:
            lines.append(
                f"median of the stages: {self.hours_ratio:.2f} times the forecast time, "
                f"off by {100 * self.hours_error:.0f} %"
            )
        if self.peak_ratio is not None:
            lines.append(f"peak memory: {self.peak_ratio:.2f} times the forecast")
        return "\n".join(lines)


def compared(plan: PlanReport, times: StageTimes) -> Comparison:
    """The stages of a plan that a run has begun."""
    found = ((stage, times.stage(stage.name)) for stage in plan.stages)
    return Comparison(
        tuple(
            Outcome(
                name=stage.name,
                hours=stage.hours,
                took_hours=took.seconds / SECONDS_PER_HOUR,
                memory_bytes=stage.memory_bytes,
                took_bytes=_peak(took),
                finished=took.finished,
            )
            for stage, took in found
            if took is not None
        )
    )


def _peak(took: StageTime) -> int | None:
    """The stage's own peak; that of the whole process says nothing of one stage."""
    return took.peak_bytes if took.peak_since == "reset" else None


def _line(one: Outcome, width: int) -> str:
    held = "" if one.took_bytes is None else size(one.took_bytes)
    unfinished = "" if one.finished else "  not finished"
    return (
        f"{one.name:<{width}} {duration(hours=one.hours):>12} {duration(hours=one.took_hours):>12} "
        f"{_ratio(one.hours_ratio):>6} {size(one.memory_bytes):>10} {held:>10} "
        f"{_ratio(one.memory_ratio):>6}{unfinished}"
    )


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
