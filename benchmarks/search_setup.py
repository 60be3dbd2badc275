"""A search of any size on random images, for timing: all but the data is the real thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from fasterseg.config import ContenderSettings, SearchSettings, SearchSpace
from fasterseg.datasets.batches.loading import Batch, Share
from fasterseg.runtime import torch_generator
from fasterseg.searching.cosearch import CoSearch
from fasterseg.searching.search import Search, SearchTask, fresh_supernet
from fasterseg.searching.steps.sliced_sgd import MOMENTUM
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.search_space import Branches
from fasterseg.supernet.supernet import Supernet

Mode = Literal["exact", "sampled"]
CLASSES = 19
BUDGET_MS = 10.0
WHOLE = Share()


@dataclass(frozen=True, slots=True)
class Dimensions:
    """How large a search step is."""

    layers: int = 16
    expansions: tuple[int, ...] = (4, 6, 8, 10, 12)
    batch: int = 2
    height: int = 128
    width: int = 224
    branches: Branches | tuple[Branches, ...] = (32, 16)

    def batch_at(self, *words: object, share: Share = WHOLE) -> Batch:
        """Random images and labels, the same whenever asked for; a rank's share of them."""
        generator = torch_generator(0, "batch", *words)
        shape = (self.batch, 3, self.height, self.width)
        images = torch.randn(shape, generator=generator)
        labels = torch.randint(CLASSES, (self.batch, *shape[2:]), generator=generator)
        own = [*share.within(self.batch)]
        wide = images[own].to(torch.get_default_dtype())
        return Batch(wide, labels[own], ("random",) * len(own))


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
            branches=dimensions.branches,
        )
        known = (_teacher(largest), *(_student(f"student-{i}", middle) for i in range(students)))
        penalty = settings.penalty.model_copy(update={"balanced": False})
        self.task = SearchTask(
            space=self.space,
            contenders=known,
            settings=settings.model_copy(update={"steps": 1000, "penalty": penalty}),
            budgets_ms={contender.name: BUDGET_MS for contender in known[1:]},
            geometry=Geometry(Size(dimensions.height, dimensions.width), CLASSES),
            cost_ms=made_up_cost_ms,
            feed=lambda purpose, _: lambda step: dimensions.batch_at(purpose, step),
            ignore=255,
        )
        self.search = Search.begin(self.task)

    def supernet(self) -> Supernet:
        """A supernet, always with the same weights."""
        return fresh_supernet(self.task, self.search.passes.contenders)

    def cosearch(self) -> CoSearch:
        """The package's own search stage, with a momentum for every weight."""
        weights = self.search.weights
        names = dict(weights.supernet.named_parameters())
        momenta = {
            f"{name}/{MOMENTUM}": torch.zeros(()).expand(weight.shape)
            for name, weight in names.items()
        }
        weights.optimizer.restore(names, momenta)
        return self.search.cosearch()


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
