"""A whole search in a supernet so small that a step takes a fraction of a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from small_spaces import GEOMETRY, PRICING, made_up_cost_ms, make_space, make_student, make_teacher

from fasterseg.config import ContenderSettings, SearchSettings, SearchSpace
from fasterseg.datasets.loading import Batch
from fasterseg.learning.losses import HardPixels
from fasterseg.runtime import derived_seed, torch_generator
from fasterseg.searching.contenders import Contender, make_contenders
from fasterseg.searching.cosearch import CoSearch, LatencyModel
from fasterseg.searching.latency import ExpectedLatency
from fasterseg.searching.passes import passes_of
from fasterseg.searching.pretraining import Pretraining
from fasterseg.searching.weights import Objective, WeightTraining, search_numerics
from fasterseg.space.extremes import narrowest
from fasterseg.space.lattice import Lattice
from fasterseg.supernet.supernet import Supernet

CLASSES = 3
IGNORE = 255
CPU = torch.device("cpu")
HARD_PIXELS = HardPixels()
OPERATORS = ("skip", "conv", "zoomed_conv")
SPACE = make_space(3, operators=OPERATORS)
CONTENDERS = (make_teacher(operators=OPERATORS[1:]), make_student(operators=OPERATORS))


def random_batch(*words: object, size: int = 64) -> Batch:
    """Images whose classes are the brightest of three channels; pure in its words."""
    generator = torch_generator(0, "batch", *words)
    images = torch.randn(2, 3, size // 8, size // 8, generator=generator)
    images = torch.nn.functional.interpolate(images, size=(size, size), mode="nearest")
    names = tuple(f"{'-'.join(str(word) for word in words)}-{index}" for index in range(2))
    return Batch(images, images.argmax(dim=1), names)


def coloured_batch(*words: object) -> Batch:
    """Four images of four squares, each square in its class's colour, and a little noise."""
    generator = torch_generator(0, "colours", *words)
    squares = torch.randint(CLASSES, (4, 2, 2), generator=generator)
    labels = squares.repeat_interleave(32, dim=1).repeat_interleave(32, dim=2)
    colours = 2 * torch.nn.functional.one_hot(labels, CLASSES).permute(0, 3, 1, 2) - 0.67
    images = colours + 0.3 * torch.randn(colours.shape, generator=generator)
    return Batch(images, labels, tuple(f"{words}-{index}" for index in range(4)))


@dataclass(frozen=True, slots=True)
class SmallSearch:
    """The parts of a search, each freshly made from a seed."""

    contenders: tuple[Contender, ...]
    weights: WeightTraining
    latency: LatencyModel
    pretraining: Pretraining
    cosearch: CoSearch


def settings_of(**changes: Any) -> SearchSettings:
    """Settings for a handful of steps."""
    known = {"pretrain_steps": 4, "steps": 4, "random_widths": 1, "control_every": 2}
    return SearchSettings.model_validate({**known, **changes})


def small_search(
    *,
    seed: int = 0,
    space: SearchSpace | None = None,
    contenders: tuple[ContenderSettings, ...] | None = None,
    budget_ms: float = 9.0,
    weight_batch: Callable[[int], Batch] = lambda step: random_batch("weights", step),
    architecture_batch: Callable[[int], Batch] = lambda step: random_batch("architecture", step),
    warn: Callable[[str], object] | None = None,
    hard_pixels: HardPixels = HARD_PIXELS,
    device: torch.device = CPU,
    **changes: Any,
) -> SmallSearch:
    """A search by teacher and student, or by other contenders; `changes` are its settings."""
    settings, lattice = settings_of(**changes), Lattice(space or SPACE)
    wanted = contenders or CONTENDERS
    budgets = {c.name: budget_ms for c in wanted if c.role == "student"}
    made = make_contenders(lattice, wanted, budgets, seed=seed)
    options = [contender.options for contender in made]
    torch.manual_seed(derived_seed(seed, "supernet"))
    supernet = Supernet(lattice, CLASSES, contenders=options).to(device)
    numerics = search_numerics(settings, device)
    objective = Objective(IGNORE, settings.auxiliary_weight, hard_pixels, numerics)
    weights = WeightTraining(supernet, objective, settings, stage="search")
    latency = LatencyModel(
        ExpectedLatency(lattice, GEOMETRY, made_up_cost_ms, contenders=options),
        PRICING,
        floors_ms=floors_of(made),
        weights={c.name: {"operators": 0.3, "paths": 0.4, "widths": 0.3} for c in made},
    )
    passes = passes_of(settings, made, seed=seed)
    weight_batch, architecture_batch = (
        placed(weight_batch, device),
        placed(architecture_batch, device),
    )
    pretraining = Pretraining(weights, passes, weight_batch, steps=settings.pretrain_steps)
    cosearch = CoSearch(
        weights,
        passes,
        latency,
        weight_batch=weight_batch,
        architecture_batch=architecture_batch,
        steps=settings.steps,
        warn=warn,
    )
    return SmallSearch(made, weights, latency, pretraining, cosearch)


def placed(batch_at: Callable[[int], Batch], device: torch.device) -> Callable[[int], Batch]:
    """The same batches on a device."""

    def on_device(step: int) -> Batch:
        batch = batch_at(step)
        return replace(batch, images=batch.images.to(device), labels=batch.labels.to(device))

    return on_device


def floors_of(contenders: tuple[Contender, ...]) -> dict[str, float]:
    """The estimate of the fastest network that each contender may take."""
    return {c.name: PRICING(narrowest(c.options, GEOMETRY, made_up_cost_ms)) for c in contenders}
