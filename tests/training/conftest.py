"""A network small enough to train in a second, on street scenes of 32x64 pixels."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from fasterseg.config import AugmentationSettings, TrainingSettings
from fasterseg.datasets.street import StreetScenes
from fasterseg.network.description import NetworkDescription
from fasterseg.space.architecture import Architecture, Branch, CellChoice
from fasterseg.training.data import TrainingData
from fasterseg.training.training import TrainingTask

MakeTask = Callable[..., TrainingTask]


@pytest.fixture
def make_task() -> MakeTask:
    """A task; keyword arguments change its settings."""

    def task(**changes: object) -> TrainingTask:
        settings = TrainingSettings(
            steps=12,
            batch_size=2,
            evaluate_every=5,
            checkpoint_every=4,
            clip_norm=5.0,
            precision="float32",
            augmentation=AugmentationSettings(crop_height=32, crop_width=32),
        )
        source = StreetScenes(size=(32, 64), counts={"train": 6, "val": 2})
        return TrainingTask(
            name="student",
            description=NetworkDescription(classes=9, architecture=tiny_architecture()),
            data=TrainingData(source),
            settings=TrainingSettings.model_validate({**settings.model_dump(), **changes}),
            seed=0,
            device=torch.device("cpu"),
        )

    return task


def tiny_architecture() -> Architecture:
    """Two branches of two narrow cells."""
    coarse = (
        CellChoice(operator="conv", down=True, expansion=1),
        CellChoice(operator="zoomed_conv", expansion=1),
    )
    fine = (CellChoice(operator="skip", expansion=1), CellChoice(operator="conv", expansion=1))
    return Architecture(
        stem_expansion=1,
        head_expansion=1,
        branches=(Branch(stride=16, cells=coarse), Branch(stride=8, cells=fine)),
    )
