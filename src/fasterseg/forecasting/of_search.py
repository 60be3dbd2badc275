"""What a search will take: its steps, landing on the budgets, scoring its subnets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fasterseg.checkpoints import KEPT_CHECKPOINTS
from fasterseg.forecasting.report import SECONDS_PER_HOUR, StageForecast
from fasterseg.forecasting.scaling import Scaling, stage_forecast
from fasterseg.forecasting.timings import StepTiming
from fasterseg.forecasting.workload import Outlook

CANDIDATES = 4
"""Measurements until a student has landed on its budget: most often two to six."""

CHOSEN = 2
"""Measurements of the best of several candidates, which is fitted by what was measured before."""

SEARCH_EVENT_BYTES = 900


@dataclass(frozen=True)
class SearchForecast:
    """Forecasts the parts of a search."""

    scaling: Scaling

    def pretraining(self) -> StageForecast:
        """The supernet's weights alone."""
        step, (steps, _) = self.scaling.timings.search.pretraining, self._search_steps
        return self._steps("search/pretraining", step, steps, self._pretraining_seconds)

    def cosearch(self) -> StageForecast:
        """Weights and architecture parameters by turns."""
        step, (_, steps) = self.scaling.timings.search.cosearch, self._search_steps
        return self._steps("search/cosearch", step, steps, self._cosearch_seconds)

    @property
    def _pretraining_seconds(self) -> float:
        return self.scaling.search_ratio * self.scaling.timings.search.pretraining.seconds

    @property
    def _cosearch_seconds(self) -> float:
        control = (
            self.scaling.timings.search.control_seconds
            / self.scaling.now.recipe.search.control_every
        )
        return self.scaling.search_ratio * self.scaling.timings.search.cosearch.seconds + control

    @property
    def _search_steps(self) -> tuple[int, int]:
        """Steps of both kinds: the recipe's, or what fits into its hours in their proportion."""
        search = self.scaling.now.recipe.search
        first, second = search.pretrain_steps, search.steps
        if search.hours is None:
            return first, second
        whole = first * self._pretraining_seconds + second * self._cosearch_seconds
        share = search.hours * SECONDS_PER_HOUR / max(whole, 1e-9)
        return int(first * share), int(second * share)

    def _steps(self, name: str, step: StepTiming, steps: int, seconds: float) -> StageForecast:
        ratio = self.scaling.search_ratio
        saves = -(-steps // self.scaling.now.recipe.search.checkpoint_every)
        checkpoint = step.checkpoint_bytes * self.scaling.supernet_ratio
        total = steps * seconds + saves * step.save_seconds * self.scaling.supernet_ratio
        images, half = self._search_images(steps)
        # The search reads one half for the weights, and the other for the architectures.
        halves = 1 if name == "search/pretraining" else 2
        total += halves * self.scaling.reading_seconds(images, most=half)
        kept = halves * self.scaling.kept_bytes(min(images, half))
        if name == "search/pretraining":
            total += self.scaling.timings.search.setup_seconds
        return stage_forecast(
            name,
            total,
            self.scaling.scaled_peak(step.peak_bytes, self.scaling.search_base, ratio) + kept,
            min(KEPT_CHECKPOINTS, saves) * checkpoint + steps * SEARCH_EVENT_BYTES,
            hours_from=f"{steps} steps of {seconds:.3g} s ({step.timed} were timed)",
            disk_from=f"{min(KEPT_CHECKPOINTS, saves)} checkpoints",
        )

    def _search_images(self, steps: int) -> tuple[int, int]:
        """Images that so many steps ask for, and how many there are in a half of the split."""
        batch = self.scaling.now.recipe.search.batch_size
        return steps * batch, self.scaling.timings.data.train // 2

    def landing(self) -> StageForecast:
        """Measuring the ends of the space, and candidates until each student lands."""
        students = len(self.scaling.now.recipe.students())
        teachers = len(self.scaling.now.recipe.contenders) - students
        target, search = self.scaling.timings.target, self.scaling.timings.search
        measured = students * (2 + CANDIDATES) + teachers
        once = self._measuring_seconds
        derived = students * CANDIDATES * search.derive_seconds
        return stage_forecast(
            "search/landing",
            measured * once + target.open_seconds + derived,
            target.peak_bytes + search.cosearch.checkpoint_bytes * self.scaling.supernet_ratio,
            0,
            hours_from=f"{measured} networks measured, {CANDIDATES} of them for each budget",
            memory_from="exporting, beside the search's weights",
        )

    @property
    def _measuring_seconds(self) -> float:
        """Measuring one network whole."""
        target = self.scaling.timings.target
        windows = target.attempts * self.scaling.candidate_seconds(self.scaling.middle_ms)
        return target.open_seconds + windows

    def draws(self) -> Iterator[StageForecast]:
        """Choosing among candidates, where the recipe asks for it, and measuring what is chosen."""
        settings, search = self.scaling.now.recipe.search, self.scaling.timings.search
        if settings.draws == 1:
            return
        costs = [one.macs for one in self._students] * settings.draws
        measured = CHOSEN * len(self._students) * self._measuring_seconds
        yield self._scoring(
            "search/draws",
            costs,
            most_images=self.scaling.timings.data.train // 2,
            extra_seconds=len(costs) * search.derive_seconds + measured,
        )

    def subnets(self) -> StageForecast:
        """Scoring every contender's subnet, and random ones of each student's latency."""
        random = self.scaling.timings.search.random_subnets
        costs = [one.macs for one in self.scaling.now.networks]
        costs += [one.macs for one in self._students] * random
        drawing = random * len(self._students) * self.scaling.timings.target.sampling_seconds
        most = self.scaling.timings.data.val
        return self._scoring("search/subnets", costs, most_images=most, extra_seconds=drawing)

    @property
    def _students(self) -> list[Outlook]:
        return [one for one in self.scaling.now.networks if one.contender.role == "student"]

    def _scoring(
        self, name: str, costs: Sequence[float], *, most_images: int, extra_seconds: float
    ) -> StageForecast:
        """Calibrating and scoring subnets of such multiply-adds for each pixel."""
        search, settings = self.scaling.timings.search, self.scaling.now.recipe.search
        batches = min(search.settling_batches, max(4, settings.calibration_batches))
        images = min(settings.validation_images, most_images)
        read, half = self._search_images(batches)
        ratio = (
            self.scaling.now.search_pixels / self.scaling.timed.search_pixels / search.subnet_macs
        )
        seconds = sum(
            batches * search.batch_seconds * macs * ratio
            + images * self.scaling.image_seconds(macs)
            for macs in costs
        )
        return stage_forecast(
            name,
            seconds + self.scaling.reading_seconds(read, most=half) + extra_seconds,
            self.scaling.after_export(search.subnets_peak_bytes) + self.scaling.kept_bytes(read),
            0,
            hours_from=f"{len(costs)} subnets: {batches} batches, {images} images each",
        )
