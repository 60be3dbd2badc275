"""What a training's result depends on: stored when it begins, compared when it is resumed."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any, ClassVar

from fasterseg.artifacts import Artifact
from fasterseg.changes import refuse_changes
from fasterseg.config import TrainingSettings
from fasterseg.foreign.numbers import Deviation, Mean
from fasterseg.stage_folders import TrainingFolder
from fasterseg.training.task import TrainingTask


class TrainingStart(Artifact):
    """All that a training's result depends on; it may not change when a folder is resumed.

    `supernet` is the digest of the weights that its first ones were cut out of, `encoder` that of
    the file that its encoder's came from; empty where these were random.
    """

    schema_tag: ClassVar[str] = "fasterseg/training-plan/1"

    name: str
    network: str
    settings: TrainingSettings
    data: str
    train_split: str
    train_digest: str
    val_split: str
    val_digest: str
    val_images: int | None
    mean: tuple[Mean, Mean, Mean]
    std: tuple[Deviation, Deviation, Deviation]
    teacher: str
    seed: int
    device: str
    precision: str
    supernet: str = ""
    unlabelled: str = ""
    encoder: str = ""

    def content(self) -> dict[str, Any]:
        """The start as a JSON value; how is learned from a teacher is there where one is."""
        content = super().content()
        if not self.teacher:
            del content["settings"]["distillation"]
        return content

    @property
    def asked_live(self) -> bool:
        """Whether an older version began it, which asked the teacher for every crop."""
        return bool(self.teacher) and "distillation" not in self.settings.model_fields_set


def start_of(task: TrainingTask, *, precision: str) -> TrainingStart:
    """The start of a task that computes in `precision`."""
    data = task.data
    return TrainingStart(
        name=task.name,
        network=task.description.digest(),
        settings=task.settings,
        data=data.source.name,
        train_split=data.train_split,
        train_digest=data.source.digest(data.train_split),
        val_split=data.val_split,
        val_digest=data.source.digest(data.val_split),
        val_images=data.val_images,
        mean=data.source.normalisation.mean,
        std=data.source.normalisation.std,
        teacher=task.teacher.digest if task.teacher else "",
        seed=task.seed,
        device=task.device.type,
        precision=precision,
        supernet=task.start.facts.digest if task.start else "",
        unlabelled=data.unlabelled_digest(),
        encoder=task.encoder.digest if task.encoder else "",
    )


def agree_on_start(start: TrainingStart, kept: TrainingFolder) -> None:
    """Store the start, or refuse one that differs from the stored one in what matters.

    Before its first checkpoint nothing was made by the stored one: the new one takes its place.
    """
    begun, there = kept.begun() is not None, kept.began.exists()
    stored = TrainingStart.load(kept.began) if begun or there else None
    if stored is not None and begun:
        asked = start.settings.precision != "auto"
        refuse_changes(
            f"the training of {start.name}",
            stored=_what_matters(stored, precision=asked, live=stored.asked_live),
            wanted=_what_matters(start, precision=asked, live=stored.asked_live),
            where=kept.began,
        )
    elif stored is None or stored.asked_live or stored.content() != start.content():
        kept.allowance.unlink(missing_ok=True)
        start.save(kept.began)


def as_begun(task: TrainingTask, path: Path) -> TrainingTask:
    """The task with what older versions did not write into a start, as it was then.

    The paper's schedule decayed after each pass over the images, and a teacher was asked for every
    crop; a training that began so keeps on so.
    """
    start = TrainingStart.load(path)
    begun, then = start.settings, dict[str, Any]()
    if begun.schedule == "paper" and "steps_per_epoch" not in begun.model_fields_set:
        then["steps_per_epoch"] = ceil(task.data.train_count() / begun.batch_size)
    if start.asked_live:
        then["distillation"] = task.settings.distillation.model_copy(update={"answers": "live"})
    return replace(task, settings=task.settings.model_copy(update=then)) if then else task


def begun_in(kept: TrainingFolder) -> str:
    """The precision that the steps of a training began in; empty before the first one."""
    begun = kept.began.exists() and kept.begun() is not None
    return TrainingStart.load(kept.began).precision if begun else ""


def _what_matters(start: TrainingStart, *, precision: bool, live: bool) -> dict[str, Any]:
    """The start without what leaves the result as it is, and without what is the machine's.

    With `precision`, one was asked for and matters; what was begun `live` goes on so.
    """
    content = start.content()
    for name in ("device",) if precision else ("device", "precision"):
        del content[name]
    # The precision that was chosen stays; batches may be cut up for another machine.
    for name in ("checkpoint_every", "precision", "accumulate", "synchronise_norms"):
        del content["settings"][name]
    distillation = content["settings"].get("distillation", {})
    for name in ("most_disk", *(["answers"] if live else [])):
        distillation.pop(name, None)
    del content["data"]  # its name, which is where it lies: what it is, its digests say
    return content
