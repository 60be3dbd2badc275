from __future__ import annotations

import hashlib

import pytest
from small_spaces import every_selection

from fasterseg.config import SearchSpace
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.extremes import narrowest, widest
from fasterseg.space.options import Options
from fasterseg.space.selection import architecture_of

GEOMETRY = Geometry(Size(64, 96), 5)

SPACES = {
    "operators and widths": Options(
        SearchSpace(layers=3, operators=("skip", "conv"), expansions=(4, 8)),
        ("skip", "conv"),
        (4, 8),
        (8,),
        (4, 8),
    ),
    "every outer width": Options(
        SearchSpace(
            layers=3,
            operators=("conv",),
            expansions=(4, 6),
            stem_expansions=(2, 3),
            fusion_expansions=(3, 5, 7),
            head_expansions=(2, 8),
        ),
        ("conv",),
        (4, 6),
        (2, 3),
        (2, 8),
        (3, 5, 7),
    ),
    "outer widths tied": Options(
        SearchSpace(layers=3, operators=("skip",), expansions=(4, 6), stem_expansions=(3, 4, 6)),
        ("skip",),
        (4, 6),
        (3, 4, 6),
        (8, 12),
    ),
    "paths that could meet": Options(
        SearchSpace(layers=7, operators=("conv",), expansions=(4,)), ("conv",), (4,), (4,), (8,)
    ),
    "three branches": Options(
        SearchSpace(layers=5, operators=("conv",), expansions=(4,), branches=(32, 16, 8)),
        ("conv",),
        (4,),
        (4,),
        (8,),
    ),
    "one branch": Options(
        SearchSpace(layers=4, operators=("skip", "conv"), expansions=(4,), branches=(32,)),
        ("skip", "conv"),
        (4,),
        (4,),
        (8,),
    ),
}


def every_architecture(options: Options) -> set[Architecture]:
    return {architecture_of(options.lattice, taken) for taken in every_selection(options)}


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
    options = SPACES[name]
    wired = [wire(found, GEOMETRY).timed_specs() for found in every_architecture(options)]
    assert len(wired) > 10
    for seed in range(3):
        prices = arbitrary_cost(seed)

        def price(specs: tuple[BlockSpec, ...], prices: dict[str, float] = prices) -> float:
            return sum(prices[spec.key] for spec in specs)

        def cost_ms(spec: BlockSpec, prices: dict[str, float] = prices) -> float:
            return prices[spec.key]

        totals = [price(specs) for specs in wired]
        low = wire(narrowest(options, GEOMETRY, cost_ms), GEOMETRY).timed_specs()
        high = wire(widest(options, GEOMETRY, cost_ms), GEOMETRY).timed_specs()
        assert price(low) == pytest.approx(min(totals))
        assert price(high) == pytest.approx(max(totals))
