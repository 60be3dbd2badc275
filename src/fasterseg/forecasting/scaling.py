"""What was timed, scaled by the work: multiply-adds, pixels and parameters.

For the very recipe that was timed every ratio is one.
"""

from __future__ import annotations

from dataclasses import dataclass

from fasterseg.forecasting.report import SECONDS_PER_HOUR, StageForecast
from fasterseg.forecasting.timings import Timings
from fasterseg.forecasting.workload import Workload, between


@dataclass(frozen=True)
class Scaling:
    """Timings that were taken for the workload `timed`, for the workload `now`."""

    now: Workload
    timings: Timings
    timed: Workload

    @property
    def search_ratio(self) -> float:
        """A search step's work against that of the timed one."""
        return self.now.search_work / self.timed.search_work

    @property
    def supernet_ratio(self) -> float:
        """The supernet's parameters against those of the timed one."""
        return self.now.supernet_parameters / self.timed.supernet_parameters

    @property
    def image_ratio(self) -> float:
        """The data's images against those that were timed; 1 where no recipe decides them."""
        new, old = self.now.image_pixels, self.timed.image_pixels
        return new / old if new and old else 1.0

    @property
    def sample_seconds(self) -> float:
        """Reading one image with its labels."""
        return self.timings.data.sample_seconds * self.image_ratio

    def reading_seconds(self, images: int, *, most: int) -> float:
        """Reading images for the first time; from then on they are in memory."""
        return min(images, most) * self.sample_seconds

    def kept_bytes(self, images: int) -> int:
        """Samples of so many images in memory, as far as they are kept there."""
        data = self.timings.data
        return int(min(images * data.sample_bytes * self.image_ratio, data.kept_bytes))

    @property
    def search_base(self) -> int:
        """What a search holds before its first step."""
        return self.timings.search.base_bytes

    def scaled_peak(self, peak: int, base: int, ratio: float) -> int:
        """A peak whose part above the base grows with the work."""
        return self.after_export(base + int(max(0, peak - base) * ratio))

    def after_export(self, peak: int) -> int:
        """A run is one process: what profiling left in it stays there."""
        left = self.timings.target.left_bytes - self.timings.search.base_bytes
        return peak + max(0, left)

    @property
    def middle_ms(self) -> float:
        """A network in the middle of the space, as the reference of all measurements is."""
        found = [one.latency_ms for one in self.now.networks]
        found += [ms for one in self.now.ends.values() for ms in (one.lowest_ms, one.highest_ms)]
        return sum(found) / max(1, len(found))

    def candidate_seconds(self, latency_ms: float) -> float:
        """One measurement in windows; a run of the reference stands beside each run."""
        share = 1 + self.middle_ms / max(latency_ms, 1e-6)
        return self.timings.target.window_seconds * share

    def image_seconds(self, macs: float) -> float:
        """Scoring one whole image with a network of that cost: reading, running, counting."""
        known = [t for t in (self.timings.narrow, self.timings.wide, self.timings.teacher) if t]
        ordered = sorted(known, key=lambda one: one.macs)
        low, high = ordered[0], ordered[-1]
        share = (macs - low.macs) / (high.macs - low.macs) if high.macs > low.macs else 0.0
        seconds = between(low.image_seconds, high.image_seconds, share)
        return max(self.sample_seconds, seconds * self.image_ratio)


def stage_forecast(
    name: str,
    seconds: float,
    peak: float,
    disk: float,
    *,
    hours_from: str,
    memory_from: str = "peak of a timing in a process of its own",
    disk_from: str = "counted from the recipe",
) -> StageForecast:
    """A stage's forecast from its seconds."""
    return StageForecast(
        name=name,
        hours=seconds / SECONDS_PER_HOUR,
        memory_bytes=int(peak),
        disk_bytes=int(disk),
        hours_from=hours_from,
        memory_from=memory_from,
        disk_from=disk_from,
    )
