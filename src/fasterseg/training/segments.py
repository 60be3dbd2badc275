"""Which steps of a training were computed by what: machines and versions may change meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

import torch

from fasterseg.artifacts import Artifact
from fasterseg.changes import differences
from fasterseg.config import FloatPrecision
from fasterseg.errors import EnvironmentFault
from fasterseg.events import Warn
from fasterseg.learning.machines import Machine, device_name
from fasterseg.learning.precision import Formats, Numerics, choose_numerics
from fasterseg.network.card import TrainingSegment
from fasterseg.runtime import processor_name
from fasterseg.stage_folders import TrainingFolder
from fasterseg.training.task import TrainingTask
from fasterseg.version import __version__


class TrainingSegments(Artifact):
    """All steps of a training in their order; the last segment reaches to its planned end."""

    schema_tag: ClassVar[str] = "fasterseg/training-segments/1"

    segments: tuple[TrainingSegment, ...] = ()

    @classmethod
    def of_training(cls, kept: TrainingFolder) -> tuple[TrainingSegment, ...]:
        """The segments of a training; none where there is no such file."""
        return cls.load(kept.segments).segments if kept.segments.is_file() else ()


def note_segment(kept: TrainingFolder, now: TrainingSegment, *, name: str, warn: Warn) -> None:
    """Record what computes the steps from `now.first` to the end; the steps before it stay.

    `warn` is told when that is something else than what computed those.
    """
    before = TrainingSegments.of_training(kept)
    if not before and now.first > 1:
        before = (_unrecorded(now),)
    earlier = [
        segment.model_copy(update={"last": min(segment.last, now.first - 1)})
        for segment in before
        if segment.first < now.first
    ]
    if now.first > now.last:
        found = earlier
    elif earlier and earlier[-1].conditions() == now.conditions():
        found = [*earlier[:-1], earlier[-1].model_copy(update={"last": now.last})]
    else:
        found = [*earlier, now]
        if earlier and earlier[-1].processor:
            changes = "; ".join(differences(earlier[-1].conditions(), now.conditions()))
            warn(
                f"{name}: steps {now.first} to {now.last} are not computed by what computed those "
                f"before them, so the end is not bit for bit that of one machine: {changes}"
            )
    if tuple(found) != TrainingSegments.of_training(kept):
        TrainingSegments(segments=tuple(found)).save(kept.segments)


def segment_from(
    first: int, task: TrainingTask, numerics: Numerics, *, machines: Sequence[Machine] = ()
) -> TrainingSegment:
    """The steps from `first` to a task's end, as they are computed now: by this process alone.

    Where it leads others, `machines` says for each rank what it computes on.
    """
    return TrainingSegment(
        first=first,
        last=task.settings.steps,
        processor=processor_name(),
        torch=str(torch.__version__),
        fasterseg=__version__,
        threads=torch.get_num_threads(),
        device=device_name(task.device),
        precision=numerics.precision,
        ranks=max(1, len(machines)),
        machines=tuple(one.words for one in machines) if len(machines) > 1 else (),
    )


def _unrecorded(now: TrainingSegment) -> TrainingSegment:
    """The steps that a version computed which recorded nothing of this."""
    return TrainingSegment(
        first=1,
        last=now.first - 1,
        processor="",
        torch="",
        fasterseg="",
        threads=0,
        device="",
        precision="",
    )


def numerics_of(task: TrainingTask, begun: str, *, others: Formats | None = None) -> Numerics:
    """What a task computes in; with ``auto``, what it began in where every device has that.

    `begun` is empty before the first step.  Raises `EnvironmentFault` for a format that was asked
    for and that the device lacks, or that of another rank.
    """
    chosen = choose_numerics(task.settings.precision, task.device, others=others)
    if task.settings.precision != "auto" or begun in ("", chosen.precision):
        return chosen
    try:
        kept = choose_numerics(cast(FloatPrecision, begun), task.device, others=others)
    except EnvironmentFault:
        return chosen
    return Numerics(kept.precision, kept.device, "as the steps before")
