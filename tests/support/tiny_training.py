"""A network small enough to train in a second, on street scenes of 32x64 pixels."""

from __future__ import annotations

from pathlib import Path

import torch

from fasterseg.config import AugmentationSettings, TrainingSettings
from fasterseg.datasets.street import StreetScenes
from fasterseg.network.description import NetworkDescription
from fasterseg.space.architecture import Architecture, Branch, CellChoice
from fasterseg.training.data import TrainingData
from fasterseg.training.training import Teacher, TrainingReport, TrainingTask, train_network

CPU = torch.device("cpu")


def tiny_task(
    *,
    workers: int = 0,
    taught: bool = False,
    device: torch.device = CPU,
    **changes: object,
) -> TrainingTask:
    """A task of twelve steps, with a teacher if `taught`; keywords change its settings."""
    settings = TrainingSettings(
        steps=12,
        lr=0.02,
        batch_size=2,
        evaluate_every=5,
        checkpoint_every=4,
        clip_norm=5.0,
        precision="float32",
        augmentation=AugmentationSettings(crop_height=32, crop_width=32),
    )
    description = NetworkDescription(classes=9, architecture=tiny_architecture())
    source = StreetScenes(size=(32, 64), counts={"train": 6, "val": 2})
    teacher = Teacher(description.build_seeded(7), classes=9, digest="sha256:7")
    return TrainingTask(
        name="student",
        description=description,
        data=TrainingData(source, workers=workers),
        settings=TrainingSettings.model_validate({**settings.model_dump(), **changes}),
        seed=0,
        device=device,
        teacher=teacher if taught else None,
    )


def train_tiny(folder: Path) -> TrainingReport:
    """Train the tiny student with its teacher."""
    return train_network(tiny_task(taught=True), folder)


def tiny_architecture() -> Architecture:
    """Two branches of two narrow cells."""
    coarse = (
        CellChoice(kind="conv", down=True, expansion=1),
        CellChoice(kind="zoomed_conv", expansion=1),
    )
    fine = (CellChoice(kind="skip", expansion=1), CellChoice(kind="conv", expansion=1))
    return Architecture(
        widths={"stem": 1, "head": 1},
        branches=(Branch(stride=16, cells=coarse), Branch(stride=8, cells=fine)),
    )
