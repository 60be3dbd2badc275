from __future__ import annotations

import hashlib
from typing import Any

import pytest
from small_spaces import every_assignment, tied_space

from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.assignment import architecture_of
from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.extremes import cheapest, dearest
from fasterseg.space.options import Options
from fasterseg.space.search_space import SearchSpace

GEOMETRY = Geometry(Size(64, 96), 5)

ONE_WIDTH: dict[str, Any] = {"expansions": (4,), "stem_expansions": (4,), "head_expansions": (8,)}
SPACES = {
    "operators and widths": SearchSpace(
        layers=3,
        operators=("skip", "conv"),
        expansions=(4, 8),
        stem_expansions=(8,),
        head_expansions=(4, 8),
    ),
    "every outer width": SearchSpace(
        layers=3,
        operators=("conv",),
        expansions=(4, 6),
        stem_expansions=(2, 3),
        fusion_expansions=(3, 5, 7),
        head_expansions=(2, 8),
    ),
    "outer widths tied": SearchSpace(
        layers=3, operators=("skip",), expansions=(4, 6), stem_expansions=(3, 4, 6)
    ),
    "plain counts, and ends of their own width": SearchSpace(
        layers=3,
        operators=("conv",),
        expansions=(4, 6),
        stem_expansions=(3,),
        fusion_expansions=("16 channels", "40 channels"),
        head_expansions=(2, 8),
        ends_at_fusion_width=False,
    ),
    "ends of their own width, outer widths tied": SearchSpace(
        layers=3,
        operators=("skip",),
        expansions=(4, 6),
        branches=(32, 16, 8),
        stem_expansions=(3,),
        ends_at_fusion_width=False,
    ),
    "paths that could meet": SearchSpace(layers=7, operators=("conv",), **ONE_WIDTH),
    "three branches": SearchSpace(layers=5, operators=("conv",), branches=(32, 16, 8), **ONE_WIDTH),
    "tied": tied_space(3),
    "tied, and a branch that is lifted": tied_space(3, branches=(16, 8)),
    "one branch": SearchSpace(layers=4, operators=("skip", "conv"), branches=(32,), **ONE_WIDTH),
}
OTHER_KINDS = {
    "stem": ("conv", "conv_x2"),
    "context": ("none", "image_pooling"),
    "fusion.arm": ("arm", "lift"),
    "fusion.join": ("concatenate", "add"),
    "head": ("head", "point_head"),
}
"""More than one kind at many places."""


def every_architecture(options: Options) -> set[Architecture]:
    return {architecture_of(options.lattice, taken) for taken in every_assignment(options)}


def arbitrary_cost(seed: int) -> dict[str, float]:
    """A price for each key that has nothing to do with the block."""

    class Prices(dict[str, float]):
        def __missing__(self, key: str) -> float:
            digest = hashlib.sha256(f"{seed} {key}".encode()).digest()
            self[key] = int.from_bytes(digest[:4], "big") / 2**32
            return self[key]

    return Prices()


@pytest.mark.parametrize("name", SPACES)
def test_both_ends_are_those_that_trying_everything_finds(name: str) -> None:
    options = Options.of_space(SPACES[name])
    assert_ends_are_those_of_trying_everything(options)


@pytest.mark.parametrize("branches", [(32, 16), (16, 8), (32,)])
def test_kinds_outside_the_cells_are_chosen_at_both_ends_too(branches: tuple[int, ...]) -> None:
    space = SearchSpace(
        layers=3, operators=("conv",), branches=branches, kinds=OTHER_KINDS, **ONE_WIDTH
    )
    options = Options.of_space(space)
    if branches == (32, 16):
        kept = {
            name: offered if "32" not in name else offered[-1:]
            for name, offered in options.choices.items()
        }
        options = Options(space, kept)
    assert_ends_are_those_of_trying_everything(options)


def assert_ends_are_those_of_trying_everything(options: Options) -> None:
    wired = [wire(found, GEOMETRY).timed_specs() for found in every_architecture(options)]
    assert len(wired) > 10
    for seed in range(3):
        prices = arbitrary_cost(seed)

        def price(specs: tuple[BlockSpec, ...], prices: dict[str, float] = prices) -> float:
            return sum(prices[spec.key] for spec in specs)

        def cost_ms(spec: BlockSpec, prices: dict[str, float] = prices) -> float:
            return prices[spec.key]

        totals = [price(specs) for specs in wired]
        low = wire(cheapest(options, GEOMETRY, cost_ms), GEOMETRY).timed_specs()
        high = wire(dearest(options, GEOMETRY, cost_ms), GEOMETRY).timed_specs()
        assert price(low) == pytest.approx(min(totals))
        assert price(high) == pytest.approx(max(totals))
