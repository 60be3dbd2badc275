"""From block times to network times: a small correction, fitted on whole networks.

``latency = scale * sum(ms) + per_block_ms * blocks + per_byte_ms * border bytes``, one of the last
two being zero.  A block that is timed over and over finds its weights and buffers in the caches;
inside a network the other blocks have taken them.  On another runtime it may be cheaper there, so
the term may be negative, as long as no block of the table gets a negative price.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fasterseg.latency.table import Calibration, Entry, LatencyTable, WholeNetwork
from fasterseg.space.blocks import BlockSpec

Vector = np.ndarray[Any, np.dtype[np.float64]]

NETWORKS_PER_TERM = 3

LEAST_SHARE = 0.1
"""A block costs at least this share of its own median: no calibration makes one free."""


def whole_network(
    table: LatencyTable, specs: Sequence[BlockSpec], measured_ms: float
) -> WholeNetwork:
    """A measured network with the features that a calibration sees of it."""
    return WholeNetwork(
        measured_ms=measured_ms,
        blocks_ms=sum(table.measured_ms(spec) for spec in specs),
        blocks=len(specs),
        border_bytes=sum(spec.border_bytes for spec in specs),
    )


def calibrate(networks: Sequence[WholeNetwork], prices: Sequence[tuple[Entry, int]]) -> Calibration:
    """Fit on all networks; the errors reported are those of a fit on half of them, on the others.

    So the figures tell of networks that a fit has not seen, and the fit that is used is the better
    one that all of them allow.  `prices` are the table's entries with their blocks' border bytes.
    """
    fitted = fit(networks[::2], prices)
    judged = [
        network.model_copy(
            update={"predicted_ms": predict(fitted, network), "held_out": index % 2 == 1}
        )
        for index, network in enumerate(networks)
    ]
    held_out = [network for network in judged if network.held_out]
    return fit(networks, prices).model_copy(
        update={
            "networks": tuple(judged),
            "mape": mape(held_out) if held_out else None,
            "spearman": spearman(held_out) if len(held_out) > 1 else None,
        }
    )


def predict(calibration: Calibration, network: WholeNetwork) -> float:
    """The network's latency by its features."""
    return max(0.0, float(_features([network])[0] @ _coefficients(calibration)))


def fit(networks: Sequence[WholeNetwork], prices: Sequence[tuple[Entry, int]]) -> Calibration:
    """Least squares of the relative error over the terms that the data and the prices allow.

    The scale is fitted alone, with the blocks and with the bytes; with both, held-out errors are
    no smaller (decision 0011).  Of the fits that leave every block at least a tenth of its own
    time the best by Akaike's criterion is taken, so that a term which only follows the noise stays
    out.
    """
    found = [Calibration()]
    for with_blocks, with_bytes in ((False, False), (True, False), (False, True)):
        terms = np.array([True, with_blocks, with_bytes])
        if terms.sum() <= max(1, len(networks) // NETWORKS_PER_TERM):
            found.append(_fit_terms(networks, terms))
    sound = [calibration for calibration in found if _is_sound(calibration, prices)]
    return min(sound, key=lambda calibration: _criterion(calibration, networks))


def _criterion(calibration: Calibration, networks: Sequence[WholeNetwork]) -> float:
    count, terms = len(networks), int(np.count_nonzero(_coefficients(calibration)))
    return count * math.log(_loss(calibration, networks) / count + 1e-20) + 2 * terms


def _fit_terms(networks: Sequence[WholeNetwork], used: Vector) -> Calibration:
    measured = np.array([network.measured_ms for network in networks])
    relative = _features(networks) / measured[:, None]
    size = np.maximum(np.abs(relative).max(axis=0), 1e-30)
    solved, *_ = np.linalg.lstsq((relative / size)[:, used], np.ones(len(networks)), rcond=None)
    coefficients = np.zeros(3)
    coefficients[used] = solved
    scale, per_block_ms, per_byte_ms = (coefficients / size).tolist()
    return Calibration(scale=scale, per_block_ms=per_block_ms, per_byte_ms=per_byte_ms)


def _features(networks: Sequence[WholeNetwork]) -> Vector:
    rows = [[n.blocks_ms, float(n.blocks), float(n.border_bytes)] for n in networks]
    return np.array(rows, dtype=np.float64)


def _coefficients(calibration: Calibration) -> Vector:
    return np.array([calibration.scale, calibration.per_block_ms, calibration.per_byte_ms])


def _loss(calibration: Calibration, networks: Sequence[WholeNetwork]) -> float:
    measured = np.array([network.measured_ms for network in networks])
    predicted = _features(networks) @ _coefficients(calibration)
    return float(np.sum((predicted / measured - 1.0) ** 2))


def _is_sound(calibration: Calibration, prices: Iterable[tuple[Entry, int]]) -> bool:
    return calibration.scale > 0 and all(
        calibration.cost_ms(entry.median_ms, border) >= LEAST_SHARE * entry.median_ms
        for entry, border in prices
    )


def mape(networks: Sequence[WholeNetwork]) -> float:
    """Mean of the relative errors, without sign."""
    return float(np.mean([abs(n.predicted_ms / n.measured_ms - 1.0) for n in networks]))


def spearman(networks: Sequence[WholeNetwork]) -> float:
    """Rank correlation of predicted and measured latency; 0 when one of them does not vary."""
    ranks = [
        _ranks(np.array([getattr(network, name) for network in networks]))
        for name in ("predicted_ms", "measured_ms")
    ]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: Vector) -> Vector:
    """Each value's rank, ties sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means: Vector = ends - (counts - 1) / 2.0
    return means[inverse]
