"""Prices of blocks, fitted to a few that were timed."""

from __future__ import annotations

import pytest
from every_spec import all_specs
from small_spaces import GEOMETRY, make_space, make_student

from fasterseg.forecasting.pricing import Prices
from fasterseg.space.blocks import BlockSpec, Size

SPECS = all_specs(make_space(4), [make_student()], GEOMETRY)
TRUE = Prices(per_mac_ms=2e-7, per_byte_ms=3e-7, per_block_ms=0.02)


def test_blocks_that_follow_the_rule_are_priced_exactly() -> None:
    fitted = Prices.fitted([(spec, TRUE(spec)) for spec in SPECS[::3]])
    for spec in SPECS:
        assert fitted(spec) == pytest.approx(TRUE(spec), rel=1e-6)


def test_a_kind_that_is_slower_than_its_cost_is_priced_so() -> None:
    def slow(spec: BlockSpec) -> float:
        return (2.0 if spec.kind == "zoomed_conv" else 1.0) * TRUE(spec)

    fitted = Prices.fitted([(spec, slow(spec)) for spec in SPECS])
    zoomed, plain = (
        next(spec for spec in SPECS if spec.kind == kind) for kind in ("zoomed_conv", "conv")
    )
    assert fitted(zoomed) / slow(zoomed) == pytest.approx(fitted(plain) / slow(plain), rel=0.25)


def test_no_part_of_a_price_is_negative() -> None:
    falling = [(spec, 1.0 / (1 + spec.macs)) for spec in SPECS]
    fitted = Prices.fitted(falling)
    assert min(fitted.per_mac_ms, fitted.per_byte_ms, fitted.per_block_ms) >= 0


def test_an_identity_costs_nothing() -> None:
    same = BlockSpec("skip", (32,), 32, 1, Size(8, 8), Size(8, 8))
    assert TRUE(same) == 0.0
