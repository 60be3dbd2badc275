"""A search of any size on random images, for timing: all but the data is the real thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from fasterseg.config import ContenderSettings, SearchSettings, SearchSpace
from fasterseg.datasets.loading import Batch
from fasterseg.learning.losses import HardPixels
from fasterseg.runtime import torch_generator
from fasterseg.searching.contenders import Contender, make_contenders
from fasterseg.searching.cosearch import CoSearch, LatencyModel
from fasterseg.searching.latency import ExpectedLatency
from fasterseg.searching.passes import passes_of
from fasterseg.searching.sliced_sgd import MOMENTUM
from fasterseg.searching.weights import Objective, WeightTraining, search_numerics
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.extremes import narrowest
from fasterseg.space.lattice import Lattice
from fasterseg.space.pricing import Pricing
from fasterseg.supernet.supernet import Supernet

Mode = Literal["exact", "sampled"]
CLASSES = 19
BUDGET_MS = 10.0


@dataclass(frozen=True, slots=True)
class Dimensions:
    """How large a search step is."""

    layers: int = 16
    expansions: tuple[int, ...] = (4, 6, 8, 10, 12)
    batch: int = 2
    height: int = 128
    width: int = 224

    def batch_at(self, *words: object) -> Batch:
        """Random images and labels, the same whenever asked for."""
        generator = torch_generator(0, "batch", *words)
        shape = (self.batch, 3, self.height, self.width)
        images = torch.randn(shape, generator=generator)
        labels = torch.randint(CLASSES, (self.batch, *shape[2:]), generator=generator)
        return Batch(images.to(torch.get_default_dtype()), labels, ("random",) * self.batch)


def made_up_cost_ms(spec: BlockSpec) -> float:
    """A millisecond for each hundred million multiply-adds; only its gradients' cost matters."""
    return 0.01 + spec.macs / 1e8


class SearchSetup:
    """Teacher and students of the paper in one supernet, and what a step of them needs."""

    def __init__(
        self, dimensions: Dimensions, settings: SearchSettings, *, students: int = 1
    ) -> None:
        middle, largest = (
            dimensions.expansions[len(dimensions.expansions) // 2],
            dimensions.expansions[-1],
        )
        self.space = SearchSpace(
            layers=dimensions.layers,
            expansions=dimensions.expansions,
            stem_expansions=(middle, largest),
            head_expansions=(middle, largest),
        )
        self.settings = settings
        self.lattice = Lattice(self.space)
        known = [_teacher(largest), *(_student(f"student-{i}", middle) for i in range(students))]
        budgets = {contender.name: BUDGET_MS for contender in known[1:]}
        self.contenders = make_contenders(self.lattice, known, budgets, seed=0)
        self.geometry = Geometry(Size(dimensions.height, dimensions.width), CLASSES)
        self.objective = Objective(
            255,
            settings.auxiliary_weight,
            HardPixels(settings.ohem_threshold, settings.ohem_kept_fraction),
            search_numerics(settings, torch.device("cpu")),
        )
        self.latency = self._latency()

    def supernet(self) -> Supernet:
        """A supernet, always with the same weights."""
        torch.manual_seed(0)
        options = [contender.options for contender in self.contenders]
        return Supernet(self.lattice, CLASSES, contenders=options)

    def cosearch(self, supernet: Supernet, dimensions: Dimensions) -> CoSearch:
        """The package's own search stage, with a momentum for every weight."""
        weights = WeightTraining(supernet, self.objective, self.settings, stage="search")
        names = dict(supernet.named_parameters())
        momenta = {
            f"{name}/{MOMENTUM}": torch.zeros(()).expand(weight.shape)
            for name, weight in names.items()
        }
        weights.optimizer.restore(names, momenta)
        return CoSearch(
            weights,
            passes_of(self.settings, self.contenders, seed=0),
            self.latency,
            weight_batch=lambda step: dimensions.batch_at("weights", step),
            architecture_batch=lambda step: dimensions.batch_at("architecture", step),
            steps=1000,
        )

    def _latency(self) -> LatencyModel:
        options = [contender.options for contender in self.contenders]
        return LatencyModel(
            ExpectedLatency(self.lattice, self.geometry, made_up_cost_ms, contenders=options),
            Pricing(self.geometry, made_up_cost_ms),
            floors_ms={c.name: self._floor(c) for c in self.contenders},
            weights={
                contender.name: {"operators": 0.001, "paths": 0.997, "widths": 0.002}
                for contender in self.contenders
            },
        )

    def _floor(self, contender: Contender) -> float:
        fastest = narrowest(contender.options, self.geometry, made_up_cost_ms)
        return Pricing(self.geometry, made_up_cost_ms)(fastest)


def _teacher(expansion: int) -> ContenderSettings:
    return ContenderSettings(
        name="teacher",
        role="teacher",
        stem_expansion=expansion,
        head_expansion=expansion,
        operators=("conv", "conv_x2", "zoomed_conv", "zoomed_conv_x2"),
    )


def _student(name: str, expansion: int) -> ContenderSettings:
    return ContenderSettings(
        name=name, role="student", stem_expansion=expansion, head_expansion=expansion
    )
