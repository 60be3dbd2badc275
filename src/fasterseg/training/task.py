"""What there is to train: a network, its data and settings, and the stage that does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from fasterseg.config import TrainingSettings
from fasterseg.learning.precision import Numerics
from fasterseg.network.description import BaselineBuilder, NetworkDescription
from fasterseg.runtime import derived_seed
from fasterseg.training.data import TrainingData
from fasterseg.training.stage import TrainingStage


@dataclass(frozen=True, slots=True)
class Teacher:
    """A network to learn from, and the digest of the bundle that it came from."""

    network: nn.Module
    classes: int
    digest: str


@dataclass(frozen=True, slots=True)
class TrainingTask:
    """One network to train: what it is called, what it is, what it learns from and how."""

    name: str
    description: NetworkDescription
    data: TrainingData
    settings: TrainingSettings
    seed: int
    device: torch.device
    teacher: Teacher | None = None


def stage_of(
    task: TrainingTask,
    numerics: Numerics,
    *,
    baselines: Mapping[str, BaselineBuilder] | None = None,
) -> TrainingStage:
    """A task's stage at its first step, with the weights that its seed gives."""
    weights_seed = derived_seed(task.seed, "weights", task.name)
    return TrainingStage(
        task.description.build_seeded(weights_seed, baselines=baselines),
        name=task.name,
        data=task.data,
        settings=task.settings,
        seed=task.seed,
        numerics=numerics,
        teacher=task.teacher.network if task.teacher else None,
    )
