"""What the networks will take: training, scoring, and handing them over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from fasterseg.amounts import number_of, size
from fasterseg.checkpoints import KEPT_CHECKPOINTS
from fasterseg.config import TrainingSettings
from fasterseg.datasets.sources.joining import share_images
from fasterseg.deploy.benchmark.measuring import PROMISE
from fasterseg.forecasting.forecast import SECONDS_PER_HOUR, StageForecast
from fasterseg.forecasting.shares import told_shares
from fasterseg.forecasting.timings import AnswersTiming, Timings
from fasterseg.forecasting.workload import Outlook, Workload, between, by_size, share_of
from fasterseg.stages import asking_part, training_part
from fasterseg.training.scoring import scoring_interval

PROMISE_RETRIES = 1.5
"""Windows that are measured for each one that is needed: some are disturbed."""

BUNDLES = 3
EVENT_BYTES, IMAGE_REPORT_BYTES = 330, 90


@dataclass(frozen=True)
class NetworksForecast:
    """Forecasts every training, the evaluation, and the measuring."""

    work: Workload
    timings: Timings

    def stages(self) -> Iterator[StageForecast]:
        """In the order of a run: teachers learn first."""
        ordered = sorted(self.work.networks, key=lambda one: one.contender.role != "teacher")
        asked = self.timings.answers
        for outlook in ordered:
            if asked is not None and outlook.contender.role == "student":
                yield self._asking(outlook, asked)
                asked = None  # the others learn from what the first one had asked
            yield self._training(outlook)
        yield self._evaluate()
        yield self._measure()

    def _training(self, outlook: Outlook) -> StageForecast:
        timed, data, role = self.timings, self.timings.data, outlook.contender.role
        low, high = (timed.teacher,) * 2 if role == "teacher" else (timed.narrow, timed.wide)
        assert low is not None
        assert high is not None
        settings, macs = self.work.recipe.training_of(role), outlook.cost.macs
        share = share_of(macs, low.macs, high.macs)
        cost = partial(by_size, macs, low, high)
        step_seconds = cost(lambda one: one.step.seconds)
        scoring = timed.scoring_seconds(data.val, macs)
        steps = self._steps(settings, step_seconds, scoring)
        saves = -(-steps // settings.checkpoint_every)
        scorings = -(-steps // self._scoring_interval(settings, steps)) + 1
        images = min(steps * settings.batch_size, data.trained_on)
        peak = low.base_bytes + cost(lambda one: max(0, one.step.peak_bytes - low.base_bytes))
        checkpoints = min(KEPT_CHECKPOINTS, saves) * cost(lambda one: one.step.checkpoint_bytes)
        bundles = BUNDLES * cost(lambda one: one.weight_bytes)
        return StageForecast.of(
            training_part(outlook.contender.name),
            between(low.setup_seconds, high.setup_seconds, share)
            + self._start_seconds(settings, macs)
            + steps * step_seconds
            + saves * cost(lambda one: one.step.save_seconds)
            + scorings * scoring
            + timed.reading_seconds(images, most=data.trained_on),
            memory=timed.after_export(int(peak)) + timed.kept_bytes(images),
            disk=checkpoints + bundles + steps * EVENT_BYTES,
            counted=f"{steps} steps of {step_seconds:.3g} s, "
            f"{scorings} scorings of {scoring:.2g} s"
            + told_shares(settings, ranks=timed.ranks)
            + (", begun from the supernet" if settings.start == "supernet" else ""),
        )

    def _asking(self, outlook: Outlook, answers: AnswersTiming) -> StageForecast:
        """Asking the teacher once about each image, before the first student's first step."""
        images = self.timings.data.asked
        lone = images - self.timings.data.trained_on
        told = f", {lone} of them without labels" if lone > 0 else ""
        seconds = answers.image_seconds + self.timings.data.sample_seconds
        return StageForecast.of(
            asking_part(outlook.contender.name),
            images * seconds,
            memory=self.timings.after_export(answers.peak_bytes),
            disk=images * answers.image_bytes,
            counted=f"the teacher's answers to {images} images of {seconds:.2g} s{told}, kept in "
            f"{size(answers.image_bytes)} each",
        )

    def _steps(
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
        data = self.timings.data
        return scoring_interval(
            settings.model_copy(update={"steps": steps}),
            train_images=data.trained_on,
            scored_images=data.val,
            seen=data.val_is_seen or self._begun_on_val(settings),
        )

    def _begun_on_val(self, settings: TrainingSettings) -> bool:
        """Whether first weights come from a supernet that learned from what scores are taken on."""
        data = self.work.recipe.data
        return settings.start == "supernet" and share_images(data.train_split, data.val_split)

    def _start_seconds(self, settings: TrainingSettings, macs: float) -> float:
        """Cutting first weights out of the supernet: what measuring a subnet's statistics takes."""
        if settings.start == "fresh":
            return 0.0
        search, own = self.timings.search, self.work.recipe.search
        larger = settings.batch_size / own.batch_size
        return search.settling_batches * search.batch_seconds * larger * macs / search.subnet_macs

    def _evaluate(self) -> StageForecast:
        data, networks = self.timings.data, self.work.networks
        scoring = sum(self.timings.scoring_seconds(data.test, one.cost.macs) for one in networks)
        peak = max(one.scoring_peak_bytes for one in self.timings.trainings)
        return StageForecast.of(
            "evaluate",
            scoring + (data.train + data.test) * data.sample_seconds,  # of positions alone
            memory=self.timings.after_export(peak),
            disk=(len(networks) + 1) * data.test * IMAGE_REPORT_BYTES,
            counted=f"{number_of(len(networks), 'network')} on {number_of(data.test, 'image')}",
        )

    def _measure(self) -> StageForecast:
        delivery, networks = self.timings.delivery, self.work.networks
        share = sum(one.cost.parameters for one in networks) / max(1, self.timings.parameters)
        return StageForecast.of(
            "measure",
            sum(map(self._delivery_seconds, networks)),
            memory=max(delivery.peak_bytes, self.timings.target.left_bytes),
            disk=delivery.file_bytes * share,
            counted=f"{number_of(len(networks), 'export')}, each verified, scored and timed",
        )

    def _delivery_seconds(self, outlook: Outlook) -> float:
        """Export, reading back, verification, the file's and the network's score, the timing."""
        data, delivery = self.timings.data, self.timings.delivery
        image = self.timings.image_seconds(outlook.cost.macs)
        by_file = data.sample_seconds + outlook.cost.latency_ms / 1e3
        export = delivery.export_seconds * outlook.cost.blocks / max(1, self.timings.blocks)
        verified = delivery.verified_images * (image + by_file)
        scored = data.test * (image + by_file + data.sample_seconds)
        timing = self.timings.target.attempts * self.work.candidate_seconds(outlook.cost.latency_ms)
        promised = outlook.contender.role == "student" and self.work.recipe.promise == "p95"
        if promised and self.work.is_timed_here:
            runs = PROMISE.windows * PROMISE.queries * PROMISE_RETRIES
            timing = runs * (outlook.cost.latency_ms + self.work.middle_ms) / 1e3
        return export + verified + scored + timing + self.work.compared_seconds(outlook)
