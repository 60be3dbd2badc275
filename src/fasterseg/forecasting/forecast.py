"""From timings and a workload to what each stage will take; arithmetic alone.

Whatever was timed counts as it was measured for the recipe that it was measured for; for a changed
one it is scaled by the work: multiply-adds and pixels for time and memory, parameters for files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fasterseg.forecasting.costs import TrainingCost, beyond_of, share_of, timed_seconds
from fasterseg.forecasting.report import SECONDS_PER_HOUR, StageForecast
from fasterseg.forecasting.timings import StepTiming, Timings, TrainingTiming
from fasterseg.forecasting.workload import Outlook, Workload, between, patterns_of
from fasterseg.runs import KEPT_CHECKPOINTS
from fasterseg.space.architecture import wire

CANDIDATES = 4
"""Measurements until a student has landed on its budget: most often two to six."""

PROMISE_RETRIES = 1.5
"""Windows that are measured for each one that is needed: some are disturbed."""

NETWORK_SECONDS, NETWORK_RUNS_SHARE = 16.0, 2
BUNDLES = 3
ENTRY_BYTES, EVENT_BYTES, SEARCH_EVENT_BYTES, IMAGE_REPORT_BYTES = 360, 330, 900, 90


@dataclass(frozen=True)
class Forecaster:
    """Forecasts a workload's stages from timings that were taken for the workload `timed`."""

    now: Workload
    timings: Timings
    timed: Workload

    def stages(self) -> tuple[StageForecast, ...]:
        """Every stage in order, and the parts of search and training."""
        return (
            self._check(),
            self._profile(),
            self._pretraining(),
            self._cosearch(),
            self._landing(),
            self._subnets(),
            *self._trainings(),
            self._evaluate(),
            self._measure(),
        )

    @property
    def hours(self) -> float:
        """All stages together."""
        return sum(stage.hours for stage in self.stages())

    # -------------------------------------------------------------------- data, profile

    def _check(self) -> StageForecast:
        data = self.timings.data
        return _stage(
            "check-data",
            data.checked * data.check_seconds * self._image_ratio + data.digest_seconds,
            data.peak_bytes,
            0,
            hours_from=f"{data.checked} images of {1e3 * data.check_seconds:.1f} ms",
        )

    def _profile(self) -> StageForecast:
        target, settings, work = self.timings.target, self.now.recipe.profile, self.now
        blocks = sum(target.call_seconds + timed_seconds(ms, settings) for ms in work.call_times_ms)
        count = settings.calibration_networks
        network = target.sampling_seconds + target.open_seconds + self._network_seconds()
        seconds = work.patterns * target.pattern_seconds + blocks + count * network
        return _stage(
            "profile",
            seconds,
            target.peak_bytes,
            2 * ENTRY_BYTES * (len(work.specs) + count),
            hours_from=f"{len(work.specs)} blocks, {work.patterns} exports, {count} networks",
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
        return timed_seconds(self._middle_ms, whole)

    @property
    def _middle_ms(self) -> float:
        """A network in the middle of the space, as the reference of all measurements is."""
        found = [one.latency_ms for one in self.now.networks]
        found += [ms for one in self.now.ends.values() for ms in (one.lowest_ms, one.highest_ms)]
        return sum(found) / max(1, len(found))

    # --------------------------------------------------------------------------- search

    def _pretraining(self) -> StageForecast:
        step, search = self.timings.search.pretraining, self.now.recipe.search
        return self._steps("search/pretraining", step, search.pretrain_steps)

    def _cosearch(self) -> StageForecast:
        search = self.now.recipe.search
        control = self.timings.search.control_seconds / search.control_every
        step = self.timings.search.cosearch
        return self._steps("search/cosearch", step, search.steps, more=control)

    def _steps(
        self, name: str, step: StepTiming, steps: int, *, more: float = 0.0
    ) -> StageForecast:
        search = self.now.recipe.search
        seconds = self._search_ratio * step.seconds + more
        saves = -(-steps // search.checkpoint_every)
        checkpoint = step.checkpoint_bytes * self._supernet_ratio
        total = steps * seconds + saves * step.save_seconds * self._supernet_ratio
        if name == "search/pretraining":
            total += self.timings.search.setup_seconds
        return _stage(
            name,
            total,
            self._scaled_peak(step.peak_bytes, self._search_base, self._search_ratio),
            min(KEPT_CHECKPOINTS, saves) * checkpoint + steps * SEARCH_EVENT_BYTES,
            hours_from=f"{steps} steps of {seconds:.3g} s (median of {step.timed})",
            disk_from=f"{min(KEPT_CHECKPOINTS, saves)} checkpoints",
        )

    def _landing(self) -> StageForecast:
        students = len(self.now.recipe.students())
        teachers = len(self.now.recipe.contenders) - students
        target, search = self.timings.target, self.timings.search
        measured = students * (2 + CANDIDATES) + teachers
        once = target.open_seconds + self._candidate_seconds(self._middle_ms)
        first = self._end_patterns * target.pattern_seconds + target.open_seconds
        derived = students * CANDIDATES * search.derive_seconds
        return _stage(
            "search/landing",
            measured * once + first + derived,
            target.peak_bytes + search.cosearch.checkpoint_bytes * self._supernet_ratio,
            0,
            hours_from=f"{measured} networks measured, {CANDIDATES} of them for each budget",
            memory_from="exporting, beside the search's weights",
        )

    @property
    def _end_patterns(self) -> int:
        """Exports that the two ends of the space ask for."""
        architectures = [a for one in self.now.ends.values() for a in (one.low, one.high)]
        wirings = [wire(one, self.now.geometry) for one in architectures]
        return len(patterns_of(tuple(spec for one in wirings for spec in one.timed_specs())))

    def _candidate_seconds(self, latency_ms: float) -> float:
        """One measurement in windows; a run of the reference stands beside each run."""
        share = 1 + self._middle_ms / max(latency_ms, 1e-6)
        return self.timings.target.window_seconds * share

    def _subnets(self) -> StageForecast:
        search, settings = self.timings.search, self.now.recipe.search
        students = self.now.recipe.students()
        random = search.random_subnets if students else 0
        batches = min(search.settling_batches, max(4, settings.calibration_batches))
        images = min(settings.validation_images, self.timings.data.val)
        costs = [one.macs for one in self.now.networks]
        costs += [one.macs for one in self.now.networks if one.contender in students[:1]] * random
        ratio = self.now.search_pixels / self.timed.search_pixels / search.subnet_macs
        seconds = sum(
            batches * search.batch_seconds * macs * ratio + images * self._image_seconds(macs)
            for macs in costs
        )
        return _stage(
            "search/subnets",
            seconds + random * self.timings.target.sampling_seconds,
            self._after_export(search.subnets_peak_bytes),
            0,
            hours_from=f"{len(costs)} subnets: {batches} batches, {images} images each",
        )

    # ------------------------------------------------------------------------- training

    def _trainings(self) -> Iterator[StageForecast]:
        ordered = sorted(self.now.networks, key=lambda one: one.contender.role != "teacher")
        for outlook in ordered:
            yield self._training(outlook)

    def _training(self, outlook: Outlook) -> StageForecast:
        settings = self.now.settings_of(outlook.contender)
        cost = self._training_cost(outlook)
        saves = -(-settings.steps // settings.checkpoint_every)
        scorings = -(-settings.steps // settings.evaluate_every) + 1
        images = self.timings.data.val
        seconds = (
            cost.setup_seconds
            + settings.steps * cost.step_seconds
            + saves * cost.save_seconds
            + scorings * images * self._image_seconds(outlook.macs)
        )
        kept = min(KEPT_CHECKPOINTS, saves)
        disk = kept * cost.checkpoint_bytes + BUNDLES * cost.weight_bytes
        return _stage(
            f"train/{outlook.name}",
            seconds,
            self._after_export(cost.peak_bytes),
            disk + settings.steps * EVENT_BYTES,
            hours_from=f"{settings.steps} steps of {cost.step_seconds:.3g} s, "
            f"{scorings} scorings of {images} images",
            disk_from=f"{kept} checkpoints, {BUNDLES} bundles",
        )

    def _training_cost(self, outlook: Outlook) -> TrainingCost:
        """By the network's multiply-adds, between those that were timed."""
        low, high = self._timed_for(outlook)
        share = share_of(outlook.macs, low.macs, high.macs)
        cost = TrainingCost.between(low, high, share)
        was = outlook.contender
        ratio = self.now.training_pixels(was) / self.timed.training_pixels(was)
        return cost.scaled(ratio, beyond=beyond_of(outlook.macs, low.macs, high.macs))

    def _timed_for(self, outlook: Outlook) -> tuple[TrainingTiming, TrainingTiming]:
        timings = self.timings
        if outlook.contender.role == "teacher":
            assert timings.teacher is not None
            return timings.teacher, timings.teacher
        assert timings.narrow is not None
        assert timings.wide is not None
        return timings.narrow, timings.wide

    def _image_seconds(self, macs: float) -> float:
        """Scoring one whole image with a network of that cost: reading, running, counting."""
        known = [t for t in (self.timings.narrow, self.timings.wide, self.timings.teacher) if t]
        ordered = sorted(known, key=lambda one: one.macs)
        low, high = ordered[0], ordered[-1]
        share = (macs - low.macs) / (high.macs - low.macs) if high.macs > low.macs else 0.0
        seconds = between(low.image_seconds, high.image_seconds, share)
        return max(self._sample_seconds, seconds * self._image_ratio)

    # ------------------------------------------------------------- evaluation, measuring

    def _evaluate(self) -> StageForecast:
        data = self.timings.data
        networks = sum(data.test * self._image_seconds(one.macs) for one in self.now.networks)
        position = (data.train + data.test) * self._sample_seconds
        known = [t for t in (self.timings.narrow, self.timings.wide, self.timings.teacher) if t]
        peak = max(one.scoring_peak_bytes for one in known)
        reports = (len(self.now.networks) + 1) * data.test * IMAGE_REPORT_BYTES
        return _stage(
            "evaluate",
            networks + position,
            self._after_export(peak),
            reports,
            hours_from=f"{len(self.now.networks)} networks on {data.test} images",
        )

    def _measure(self) -> StageForecast:
        delivery, networks = self.timings.delivery, self.now.networks
        share = sum(one.parameters for one in networks) / max(1, delivery.parameters)
        return _stage(
            "measure",
            sum(self._delivery_seconds(one) for one in networks),
            self._after_export(delivery.peak_bytes),
            delivery.file_bytes * share,
            hours_from=f"{len(networks)} exports, each verified, scored and timed",
            disk_from=f"{len(networks)} exported files",
        )

    def _delivery_seconds(self, outlook: Outlook) -> float:
        """Export, reading back, verification, the file's and the network's score, the timing."""
        delivery, data, target = self.timings.delivery, self.timings.data, self.timings.target
        image = self._image_seconds(outlook.macs)
        by_file = self._sample_seconds + outlook.latency_ms / 1e3
        export = delivery.export_seconds * outlook.blocks / max(1, delivery.blocks)
        verified = delivery.verified_images * (image + by_file)
        scored = data.test * (image + by_file + self._sample_seconds)
        timing = self._candidate_seconds(outlook.latency_ms)
        if outlook.contender.role == "student" and self.now.recipe.promise == "p95":
            runs = target.promise_queries * PROMISE_RETRIES
            timing = runs * (outlook.latency_ms + self._middle_ms) / 1e3
        return export + verified + scored + timing

    # ---------------------------------------------------------------------------- ratios

    @property
    def _search_ratio(self) -> float:
        return self.now.search_work / self.timed.search_work

    @property
    def _supernet_ratio(self) -> float:
        return self.now.supernet_parameters / self.timed.supernet_parameters

    @property
    def _image_ratio(self) -> float:
        """The data's images against those that were timed; 1 where no recipe decides them."""
        new, old = self.now.image_pixels, self.timed.image_pixels
        return new / old if new and old else 1.0

    @property
    def _sample_seconds(self) -> float:
        return self.timings.data.sample_seconds * self._image_ratio

    @property
    def _search_base(self) -> int:
        return self.timings.search.base_bytes

    def _scaled_peak(self, peak: int, base: int, ratio: float) -> int:
        """A peak whose part above the base grows with the work."""
        return self._after_export(base + int(max(0, peak - base) * ratio))

    def _after_export(self, peak: int) -> int:
        """A run is one process: what profiling left in it stays there."""
        left = self.timings.target.left_bytes - self.timings.search.base_bytes
        return peak + max(0, left)


def _stage(
    name: str,
    seconds: float,
    peak: float,
    disk: float,
    *,
    hours_from: str,
    memory_from: str = "peak of a timing in a process of its own",
    disk_from: str = "counted from the recipe",
) -> StageForecast:
    return StageForecast(
        name=name,
        hours=seconds / SECONDS_PER_HOUR,
        memory_bytes=int(peak),
        disk_bytes=int(disk),
        hours_from=hours_from,
        memory_from=memory_from,
        disk_from=disk_from,
    )
