"""A small network of Cityscapes' 19 classes with random weights, as a bundle."""

from __future__ import annotations

from pathlib import Path

from tiny_training import tiny_architecture

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.layouts.published.cityscapes import LABELS
from fasterseg.datasets.transforming.transforms import Normalisation
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.card import Card, TrainingFacts
from fasterseg.network.description import NetworkDescription


def write_bundle(folder: Path, *, space: LabelSpace = LABELS, size: str = "64x128") -> Path:
    """Write it; another label space gives a network of other classes."""
    normal = Normalisation()
    description = NetworkDescription(classes=space.classes, architecture=tiny_architecture())
    facts = TrainingFacts(
        data="cityscapes",
        data_digest="sha256:0",
        split="train",
        images=4,
        terms="made up",
        resolution=size,
        steps=1,
        batch_size=1,
        seed=0,
        precision="float32",
    )
    card = Card(
        name="student",
        which="best",
        label_space=space,
        mean=normal.mean,
        std=normal.std,
        training=facts,
    )
    return ModelBundle(description, description.build_seeded(0).state_dict(), card).save(folder)
