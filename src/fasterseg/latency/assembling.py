"""From measured blocks and whole networks to the finished table, wherever they were measured."""

from __future__ import annotations

from collections.abc import Sequence

from fasterseg.latency.calibration import calibrate, whole_network
from fasterseg.latency.networks import NetworkSpec
from fasterseg.latency.table import LatencyTable, Reference
from fasterseg.space.blocks import BlockSpec


def assembled(
    table: LatencyTable, specs: Sequence[BlockSpec], measured: Sequence[tuple[NetworkSpec, float]]
) -> LatencyTable:
    """The table of these blocks, calibrated on networks and their milliseconds.

    Its reference is the network in the middle of them.
    """
    prices = [(table.entries[spec.key], spec.border_bytes) for spec in specs]
    whole = [whole_network(table, network.specs, ms) for network, ms in measured]
    return table.model_copy(
        update={"calibration": calibrate(whole, prices), "reference": _middle(measured)}
    )


def _middle(measured: Sequence[tuple[NetworkSpec, float]]) -> Reference:
    ordered = sorted(measured, key=lambda pair: pair[1])
    network, measured_ms = ordered[len(ordered) // 2]
    return Reference(architecture=network.architecture, measured_ms=measured_ms)
