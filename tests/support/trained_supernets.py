"""A small supernet that has learned something: street scenes, a handful of steps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from small_searches import settings_of
from small_spaces import made_up_cost_ms, make_space, make_student
from torch import Tensor

from fasterseg.config import AugmentationSettings
from fasterseg.datasets.batches.loading import TrainingBatches
from fasterseg.datasets.street import StreetScenes
from fasterseg.learning.schedules import Schedule
from fasterseg.network.network import Network
from fasterseg.searching.search import Search, SearchTask
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.blocks import Size
from fasterseg.space.options import Options
from fasterseg.supernet.supernet import Supernet
from fasterseg.training.data import TrainingData

OPERATORS = ("conv", "zoomed_conv")
BATCH, RATE = 8, 0.05


@dataclass(frozen=True, slots=True)
class TrainedSupernet:
    """The supernet, what its student may take, and the data that it learned from."""

    supernet: Supernet
    options: Options
    data: TrainingData
    augmentation: AugmentationSettings

    def network(self, architecture: Architecture) -> Network:
        """A subnet as it is cut out: its statistics are not numbers."""
        return self.supernet.subnet(architecture, Network)

    def batches(self, seed: int, *, count: int = BATCH) -> TrainingBatches:
        """Training batches in an order of their own."""
        return self.data.batches(self.augmentation, batch_size=count, seed=seed)


def trained_supernet(*, size: tuple[int, int], steps: int, scenes: int = 400) -> TrainedSupernet:
    """Pre-trained as the sampled search does it, at a rate that falls to zero."""
    space = make_space(3, operators=OPERATORS, branches=(16, 8))
    source = StreetScenes(size=size, counts={"train": scenes, "val": scenes})
    augmentation = AugmentationSettings(
        crop_height=size[0], crop_width=size[1], scale_low=1.0, scale_high=1.0, colour=0.2
    )
    settings = settings_of(
        precision="float32",
        pretrain_steps=steps,
        lr=RATE,
        auxiliary_weight=0.2,
        ohem_threshold=1.0,
        ohem_kept_fraction=1.0,
    )
    data = TrainingData(source)
    batches = data.batches(augmentation, batch_size=BATCH, seed=0)
    task = SearchTask(
        space=space,
        contenders=(make_student(operators=OPERATORS),),
        settings=settings,
        budgets_ms={},
        geometry=Geometry(Size(*size), source.label_space.classes),
        cost_ms=made_up_cost_ms,
        feed=lambda _purpose, _count: batches.batch,
        ignore=source.label_space.ignore,
        seed=1,
    )
    search = Search.begin(task)
    (student,) = search.contenders
    trained = TrainedSupernet(search.weights.supernet, student.options, data, augmentation)
    pretraining = search.pretraining()
    pretraining.schedule = Schedule("poly", RATE, steps)
    for index in range(steps):
        pretraining.step(index)
    return trained


def labels_of(network: Network, images: Tensor) -> Tensor:
    """The most probable class of each pixel."""
    with torch.no_grad():
        return network(images).argmax(dim=1)
