"""What a search will take: its steps, landing on the budgets, scoring its subnets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from fasterseg.checkpoints import KEPT_CHECKPOINTS
from fasterseg.config import SearchSettings, SelectionSettings
from fasterseg.forecasting.forecast import SECONDS_PER_HOUR, StageForecast
from fasterseg.forecasting.shares import told_shares
from fasterseg.forecasting.timings import SearchTiming, StepTiming, Timings
from fasterseg.forecasting.workload import Outlook, Workload, by_size
from fasterseg.searching.beginnings.hours import selected_within
from fasterseg.searching.landing.scores import FINAL_TIMES
from fasterseg.searching.selecting.effort import effort
from fasterseg.searching.selecting.subnets import RANDOM_SUBNETS
from fasterseg.space.widest import options_of

CANDIDATES = 4
"""Measurements until a student has landed on its budget: most often two to six."""

CHOSEN = 2
"""Measurements of the best of several candidates, which is fitted by what was measured before."""

SEARCH_EVENT_BYTES = 900


@dataclass(frozen=True)
class SearchForecast:
    """Forecasts the parts of a search."""

    work: Workload
    timings: Timings

    def stages(self) -> Iterator[StageForecast]:
        """Its parts in order; selecting at the budgets where the recipe asks for candidates."""
        first, second = self._counts
        search, setup = self._timing, self._timing.setup_seconds
        plain = search.pretraining.seconds
        yield self._steps("pretraining", search.pretraining, first, plain, halves=1, more=setup)
        # Where a training begins with the supernet, a checkpoint is kept without the optimiser's.
        weights = search.cosearch.checkpoint_bytes / 2 if self._is_kept else 0.0
        # Weights learn from one half of the images, and architecture parameters from the other.
        yield self._steps(
            "cosearch", search.cosearch, second, self._cosearch_seconds, halves=2, kept=weights
        )
        if self._students and self._variants:
            yield self._trying()
        yield self._landing()
        if self._students and self._selection.count > 1:
            yield self._selecting()
        yield self._subnets()
        if self.work.recipe.models_to_match:
            yield self._matching()

    @property
    def _settings(self) -> SearchSettings:
        return self.work.recipe.search

    @property
    def _is_kept(self) -> bool:
        recipe, networks = self.work.recipe, self.work.networks
        return any(recipe.training_of(one.contender.role).start == "supernet" for one in networks)

    @property
    def _timing(self) -> SearchTiming:
        return self.timings.search

    @property
    def _students(self) -> list[Outlook]:
        return [one for one in self.work.networks if one.contender.role == "student"]

    @property
    def _cosearch_seconds(self) -> float:
        """A step with its share of a look at the budgets."""
        control = self._timing.control_seconds / self._settings.control_every
        return self._timing.cosearch.seconds + control

    @property
    def _counts(self) -> tuple[int, int]:
        """Steps of both kinds: the recipe's, or what fits into its hours in their proportion."""
        first, second = self._settings.pretrain_steps, self._settings.steps
        if self._settings.hours is None:
            return first, second
        whole = first * self._timing.pretraining.seconds + second * self._cosearch_seconds
        left = self._settings.hours * SECONDS_PER_HOUR - self._selection_seconds
        share = max(0.0, left) / max(whole, 1e-9)
        return int(first * share), int(second * share)

    def _steps(
        self,
        name: str,
        step: StepTiming,
        steps: int,
        seconds: float,
        *,
        halves: int,
        more: float = 0.0,
        kept: float = 0.0,
    ) -> StageForecast:
        saves = -(-steps // self._settings.checkpoint_every)
        own = self._settings.pretraining if name == "pretraining" else self._settings
        images, half = self._images(steps, own.batch_size)
        reading = halves * self.timings.reading_seconds(images, most=half)
        held = halves * self._kept_bytes(min(images, half))
        checkpoints = min(KEPT_CHECKPOINTS, saves) * step.checkpoint_bytes
        return StageForecast.of(
            f"search/{name}",
            steps * seconds + saves * step.save_seconds + reading + more,
            memory=self.timings.after_export(step.peak_bytes) + held,
            disk=checkpoints + kept + steps * SEARCH_EVENT_BYTES,
            counted=f"{steps} steps of {seconds:.3g} s ({step.timed} were timed)"
            + told_shares(self._settings, ranks=self.timings.ranks),
        )

    def _matching(self) -> StageForecast:
        """Comparing each student whose budget is a model with that."""
        seconds = [self.work.compared_seconds(one) for one in self._students]
        target, count = self.timings.target, sum(one > 0 for one in seconds)
        return StageForecast.of(
            "search/matching",
            sum(seconds) + 2 * count * target.open_seconds,
            memory=target.peak_bytes + self._timing.cosearch.checkpoint_bytes,
            counted=f"{count} networks compared with the models of their budgets",
        )

    @property
    def _area(self) -> float:
        """What a search's smaller images have of the whole ones' pixels."""
        return self._settings.image_scale**2

    def _kept_bytes(self, images: int) -> int:
        """So many images in memory, at the search's scale."""
        return self.timings.kept_bytes(round(images * self._area))

    def _images(self, steps: int, batch_size: int) -> tuple[int, int]:
        """Images that so many steps ask for, and how many there are in a half of the split."""
        return steps * batch_size, self.timings.data.train // 2

    def _landing(self) -> StageForecast:
        """Measuring the ends of the space, and candidates until each student lands."""
        work, target = self.work, self.timings.target
        students = len(self._students)
        measured = students * (2 + CANDIDATES) + len(work.networks) - students
        return StageForecast.of(
            "search/landing",
            measured * self.measuring_seconds
            + target.open_seconds
            + students * CANDIDATES * self._timing.derive_seconds,
            memory=target.peak_bytes + self._timing.cosearch.checkpoint_bytes,
            counted=f"{measured} networks measured, {CANDIDATES} of them for each budget",
        )

    @property
    def measuring_seconds(self) -> float:
        """Opening and measuring one network whole."""
        target = self.timings.target
        windows = target.attempts * self.work.candidate_seconds(self.work.middle_ms)
        return target.open_seconds + windows

    @cached_property
    def _variants(self) -> int:
        """How many networks are scored to decide sets of branches and input scales."""
        recipe = self.work.recipe
        counts = [len(options_of(recipe.space, one).variants) for one in recipe.members]
        return sum(count for count in counts if count > 1)

    def _trying(self) -> StageForecast:
        """Scoring the most probable network of each variant."""
        settings = self._settings.selection
        images = settings.calibration_images + settings.images
        return StageForecast.of(
            "search/variants",
            self._variants * self._candidate_seconds
            + self.timings.reading_seconds(images, most=self.timings.data.train),
            memory=self.timings.after_export(self._timing.subnets_peak_bytes)
            + self._kept_bytes(images),
            counted=f"{self._variants} networks of {self._candidate_seconds:.3g} s",
        )

    def _selecting(self) -> StageForecast:
        """Scoring candidates at each budget, and measuring those that are chosen."""
        settings, students = self._selection, len(self._students)
        images = FINAL_TIMES * (settings.calibration_images + settings.images)
        measuring = CHOSEN * students * self.measuring_seconds
        trained = students * settings.networks_trained
        told = f", {trained} of them trained for {settings.trained_steps} steps" if trained else ""
        return StageForecast.of(
            "search/selection",
            self._selection_seconds
            + self.timings.reading_seconds(images, most=self.timings.data.train)
            + measuring
            + self._finalists_seconds,
            memory=self.timings.after_export(self._selecting_peak) + self._kept_bytes(images),
            counted=f"{students * settings.count} candidates of {self._candidate_seconds:.3g} s, "
            f"{students * (settings.finalists + settings.always_final)} finalists on "
            f"{FINAL_TIMES} times the images{told}",
        )

    @property
    def _finalists_seconds(self) -> float:
        """Training finalists: they take about what their budgets' networks do."""
        settings, low, high = self._selection, self.timings.narrow, self.timings.wide
        if not settings.trained or low is None or high is None:
            return 0.0
        steps = settings.networks_trained * settings.trained_steps
        return steps * sum(
            by_size(one.cost.macs, low, high, lambda timed: timed.step.seconds)
            for one in self._students
        )

    @property
    def _selecting_peak(self) -> int:
        """The memory of scoring subnets, or of training one beside the supernet."""
        scoring, wide = self._timing.subnets_peak_bytes, self.timings.wide
        if not self._selection.trained or wide is None:
            return scoring
        return scoring + max(0, wide.step.peak_bytes - wide.base_bytes)

    @cached_property
    def _selection(self) -> SelectionSettings:
        """The recipe's, with as many candidates as its hours hold."""
        settings, students = self._settings, len(self._students)
        if settings.hours is None:
            return settings.selection
        return selected_within(settings, self._candidate_seconds, students)[0]

    @property
    def _selection_seconds(self) -> float:
        """Finding and scoring the candidates of all students, and the finalists."""
        return len(self._students) * effort(self._selection) * self._candidate_seconds

    @cached_property
    def _candidate_seconds(self) -> float:
        """Finding, calibrating and scoring one, in the mean of the students; 0 without any."""
        if not self._students:
            return 0.0
        settings, search = self._settings.selection, self._timing
        scored = min(settings.images, self.timings.data.train // 2)
        own = settings.calibration_images * search.calibrated_seconds
        own += -(-scored // self.timings.ranks) * search.scored_seconds
        fitting = settings.probable * search.derive_seconds
        fitting += (1 - settings.probable) * self.timings.target.sampling_seconds
        return fitting + own * fmean(one.cost.macs / search.subnet_macs for one in self._students)

    def _subnets(self) -> StageForecast:
        """Scoring every contender's subnet, its rivals' and random ones of its latency."""
        random = self._students * RANDOM_SUBNETS
        rivals = self._students * (self._selection.always_final if self._selection.count > 1 else 0)
        searched = (one for one in self.work.networks if one.contender.is_searched)
        scored = [*searched, *rivals, *random]
        more = len(random) * self.timings.target.sampling_seconds
        return self._scoring("subnets", scored, most=self.timings.data.val, more=more)

    def _scoring(
        self, name: str, subnets: Sequence[Outlook], *, most: int, more: float
    ) -> StageForecast:
        """Calibrating subnets, and scoring them on so many images at most."""
        search = self._timing
        batches = min(search.settling_batches, max(4, self._settings.calibration_batches))
        scored = min(self._settings.validation_images, most)
        read, half = self._images(batches, self._settings.batch_size)
        seconds = sum(
            batches * search.batch_seconds * one.cost.macs / search.subnet_macs
            + self.timings.scoring_seconds(scored, one.cost.macs, area=self._area)
            for one in subnets
        )
        return StageForecast.of(
            f"search/{name}",
            seconds + self.timings.reading_seconds(read, most=half) + more,
            memory=self.timings.after_export(search.subnets_peak_bytes) + self._kept_bytes(read),
            counted=f"{len(subnets)} subnets: {batches} batches, {scored} images each",
        )
