"""What a run took, beside what was forecast."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from fasterseg.amounts import duration, size
from fasterseg.forecasting.forecast import SECONDS_PER_HOUR, RunForecast, StageForecast
from fasterseg.stages import StageTime, StageTimes
from fasterseg.told import Told


@dataclass(frozen=True, slots=True)
class Outcome:
    """A stage's forecast and what it took; ratios are actual to forecast.

    A stage that did not come to its end, or whose memory was not noted, has no ratio.
    """

    forecast: StageForecast
    took: StageTime

    @property
    def peak_bytes(self) -> int | None:
        """The stage's own peak; that of the whole process says nothing of one stage."""
        return self.took.peak_bytes if self.took.peak_since == "reset" else None

    @property
    def hours_ratio(self) -> float | None:
        """How many times as long it took."""
        seconds = SECONDS_PER_HOUR * self.forecast.hours
        return self.took.seconds / seconds if self.took.finished and seconds > 0 else None

    @property
    def memory_ratio(self) -> float | None:
        """How many times as much memory it held."""
        if self.peak_bytes is None or not self.took.finished or not self.forecast.memory_bytes:
            return None
        return self.peak_bytes / self.forecast.memory_bytes

    def cells(self) -> tuple[str, ...]:
        """A row: name, time, what it took, ratio, memory, what it held, ratio, a remark."""
        return (
            self.forecast.name,
            duration(hours=self.forecast.hours),
            duration(hours=self.took.seconds / SECONDS_PER_HOUR),
            _ratio(self.hours_ratio),
            size(self.forecast.memory_bytes),
            "" if self.peak_bytes is None else size(self.peak_bytes),
            _ratio(self.memory_ratio),
            "" if self.took.finished else "not finished",
        )


@dataclass(frozen=True, slots=True)
class Comparison(Told):
    """Every stage that has run so far, beside the forecast; `note` is what to know of it."""

    forecast: RunForecast
    outcomes: tuple[Outcome, ...]
    note: str = ""

    @classmethod
    def of(cls, forecast: RunForecast, times: StageTimes, note: str = "") -> Comparison:
        """The stages of a forecast that a run has begun."""
        found = ((stage, times.stage(stage.name)) for stage in forecast.stages)
        return cls(forecast, tuple(Outcome(s, took) for s, took in found if took), note)

    @property
    def hours_ratio(self) -> float | None:
        """The median over the stages."""
        return median(self._ratios) if self._ratios else None

    @property
    def hours_error(self) -> float | None:
        """The median distance of the stages' ratios from one, as a share."""
        return median(abs(ratio - 1) for ratio in self._ratios) if self._ratios else None

    @property
    def _ratios(self) -> list[float]:
        return [ratio for one in self.outcomes if (ratio := one.hours_ratio) is not None]

    def describe(self) -> str:
        """A table of forecast against actual, and the medians below."""
        width = max([len("stage"), *(len(one.forecast.name) for one in self.outcomes)])
        head = ("stage", "forecast", "took", "ratio", "memory", "held", "ratio", "")
        row = f"{{:<{width}}} {{:>12}} {{:>12}} {{:>6}} {{:>10}} {{:>10}} {{:>6}}  {{}}"
        lines = [
            row.format(*cells).rstrip() for cells in (head, *(o.cells() for o in self.outcomes))
        ]
        if self.hours_ratio is not None and self.hours_error is not None:
            lines.append(
                f"median of the stages: {self.hours_ratio:.2f} times the forecast time, "
                f"off by {100 * self.hours_error:.0f} %"
            )
        return "\n".join(filter(None, [*lines, self.note]))


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
