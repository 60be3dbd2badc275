"""What there is to train: a network, its data and settings, and the stage that does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from fasterseg.config import TrainingSettings
from fasterseg.learning.precision import Numerics
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.network.card import NOTHING_PRETRAINED, SupernetFacts
from fasterseg.network.description import BaselineBuilder, NetworkDescription
from fasterseg.network.teacher_facts import TaughtFacts
from fasterseg.runtime import derived_seed
from fasterseg.training.data import TrainingData
from fasterseg.training.stage import TrainingStage


@dataclass(frozen=True, slots=True)
class Teacher:
    """A network to learn from, and the digest of the bundle that it came from.

    Ranks that learn from it too build it by its `description`.
    """

    network: nn.Module
    classes: int
    digest: str
    description: NetworkDescription | None = None


@dataclass(frozen=True, slots=True)
class KeptTeacher:
    """A teacher that was asked about every image before the first step: the data has its answers.

    Ranks that learn from them too open them in that `folder`, as those of this `digest`; those to
    images without labels lie in `unlabelled`.
    """

    classes: int
    digest: str
    folder: Path
    unlabelled: Path | None = None


@dataclass(frozen=True, slots=True)
class SupernetStart:
    """Weights that a training begins with: a supernet's slices, and whose they are.

    `calibrated` cuts them out, with statistics measured on normalised images: on so many `batches`
    of the training's own at most.
    """

    facts: SupernetFacts
    calibrated: Callable[[Iterable[Tensor]], nn.Module]
    batches: int

    def network(self, task: TrainingTask) -> nn.Module:
        """The network of a task before its first step."""
        settings, alone = task.settings, replace(task.data, answers=None, unlabelled=None)
        own = alone.batches(settings.augmentation, batch_size=settings.batch_size, seed=task.seed)
        return self.calibrated(
            own.batch(step).images.to(task.device) for step in range(self.batches)
        )


@dataclass(frozen=True, slots=True)
class EncoderStart:
    """An encoder's learned weights: what learned from what, the digest and the terms of their file.

    `put_into` gives a fresh network these.
    """

    pretrained: str
    digest: str
    terms: str
    put_into: Callable[[nn.Module], None]


@dataclass(frozen=True, slots=True)
class TrainingTask:
    """One network to train: what it is called, what it is, what it learns from and how.

    Without a `start` its first weights are random, a function of the seed, but for those of an
    `encoder` that learned before.  `taught_by` is what its card will say of whom it learned from.
    """

    name: str
    description: NetworkDescription
    data: TrainingData
    settings: TrainingSettings
    seed: int
    device: torch.device
    teacher: Teacher | KeptTeacher | None = None
    start: SupernetStart | None = None
    taught_by: TaughtFacts | None = None
    encoder: EncoderStart | None = None

    @property
    def pretrained(self) -> str:
        """Which of its first weights had learned from other data, in words for its card."""
        return self.encoder.pretrained if self.encoder else NOTHING_PRETRAINED

    @property
    def terms(self) -> str:
        """The terms of the data, and those of what learned before."""
        own = self.data.source.terms
        return f"{own or 'of the data, not known'}; {self.encoder.terms}" if self.encoder else own

    @property
    def live(self) -> Teacher | None:
        """The teacher that is asked at every step; None where its answers were kept."""
        return self.teacher if isinstance(self.teacher, Teacher) else None


def begun_network(
    task: TrainingTask, *, baselines: Mapping[str, BaselineBuilder] | None = None
) -> nn.Module:
    """A task's network before its first step."""
    if task.start is not None:
        return task.start.network(task)
    network = _fresh(task, baselines)
    if task.encoder is not None:
        task.encoder.put_into(network)
    return network


def stage_of(
    task: TrainingTask,
    numerics: Numerics,
    *,
    baselines: Mapping[str, BaselineBuilder] | None = None,
    network: nn.Module | None = None,
    class_weights: tuple[float, ...] | None = None,
    ranks: Ranks = ALONE,
) -> TrainingStage:
    """A task's stage at its first step, with the weights of a network or those of its seed."""
    return TrainingStage(
        network or _fresh(task, baselines),
        name=task.name,
        data=task.data,
        settings=task.settings,
        seed=task.seed,
        numerics=numerics,
        teacher=task.live.network if task.live else None,
        class_weights=class_weights,
        ranks=ranks,
    )


def _fresh(task: TrainingTask, baselines: Mapping[str, BaselineBuilder] | None) -> nn.Module:
    return fresh_network(
        task.description, task.settings, seed=task.seed, name=task.name, baselines=baselines
    )


def fresh_network(
    description: NetworkDescription,
    settings: TrainingSettings,
    *,
    seed: int,
    name: str,
    baselines: Mapping[str, BaselineBuilder] | None = None,
) -> nn.Module:
    """A network with the random weights that its training begins with, by a run's seed."""
    return description.build_seeded(
        derived_seed(seed, "weights", name),
        baselines=baselines,
        fan_in=settings.initialisation == "fan-in",
    )
