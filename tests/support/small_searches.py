"""A whole search in a supernet so small that a step takes a fraction of a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from small_spaces import GEOMETRY, made_up_cost_ms, make_space, make_student, make_teacher

from fasterseg.config import ContenderSettings, SearchSettings, SearchSpace
from fasterseg.datasets.batches.loading import Batch, Share
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.runtime import torch_generator
from fasterseg.searching.cosearch import CoSearch
from fasterseg.searching.pretraining import Pretraining
from fasterseg.searching.search import Purpose, Search, SearchTask
from fasterseg.searching.steps.contenders import Contender
from fasterseg.searching.steps.target import LatencyModel
from fasterseg.searching.steps.weights import WeightTraining

CLASSES = 3
IGNORE = 255
CPU = torch.device("cpu")
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


def shared(batch: Batch, share: Share) -> Batch:
    """A rank's part of a batch."""
    own = share.within(len(batch.names))
    images, labels, names = (
        one[own.start : own.stop] for one in (batch.images, batch.labels, batch.names)
    )
    return replace(batch, images=images, labels=labels, names=names)


@dataclass(frozen=True, slots=True)
class SmallSearch:
    """A search, its two stages begun."""

    search: Search
    pretraining: Pretraining
    cosearch: CoSearch

    @property
    def contenders(self) -> tuple[Contender, ...]:
        """Who searches."""
        return self.search.contenders

    @property
    def weights(self) -> WeightTraining:
        """The supernet's training."""
        return self.search.weights

    @property
    def latency(self) -> LatencyModel:
        """What is known of the made-up target."""
        return self.search.latency


def settings_of(**changes: Any) -> SearchSettings:
    """Settings for a handful of steps; the hardest pixels count, the penalty's weights are set."""
    known = {
        "pretrain_steps": 4,
        "steps": 4,
        "random_widths": 1,
        "control_every": 2,
        "ohem_threshold": 0.7,
        "ohem_kept_fraction": 1 / 16,
        "penalty": {"operators": 0.3, "paths": 0.4, "widths": 0.3},
    }
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
    note: Callable[[str], object] | None = None,
    device: torch.device = CPU,
    ranks: Ranks = ALONE,
    **changes: Any,
) -> SmallSearch:
    """A search by teacher and student, or by other contenders; `changes` are its settings.

    Of several `ranks` this one learns from its share of the batches.
    """
    wanted = contenders or CONTENDERS

    def feed(purpose: Purpose, _count: int) -> Callable[[int], Batch]:
        batch_at = architecture_batch if purpose == "architecture" else weight_batch
        return lambda step: shared(batch_at(step), ranks.share)

    task = SearchTask(
        space=space or SPACE,
        contenders=wanted,
        settings=settings_of(**changes),
        budgets_ms={c.name: budget_ms for c in wanted if c.role == "student"},
        geometry=GEOMETRY,
        cost_ms=made_up_cost_ms,
        feed=feed,
        ignore=IGNORE,
        seed=seed,
        device=device,
        ranks=ranks,
    )
    search = Search.begin(task)
    return SmallSearch(search, search.pretraining(), search.cosearch(warn=warn, note=note))
