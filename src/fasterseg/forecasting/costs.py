"""What a step, a checkpoint and a timed call cost."""

from __future__ import annotations

from dataclasses import dataclass

from fasterseg.config import ProfileSettings
from fasterseg.forecasting.timings import TrainingTiming
from fasterseg.forecasting.workload import between

VISITS, OVERSHOOT = 5, 2.5
"""Visits of a call that is timed, and the runs that all of them together go too far."""


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """What a training's steps and files cost; `base_bytes` is held before the first step."""

    setup_seconds: float
    step_seconds: float
    save_seconds: float
    checkpoint_bytes: float
    weight_bytes: float
    base_bytes: int
    peak_bytes: int

    @classmethod
    def between(cls, low: TrainingTiming, high: TrainingTiming, share: float) -> TrainingCost:
        """What lies at a share of the way from one timing to another."""
        return cls(
            between(low.setup_seconds, high.setup_seconds, share),
            between(low.step.seconds, high.step.seconds, share),
            between(low.step.save_seconds, high.step.save_seconds, share),
            between(low.step.checkpoint_bytes, high.step.checkpoint_bytes, share),
            between(low.weight_bytes, high.weight_bytes, share),
            low.base_bytes,
            int(between(low.step.peak_bytes, high.step.peak_bytes, share)),
        )

    def scaled(self, pixels: float, *, beyond: float) -> TrainingCost:
        """For batches of other sizes, and for networks beyond those that were timed."""
        ratio = pixels * beyond
        return TrainingCost(
            self.setup_seconds,
            self.step_seconds * ratio,
            self.save_seconds * beyond,
            self.checkpoint_bytes * beyond,
            self.weight_bytes * beyond,
            self.base_bytes,
            self.base_bytes + int(max(0, self.peak_bytes - self.base_bytes) * ratio),
        )


def share_of(value: float, low: float, high: float) -> float:
    """How far a value lies from one end to the other: 0 to 1."""
    return min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.0


def beyond_of(value: float, low: float, high: float) -> float:
    """How many times as large as the nearer end a value outside of two ends is; else 1."""
    return value / high if value > high else value / low if value < low else 1.0


def timed_seconds(latency_ms: float, settings: ProfileSettings) -> float:
    """How long the timer runs a call of that latency: warm-up, visits, runs or seconds."""
    extra = (settings.warmup_runs + VISITS + OVERSHOOT) * latency_ms / 1e3
    return extra + max(settings.runs * latency_ms / 1e3, settings.seconds_per_block)
