"""From timings and a workload to what each stage will take; arithmetic alone."""

from __future__ import annotations

from dataclasses import dataclass

from fasterseg.forecasting.costs import timed_seconds
from fasterseg.forecasting.of_networks import NetworksForecast
from fasterseg.forecasting.of_search import SearchForecast
from fasterseg.forecasting.report import StageForecast
from fasterseg.forecasting.scaling import Scaling, stage_forecast
from fasterseg.forecasting.timings import Timings
from fasterseg.forecasting.workload import Workload

NETWORK_SECONDS, NETWORK_RUNS_SHARE = 16.0, 2
"""A whole network of a profile gets so many times a block's seconds, and this part of its runs."""

OPEN_NETWORKS = 20
"""So many networks of a calibration are timed in turn, all of them open."""

ENTRY_BYTES = 360


@dataclass(frozen=True)
class Forecaster:
    """Forecasts a workload's stages from timings that were taken for the workload `timed`."""

    now: Workload
    timings: Timings
    timed: Workload

    @property
    def scaling(self) -> Scaling:
        """The timings, scaled to the workload."""
        return Scaling(self.now, self.timings, self.timed)

    def stages(self) -> tuple[StageForecast, ...]:
        """Every stage in order, and the parts of search and training."""
        search, networks = SearchForecast(self.scaling), NetworksForecast(self.scaling)
        return (
            self._check(),
            self._profile(),
            search.pretraining(),
            search.cosearch(),
            search.landing(),
            *search.draws(),
            search.subnets(),
            *networks.trainings(),
            networks.evaluate(),
            networks.measure(),
        )

    @property
    def hours(self) -> float:
        """All stages together."""
        return sum(stage.hours for stage in self.stages())

    def _check(self) -> StageForecast:
        data = self.timings.data
        return stage_forecast(
            "check-data",
            data.checked * data.check_seconds * self.scaling.image_ratio + data.digest_seconds,
            max(data.peak_bytes, self.timings.target.base_bytes),
            0,
            hours_from=f"{data.checked} images of {1e3 * data.check_seconds:.1f} ms",
        )

    def _profile(self) -> StageForecast:
        target, settings, work = self.timings.target, self.now.recipe.profile, self.now
        blocks = sum(target.call_seconds + timed_seconds(ms, settings) for ms in work.call_times_ms)
        count = settings.calibration_networks
        network = target.sampling_seconds + target.open_seconds + self._network_seconds()
        return stage_forecast(
            "profile",
            blocks + count * network,
            target.peak_bytes + min(OPEN_NETWORKS, count) * target.network_bytes,
            2 * ENTRY_BYTES * (len(work.specs) + count),
            hours_from=f"{len(work.specs)} blocks, {count} networks",
        )

    def _network_seconds(self) -> float:
        """Timing one whole network of the calibration."""
        settings = self.now.recipe.profile
        whole = settings.model_copy(
            update={
                "runs": max(3, settings.runs // NETWORK_RUNS_SHARE),
                "seconds_per_block": NETWORK_SECONDS * settings.seconds_per_block,
            }
        )
        return timed_seconds(self.scaling.middle_ms, whole)
