"""What the networks will take: training, scoring, and handing them over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fasterseg.checkpoints import KEPT_CHECKPOINTS
from fasterseg.config import TrainingSettings
from fasterseg.forecasting.costs import TrainingCost, beyond_of, share_of
from fasterseg.forecasting.report import SECONDS_PER_HOUR, StageForecast
from fasterseg.forecasting.scaling import Scaling, stage_forecast
from fasterseg.forecasting.timings import TrainingTiming
from fasterseg.forecasting.workload import Outlook
from fasterseg.training.scoring import scoring_interval

PROMISE_RETRIES = 1.5
"""Windows that are measured for each one that is needed: some are disturbed."""

BUNDLES = 3
EVENT_BYTES, IMAGE_REPORT_BYTES = 330, 90


@dataclass(frozen=True)
class NetworksForecast:
    """Forecasts every training, the evaluation, and the measuring."""

    scaling: Scaling

    def trainings(self) -> Iterator[StageForecast]:
        ordered = sorted(self.scaling.now.networks, key=lambda one: one.contender.role != "teacher")
        for outlook in ordered:
            yield self._training(outlook)

    def _training(self, outlook: Outlook) -> StageForecast:
        settings = self.scaling.now.recipe.training_of(outlook.contender.role)
        cost = self._training_cost(outlook)
        scoring = self.scaling.timings.data.val * self.scaling.image_seconds(outlook.macs)
        steps = self._training_steps(settings, cost.step_seconds, scoring)
        saves = -(-steps // settings.checkpoint_every)
        scorings = -(-steps // self._scoring_interval(settings, steps)) + 1
        seconds = cost.setup_seconds + steps * cost.step_seconds + saves * cost.save_seconds
        data = self.scaling.timings.data
        images = min(steps * settings.batch_size, data.trained_on)
        reading = self.scaling.reading_seconds(images, most=data.trained_on)
        kept = min(KEPT_CHECKPOINTS, saves)
        disk = kept * cost.checkpoint_bytes + BUNDLES * cost.weight_bytes
        return stage_forecast(
            f"train/{outlook.name}",
            seconds + scorings * scoring + reading,
            self.scaling.after_export(cost.peak_bytes) + self.scaling.kept_bytes(images),
            disk + steps * EVENT_BYTES,
            hours_from=f"{steps} steps of {cost.step_seconds:.3g} s, "
            f"{scorings} scorings of {scoring:.2g} s",
            disk_from=f"{kept} checkpoints, {BUNDLES} bundles",
        )

    def _training_steps(
        self, settings: TrainingSettings, step_seconds: float, scoring_seconds: float
    ) -> int:
        """The recipe's number of steps, or what fits into its hours."""
        if settings.hours is None:
            return settings.steps
        seconds = settings.hours * SECONDS_PER_HOUR - scoring_seconds  # the average's at the end
        steps = max(1, int(seconds / step_seconds))
        every = self._scoring_interval(settings, steps)
        return max(1, int(seconds / (step_seconds + scoring_seconds / every)))

    def _scoring_interval(self, settings: TrainingSettings, steps: int) -> int:
        known = settings.model_copy(update={"steps": steps})
        data = self.scaling.timings.data
        return scoring_interval(
            known,
            train_images=data.trained_on,
            scored_images=data.val,
            seen=data.val_is_seen,
        )

    def _training_cost(self, outlook: Outlook) -> TrainingCost:
        """By the network's multiply-adds, between those that were timed."""
        low, high = self._timed_for(outlook)
        share = share_of(outlook.macs, low.macs, high.macs)
        cost = TrainingCost.between(low, high, share)
        was = outlook.contender
        ratio = self.scaling.now.training_pixels(was) / self.scaling.timed.training_pixels(was)
        return cost.scaled(ratio, beyond=beyond_of(outlook.macs, low.macs, high.macs))

    def _timed_for(self, outlook: Outlook) -> tuple[TrainingTiming, TrainingTiming]:
        timings = self.scaling.timings
        if outlook.contender.role == "teacher":
            assert timings.teacher is not None
            return timings.teacher, timings.teacher
        assert timings.narrow is not None
        assert timings.wide is not None
        return timings.narrow, timings.wide

    def evaluate(self) -> StageForecast:
        data = self.scaling.timings.data
        networks = sum(
            data.test * self.scaling.image_seconds(one.macs) for one in self.scaling.now.networks
        )
        position = (data.train + data.test) * self.scaling.sample_seconds
        known = [
            t
            for t in (
                self.scaling.timings.narrow,
                self.scaling.timings.wide,
                self.scaling.timings.teacher,
            )
            if t
        ]
        peak = max(one.scoring_peak_bytes for one in known)
        reports = (len(self.scaling.now.networks) + 1) * data.test * IMAGE_REPORT_BYTES
        return stage_forecast(
            "evaluate",
            networks + position,
            self.scaling.after_export(peak),
            reports,
            hours_from=f"{len(self.scaling.now.networks)} networks on {data.test} images",
        )

    def measure(self) -> StageForecast:
        delivery, networks = self.scaling.timings.delivery, self.scaling.now.networks
        share = sum(one.parameters for one in networks) / max(1, delivery.parameters)
        return stage_forecast(
            "measure",
            sum(self._delivery_seconds(one) for one in networks),
            max(delivery.peak_bytes, self.scaling.timings.target.left_bytes),
            delivery.file_bytes * share,
            hours_from=f"{len(networks)} exports, each verified, scored and timed",
            disk_from=f"{len(networks)} exported files",
        )

    def _delivery_seconds(self, outlook: Outlook) -> float:
        """Export, reading back, verification, the file's and the network's score, the timing."""
        delivery, data, target = (
            self.scaling.timings.delivery,
            self.scaling.timings.data,
            self.scaling.timings.target,
        )
        image = self.scaling.image_seconds(outlook.macs)
        by_file = self.scaling.sample_seconds + outlook.latency_ms / 1e3
        export = delivery.export_seconds * outlook.blocks / max(1, delivery.blocks)
        verified = delivery.verified_images * (image + by_file)
        scored = data.test * (image + by_file + self.scaling.sample_seconds)
        timing = target.attempts * self.scaling.candidate_seconds(outlook.latency_ms)
        if outlook.contender.role == "student" and self.scaling.now.recipe.promise == "p95":
            runs = target.promise_queries * PROMISE_RETRIES
            timing = runs * (outlook.latency_ms + self.scaling.middle_ms) / 1e3
        return export + verified + scored + timing
