"""A search that is given one best operator per layer finds it.

A real supernet is pre-trained; then every operator but the planted one of its layer gets noise
on its output, as a worse operator would cost accuracy, and the real co-search has to tell them
apart by the task's loss alone.  One branch at stride 8 and one width, so that the operator is
the only choice there is.  Operators differ by themselves too: `NOISE`, the deviation of what is
added to features whose own is below one, is made large enough to outweigh that.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from random import Random

import pytest
import torch
from small_searches import SmallSearch, coloured_batch, small_search
from small_spaces import make_space, make_teacher
from torch import Tensor

from fasterseg.config import Operator
from fasterseg.layers.blocks import Block
from fasterseg.layers.units import Take
from fasterseg.learning.losses import HardPixels
from fasterseg.runtime import torch_generator
from fasterseg.searching.derivation import derive
from fasterseg.supernet.evaluation import Entering
from fasterseg.supernet.folded import FoldedEvaluation

LAYERS = 8
SEEDS = range(10)
OPERATORS: tuple[Operator, ...] = ("conv", "conv_x2", "zoomed_conv")
NOISE = 2.0
PRETRAINING_STEPS, STEPS = 120, 150


def planted(seed: int) -> list[Operator]:
    """One operator for each layer."""
    generator = Random(seed)
    return [generator.choice(OPERATORS) for _ in range(LAYERS)]


class NoisyEvaluation(FoldedEvaluation):
    """Adds noise to what some operators put out, before it is weighted."""

    def __init__(self, take: Take, noisy: set[Block], generator: torch.Generator) -> None:
        super().__init__(take)
        self.noisy = noisy
        self.generator = generator

    def _operator(self, block: Block, entering: Entering, out: int, gains: Tensor | None) -> Tensor:
        features = super()._operator(block, entering, out, gains)
        if block not in self.noisy:
            return features
        for gain in [None] if gains is None else gains:
            noise = NOISE * torch.randn(features.shape, generator=self.generator)
            features = features + (noise if gain is None else noise * gain[:, None, None])
        return features


def handicap(search: SmallSearch, best: list[Operator], seed: int) -> None:
    """Add noise to the output of every cell's operators but the planted one of its layer."""
    supernet = search.weights.supernet
    noisy = {
        supernet.block(edge.name, kind)
        for edge in supernet.lattice.edges
        for kind in OPERATORS
        if kind != best[edge.node.layer]
    }
    generator = torch_generator(seed, "noise")
    search.weights.objective = replace(
        search.weights.objective,
        evaluation=partial(NoisyEvaluation, noisy=noisy, generator=generator),
    )


def searched(seed: int, mode: str) -> SmallSearch:
    """A search after all its steps; the planted operators are those of the seed."""
    one_width = {"expansions": (2,), "stem_expansions": (2,), "head_expansions": (2,)}
    search = small_search(
        seed=seed,
        mode=mode,
        space=make_space(LAYERS, operators=OPERATORS, branches=(8,), **one_width),
        contenders=(make_teacher(stem_expansion=2, head_expansion=2, operators=OPERATORS),),
        weight_batch=lambda step: coloured_batch(seed, "weights", step),
        architecture_batch=lambda step: coloured_batch(seed, "architecture", step),
        hard_pixels=HardPixels(threshold=1.0),
        pretrain_steps=PRETRAINING_STEPS,
        steps=STEPS,
        weight_lr=0.05,
        architecture_lr=0.05,
        control_every=STEPS,
    )
    for index in range(PRETRAINING_STEPS):
        search.pretraining.step(index)
    handicap(search, planted(seed), seed)
    for index in range(STEPS):
        search.cosearch.step(index)
    return search


def found_operators(search: SmallSearch) -> list[Operator]:
    """What the derived branch takes, layer by layer."""
    contender = search.contenders[0]
    (branch,) = derive(contender.options, contender.parameters.probabilities()).branches
    return [cell.operator for cell in branch.cells]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", ["exact", "sampled"])
def test_a_planted_operator_per_layer_is_found_in_nine_of_ten_seeds(mode: str) -> None:
    hits = [found_operators(searched(seed, mode)) == planted(seed) for seed in SEEDS]
    assert sum(hits) >= 9, hits
