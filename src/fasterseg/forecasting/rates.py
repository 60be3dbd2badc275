"""Timings of a workload as what single things of it take: reading an image, scoring it."""

from __future__ import annotations

from dataclasses import dataclass

from fasterseg.forecasting.timings import Timings
from fasterseg.forecasting.workload import Workload, between


@dataclass(frozen=True, slots=True)
class Rates:
    """What is to be done, and the timings that say how long it takes."""

    work: Workload
    timings: Timings

    def reading_seconds(self, images: int, *, most: int) -> float:
        """Reading images for the first time; from then on they are in memory."""
        return min(images, most) * self.timings.data.sample_seconds

    def kept_bytes(self, images: int) -> int:
        """Samples of so many images in memory, as far as they are kept there."""
        return min(images * self.timings.data.sample_bytes, self.timings.data.kept_bytes)

    def after_export(self, peak: int) -> int:
        """A run is one process: what profiling left in it stays there."""
        return peak + max(0, self.timings.target.left_bytes - self.timings.search.base_bytes)

    @property
    def middle_ms(self) -> float:
        """A network in the middle of the space, as the reference of all measurements is."""
        found = [one.latency_ms for one in self.work.networks]
        for ends in self.work.target.ends.values():
            found += [self.work.latency_ms(e.architecture) for e in (ends.fastest, ends.slowest)]
        return sum(found) / max(1, len(found))

    def candidate_seconds(self, latency_ms: float) -> float:
        """One measurement in windows; a run of the reference stands beside each run."""
        share = 1 + self.middle_ms / max(latency_ms, 1e-6)
        return self.timings.target.window_seconds * share

    def image_seconds(self, macs: float) -> float:
        """Scoring one whole image with a network of that cost: reading, running, counting."""
        ordered = sorted(self.timings.trainings, key=lambda one: one.macs)
        low, high = ordered[0], ordered[-1]
        share = (macs - low.macs) / (high.macs - low.macs) if high.macs > low.macs else 0.0
        seconds = between(low.image_seconds, high.image_seconds, share)
        return max(self.timings.data.sample_seconds, seconds)
