"""The one training of every contender: resumable, scored, and handed over as bundles."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from fasterseg.amounts import duration
from fasterseg.artifacts import Artifact
from fasterseg.callbacks import NOBODY, StageTeller
from fasterseg.config import TrainingSettings
from fasterseg.datasets.sample import ImageSize
from fasterseg.errors import UsageError
from fasterseg.events import Progress, Warn, silent, warn_on_stderr
from fasterseg.learning.machines import formats_of_others, machines_of
from fasterseg.learning.precision import Numerics
from fasterseg.learning.sharing import BY_ITSELF, Sharing
from fasterseg.learning.step_times import Now
from fasterseg.learning.stepping import CLOCK, Course, run_steps
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.card import (
    NOTHING_PRETRAINED,
    Card,
    Facts,
    Score,
    SupernetFacts,
    TrainingFacts,
    TrainingSegment,
    Which,
    told_segments,
)
from fasterseg.network.description import BaselineBuilder
from fasterseg.network.teacher_facts import TaughtFacts, little_lead, told_lead
from fasterseg.space.blocks import Size
from fasterseg.stage_folders import TrainingFolder
from fasterseg.stopping import StopRequest
from fasterseg.training.beginning import (
    TrainingStart,
    agree_on_start,
    as_begun,
    begun_in,
    start_of,
)
from fasterseg.training.counting import with_step_count
from fasterseg.training.segments import TrainingSegments, note_segment, numerics_of, segment_from
from fasterseg.training.sharing import shared_stage
from fasterseg.training.stage import SCORING_SECONDS, WAITING_SECONDS, TrainingStage
from fasterseg.training.task import Teacher, TrainingTask, begun_network
from fasterseg.training.telling import TrainingTeller

__all__ = ["Teacher", "TrainingReport", "TrainingTask", "train_network"]

KINDS: tuple[Which, ...] = ("best", "last", "ema")


class Clock(Facts):
    """What a wall clock told; left out when two runs are compared.

    Of all `seconds` so many went into scoring, and into waiting for data.
    """

    seconds: float
    images_per_second: float
    scoring_seconds: float = 0.0
    waiting_seconds: float = 0.0

    def describe(self) -> str:
        """The time and where it went, in one line."""
        share = 100 / self.seconds if self.seconds > 0 else 0.0
        return (
            f"{duration(self.seconds)}, {self.images_per_second:.1f} images/s; "
            f"scoring took {share * self.scoring_seconds:.1f} % of it, "
            f"waiting for data {share * self.waiting_seconds:.1f} %"
        )


class TrainingReport(Artifact):
    """How a training went: the scores of its three sets of weights, and how it computed."""

    schema_tag: ClassVar[str] = "fasterseg/training-report/1"

    name: str
    steps: int
    scores: dict[Which, Score]
    teacher: str
    device: str
    precision: str
    precision_reason: str
    clock: Clock
    pretrained: str = NOTHING_PRETRAINED
    supernet: SupernetFacts | None = None
    segments: tuple[TrainingSegment, ...] = ()
    taught_by: TaughtFacts | None = None

    @property
    def lead(self) -> float | None:
        """By how much the teacher is ahead, as a share of one; None where that is not known."""
        if self.taught_by is None or "best" not in self.scores:
            return None
        return self.taught_by.lead_over(self.scores["best"])

    def describe(self) -> str:
        """The scores, a line each, and how far ahead a teacher is."""
        lines = [
            f"{self.name}: {self.steps} steps, {self.precision} ({self.precision_reason})",
            f"  {self.clock.describe()}",
            *([f"  {self.pretrained}"] if self.pretrained != NOTHING_PRETRAINED else []),
            *([f"  {self.supernet.describe()}"] if self.supernet else []),
            *([f"  {self.taught_by.describe()}"] if self.taught_by else []),
            *(f"  {line}" for line in told_segments(self.segments)),
        ]
        lines += [
            f"  {which}: mIoU {100 * score.mean_iou:.2f} % on {score.split}, step {score.step}"
            for which, score in self.scores.items()
        ]
        return "\n".join([*lines, *self._led()])

    def _led(self) -> list[str]:
        """By how much the teacher is ahead on the same images, where that is known."""
        if self.lead is None:
            return []
        warned = little_lead(self.lead)
        return [f"  warning: {warned}" if warned else f"  its teacher is {told_lead(self.lead)}"]


def train_network(
    task: TrainingTask,
    folder: Path,
    *,
    progress: Progress = silent,
    stop: StopRequest | None = None,
    baselines: Mapping[str, BaselineBuilder] | None = None,
    clock: Now = time.monotonic,
    warn: Warn = warn_on_stderr,
    sharing: Sharing = BY_ITSELF,
    teller: StageTeller = NOBODY,
) -> TrainingReport:
    """Train a network in a folder, resumed where it was stopped, and save its three bundles.

    The folder then holds the bundles ``best`` (by validation score), ``last`` and ``ema``, and
    ``report.json``.  Hours become a number of steps before the first one.  Another machine, other
    versions, another number of threads or of ranks that are `sharing` the steps may go on: `warn`
    is told, and ``segments.json``, cards and report say which steps were computed by what; `teller`
    is told of steps, scores and checkpoints.  Raises
    `UsageError` with a diff when the folder was begun otherwise, `EnvironmentFault` for a precision
    that the device lacks, and `Interrupted` after a stop.
    """
    _require_same_classes(task)
    kept = TrainingFolder(folder)
    machines = machines_of(sharing.ranks, task.device)
    numerics = numerics_of(task, begun_in(kept), others=formats_of_others(machines))
    start = start_of(task, precision=numerics.precision)
    agree_on_start(start, kept)
    task = as_begun(task, kept.began)
    if kept.is_finished():
        known = TrainingReport.load(kept.report)
        progress(known.steps, known.steps, task.name)
        return known
    if task.settings.hours is not None:
        progress(0, 0, f"counting the steps of {task.settings.hours:g} hours")
    task = with_step_count(task, kept, sharing=sharing, baselines=baselines, clock=clock)
    if task.start is not None and kept.stepped() is None:
        progress(0, 0, "measuring the statistics of the supernet's slices")
    first = begun_network(task, baselines=baselines) if kept.stepped() is None else None
    with shared_stage(
        task, numerics, sharing=sharing, baselines=baselines, network=first, stop=stop
    ) as (stage, lead):
        course = run_steps(
            lead.stage(stage, warn=warn),
            folder,
            steps=task.settings.steps,
            checkpoint_every=task.settings.checkpoint_every,
            progress=progress,
            stop=lead.stop,
            name=task.name,
            warn=warn,
            resumed=lambda done: note_segment(
                kept,
                segment_from(done + 1, task, numerics, machines=machines),
                name=task.name,
                warn=warn,
            ),
            teller=TrainingTeller(teller.stage, teller.hear, task.name),
        )
    return _hand_over(task, kept, start, stage, course, numerics)


def _hand_over(
    task: TrainingTask,
    kept: TrainingFolder,
    start: TrainingStart,
    stage: TrainingStage,
    course: Course,
    numerics: Numerics,
) -> TrainingReport:
    """Save the three bundles, then the report."""
    segments = TrainingSegments.of_training(kept)
    for which in KINDS:
        card = card_of(task, start, which=which, score=stage.scores[which], segments=segments)
        bundle = ModelBundle(task.description, stage.weights(which), card)
        bundle.save(kept.bundle(which).root, replace=True)
    report = TrainingReport(
        name=task.name,
        steps=course.steps,
        scores=stage.scores,
        teacher=start.teacher,
        device=start.device,
        precision=start.precision,
        precision_reason=numerics.reason,
        clock=_clock(course.seconds, task.settings, course.events()),
        pretrained=task.pretrained,
        supernet=task.start.facts if task.start else None,
        segments=segments,
        taught_by=task.taught_by,
    )
    report.save(kept.report)
    return report


def card_of(
    task: TrainingTask,
    start: TrainingStart,
    *,
    which: Which,
    score: Score,
    segments: tuple[TrainingSegment, ...] = (),
) -> Card:
    """The card of one of the task's three bundles."""
    settings = task.settings
    height, width = settings.augmentation.crop
    facts = TrainingFacts(
        data=start.data,
        data_digest=start.train_digest,
        split=start.train_split,
        images=task.data.source.length(start.train_split),
        terms=task.terms,
        resolution=f"{height}x{width}",
        steps=settings.steps,
        batch_size=settings.batch_size,
        seed=task.seed,
        precision=start.precision,
        teacher=start.teacher,
        pretrained=task.pretrained,
        supernet=task.start.facts if task.start else None,
        segments=segments,
        taught_by=task.taught_by,
    )
    return Card(
        name=task.name,
        which=which,
        label_space=task.data.source.label_space,
        mean=start.mean,
        std=start.std,
        reading=task.data.source.reading,
        size=_sized(task.data.source.working_size),
        training=facts,
        scores=(score,),
    )


def _sized(size: ImageSize | None) -> Size | None:
    return None if size is None else Size(*size)


def _require_same_classes(task: TrainingTask) -> None:
    wanted = task.data.source.label_space.classes
    for who, classes in (
        (task.name, task.description.classes),
        ("its teacher", task.teacher.classes if task.teacher else wanted),
    ):
        if classes != wanted:
            raise UsageError(
                f"{who} has {classes} classes and the data {wanted}",
                where=f"training of {task.name} on {task.data.source.name}",
                next_step="take a network that was made for this data",
            )


def _clock(
    seconds: float, settings: TrainingSettings, events: Iterable[Mapping[str, Any]]
) -> Clock:
    pace = settings.steps * settings.batch_size / seconds if seconds > 0 else 0.0
    told = [event[CLOCK] for event in events]
    scoring, waiting = (
        sum(one.get(key, 0.0) for one in told) for key in (SCORING_SECONDS, WAITING_SECONDS)
    )
    return Clock(
        seconds=round(seconds, 3),
        images_per_second=round(pace, 3),
        scoring_seconds=round(scoring, 3),
        waiting_seconds=round(waiting, 3),
    )
