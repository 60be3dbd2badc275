from __future__ import annotations

from fasterseg.config import SearchSpace, TargetSettings
from fasterseg.latency.enumeration import specs_of
from fasterseg.latency.networks import sample_networks
from fasterseg.latency.table import Entry, LatencyTable, Target
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size
from fasterseg.space.options import Options
from fasterseg.space.widest import widest


def table_by_macs(options: Options) -> LatencyTable:
    target = Target.of(TargetSettings(height=64, width=128), 5)
    specs = specs_of([options], Geometry(Size(64, 128), 5))
    entries = {
        spec.key: Entry(median_ms=0.01 + spec.macs / 1e8, spread_ms=0.0, runs=3) for spec in specs
    }
    return LatencyTable(target=target, conditions={}, entries=entries)


def test_calibration_networks_spread_over_the_spaces_latencies() -> None:
    space = SearchSpace(layers=5, expansions=(4, 8, 12))
    options = Options.of_space(space)
    table = table_by_macs(options)
    found = sample_networks([options], table, count=20, tolerance=0.02, seed=3)
    latencies_ms = [sum(table.measured_ms(spec) for spec in n.specs) for n in found]
    assert len({n.key for n in found}) == len(found) == 20
    assert max(latencies_ms) > 2 * min(latencies_ms)
    assert sorted(latencies_ms[::2])[5] > 1.2 * min(latencies_ms)
    again = sample_networks([options], table, count=20, tolerance=0.02, seed=3)
    assert [n.key for n in again] == [n.key for n in found]


def test_a_space_of_one_network_takes_no_turn_beside_one_that_has_more() -> None:
    space = SearchSpace(layers=5, expansions=(4, 8, 12))
    options = Options.of_space(space)
    table = table_by_macs(options)
    alone = sample_networks([options], table, count=12, tolerance=0.02, seed=3)
    assert len(alone) == 12
    assert (
        sample_networks([widest(options), options], table, count=12, tolerance=0.02, seed=3)
        == alone
    )


def test_a_tiny_space_gives_the_networks_that_it_has() -> None:
    one = {"expansions": (4,), "stem_expansions": (8,), "head_expansions": (8,)}
    space = SearchSpace(layers=3, operators=("conv",), branches=(32,), **one)
    options = Options.of_space(space)
    found = sample_networks([options], table_by_macs(options), count=6, tolerance=0.02, seed=0)
    assert len(found) == 1
