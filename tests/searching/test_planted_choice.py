"""A search that is given one best operator per layer finds it.

A real supernet is pre-trained; then every operator but the planted one of its layer keeps a tenth
of its features and gets noise, as a worse operator would cost accuracy, and the real co-search has
to tell them apart by the task's loss alone.  One branch at stride 8 and one width, so that the
operator is the only choice there is.  Operators differ by themselves too, and training goes on
under the handicap: it has to outweigh both.  As much noise alone as is bearable while all operators
run does not: later layers average it out, and a double convolution with noise is then really
better than a planted zoomed one.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import product
from random import Random

import pytest
import torch
from noisy_computation import NoisyComputation
from small_searches import CPU, SmallSearch, coloured_batch, small_search
from small_spaces import make_space, make_teacher

from fasterseg.config import Operator
from fasterseg.learning.precision import choose_numerics
from fasterseg.runtime import torch_generator
from fasterseg.searching.derivation import derive
from fasterseg.supernet.relaxation import one_hot

LAYERS = 8
SEEDS = range(20)
LEAST_FOUND = 16
"""Rounding alone, and so the processor, decides single seeds: 19 and 17 of 20 were seen in exact
mode, 18 and 19 in sampled mode.  What finds nine of ten comes below 16 in one run of 23."""
OPERATORS: tuple[Operator, ...] = ("conv", "conv_x2", "zoomed_conv")
NOISE, KEPT = 0.8, 0.1
PRETRAINING_STEPS, STEPS = 360, 300


def planted(seed: int, layers: int = LAYERS) -> list[Operator]:
    """One operator for each layer."""
    generator = Random(seed)
    return [generator.choice(OPERATORS) for _ in range(layers)]


def handicap(search: SmallSearch, best: list[Operator], seed: int) -> None:
    """Spoil the output of every cell's operators but the planted one of its layer."""
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
        computation=partial(
            NoisyComputation,
            deviation=lambda block, _out: NOISE if block in noisy else 0.0,
            generator=generator,
            kept=KEPT,
        ),
    )


def pretrained(
    seed: int, mode: str, *, precision: str = "float32", layers: int = LAYERS, steps: int = STEPS
) -> SmallSearch:
    """A search before its first step, the planted operators those of the seed."""
    one_width = {"expansions": (2,), "stem_expansions": (2,), "head_expansions": (2,)}
    before = PRETRAINING_STEPS * steps // STEPS
    search = small_search(
        seed=seed,
        mode=mode,
        precision=precision,
        space=make_space(layers, operators=OPERATORS, branches=(8,), **one_width),
        contenders=(make_teacher(stem_expansion=2, head_expansion=2, operators=OPERATORS),),
        weight_batch=lambda step: coloured_batch(seed, "weights", step),
        architecture_batch=lambda step: coloured_batch(seed, "architecture", step),
        ohem_threshold=1.0,
        pretrain_steps=before,
        steps=steps,
        lr=0.05,
        architecture_lr=0.05,
        control_every=steps,
    )
    for index in range(before):
        search.pretraining.step(index)
    handicap(search, planted(seed, layers), seed)
    return search


def found_operators(search: SmallSearch) -> list[Operator]:
    """What the derived branch takes, layer by layer, after all steps of the search."""
    for index in range(search.cosearch.steps):
        search.cosearch.step(index)
    contender = search.contenders[0]
    (branch,) = derive(contender.options, contender.parameters.probabilities()).branches
    return [cell.kind for cell in branch.cells]


def loss_of(search: SmallSearch, operators: list[Operator], *, batches: int = 8) -> float:
    """The mean loss of one network under the handicap, with the supernet's weights."""
    now = search.contenders[0].parameters.probabilities()
    chosen = {
        node.kind_choice: one_hot(OPERATORS.index(operators[node.layer]), len(OPERATORS))
        for node in search.contenders[0].options.lattice.nodes
    }
    weights = search.weights
    losses = [
        weights.objective.value(weights.supernet, coloured_batch("loss", batch), now | chosen)
        for batch in range(batches)
    ]
    return float(torch.stack(losses).mean())


MODES = ["exact", "sampled"]


@pytest.mark.parametrize("mode", [pytest.param("exact", marks=pytest.mark.slow), "sampled"])
def test_a_planted_operator_per_layer_is_found_in_a_small_space(mode: str) -> None:
    search = pretrained(1, mode, layers=2, steps=50)
    assert found_operators(search) == planted(1, 2)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_planted_operator_is_the_best_of_its_layer_before_the_search_begins() -> None:
    """In sampled mode: exact mode's weights only ever ran all operators at once."""
    for seed in (3, 5):
        search, best = pretrained(seed, "sampled"), planted(seed)
        least = loss_of(search, best)
        for layer, operator in product(range(LAYERS), OPERATORS):
            if operator != best[layer]:
                other = [*best[:layer], operator, *best[layer + 1 :]]
                assert loss_of(search, other) > least, (seed, layer, operator)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_planted_operator_per_layer_is_found_in_nearly_all_of_twenty_seeds(
    precision: str, mode: str
) -> None:
    if precision == "bfloat16" and choose_numerics("auto", CPU).precision != "bfloat16":
        pytest.skip("the processor has no bfloat16")
    hits = {
        seed: found_operators(pretrained(seed, mode, precision=precision)) == planted(seed)
        for seed in SEEDS
    }
    assert sum(hits.values()) >= LEAST_FOUND, hits
