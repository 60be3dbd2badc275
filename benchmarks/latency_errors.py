"""Errors of predicted latencies: of whole networks, and of the searched part alone."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fasterseg.latency.calibration import mape, spearman
from fasterseg.latency.networks import NetworkSpec
from fasterseg.latency.table import LatencyTable, WholeNetwork

SPREAD, NEAR = "over the whole range", "within 15 % of one latency"
MOST_ERROR, REPEATS, LEAST_RANK, LEAST_NEAR_RANK, MOST_SHARE = 0.08, 2.0, 0.95, 0.8, 0.5

Cells = Sequence[tuple[float, int]]


@dataclass(frozen=True, slots=True)
class Found:
    """One network: predicted, and measured in each pass at the table's pace, in milliseconds.

    `fixed_ms` is what the table says of its blocks outside of cells; `macs` are those of its cells.
    """

    key: str
    group: str
    predicted_ms: float
    passes_ms: tuple[float, ...]
    fixed_ms: float
    macs: int

    @property
    def measured_ms(self) -> float:
        """The mean of the passes."""
        return statistics.fmean(self.passes_ms)

    @property
    def repeat(self) -> float:
        """How far the passes lie apart, relative to their mean."""
        return (max(self.passes_ms) - min(self.passes_ms)) / self.measured_ms


@dataclass(frozen=True, slots=True)
class Searched:
    """Mean errors on the searched part alone, as shares of its mean latency."""

    table: float
    constant: float
    macs: float


@dataclass(frozen=True, slots=True)
class Errors:
    """What is to be shown; shares of one, and rank correlations."""

    mape: float
    repeat: float
    spearman: float
    spearman_near: float
    searched: Searched

    def verdicts(self) -> Iterator[tuple[str, bool]]:
        """Each figure in words with what it is to be, and whether it is."""
        limit = max(MOST_ERROR, REPEATS * self.repeat)
        yield f"mean error {percent(self.mape)}, at most {percent(limit)}", self.mape <= limit
        for what, rank, least in (
            ("of all", self.spearman, LEAST_RANK),
            (NEAR, self.spearman_near, LEAST_NEAR_RANK),
        ):
            yield f"rank correlation {what} {rank:.3f}, at least {least}", rank >= least
        for what, error in (
            ("the best constant", self.searched.constant),
            ("the best line in multiply-adds", self.searched.macs),
        ):
            own, most = self.searched.table, MOST_SHARE * error
            yield (
                f"searched part alone: mean error {percent(own)}, {what} {percent(error)}, "
                f"to be below half of it",
                own < most,
            )


def errors_of(found: Sequence[Found], cells: Cells) -> Errors:
    """All that is to be shown."""
    return Errors(
        mape=mape(_pairs(found)),
        repeat=statistics.fmean(one.repeat for one in found),
        spearman=spearman(_pairs(found)),
        spearman_near=spearman(_pairs([one for one in found if one.group == NEAR])),
        searched=searched_errors(found, cells),
    )


def _pairs(found: Sequence[Found]) -> list[WholeNetwork]:
    return [
        WholeNetwork(
            measured_ms=one.measured_ms,
            predicted_ms=one.predicted_ms,
            blocks_ms=0.0,
            blocks=1,
            border_bytes=0,
        )
        for one in found
    ]


def searched_errors(found: Sequence[Found], cells: Cells) -> Searched:
    """The errors on the cells of the table, of the best constant, and of the best line in MACs."""
    times_ms = np.array([one.measured_ms - one.fixed_ms for one in found])
    own_ms = np.array([one.predicted_ms - one.fixed_ms for one in found])
    macs = np.array([one.macs for one in found], dtype=np.float64)
    fitted = np.array([time_ms for time_ms, _ in cells])
    features = np.array([(1.0, count) for _, count in cells])
    offset_ms, ms_each = least_squares(features, fitted)

    def error(predicted_ms: np.ndarray) -> float:
        return float(np.mean(np.abs(predicted_ms - times_ms)) / np.mean(times_ms))

    return Searched(
        table=error(own_ms),
        constant=error(np.full(len(found), fitted.mean())),
        macs=error(offset_ms + ms_each * macs),
    )


def mispriced(table: LatencyTable, networks: Sequence[tuple[NetworkSpec, float]]) -> list[str]:
    """By how much the blocks of each kind seem to cost more than the table says, line by line.

    By least squares over the errors of all networks, whose measured milliseconds stand beside them,
    relative to these; with the standard error, and the kind's mean share of a network's latency.
    """
    kinds = sorted({spec.kind for network, _ in networks for spec in network.specs})
    measured = np.array([measured_ms for _, measured_ms in networks])
    costs = np.zeros((len(networks), len(kinds)))
    for row, (network, _) in zip(costs, networks, strict=True):
        for spec in network.specs:
            row[kinds.index(spec.kind)] += table.cost_ms(spec)
    shares = costs / measured[:, None]
    missing = 1.0 - shares.sum(axis=1)
    # Few networks, many kinds: what the data do not tell stays near nothing.
    normal = shares.T @ shares + 1e-4 * np.eye(len(kinds))
    solved = np.linalg.solve(normal, shares.T @ missing)
    left = missing - shares @ solved
    deviations = np.sqrt(np.diag(np.linalg.inv(normal)) * left.var())
    return [
        f"{kind}: {100 * extra:+.1f} % ± {100 * deviation:.1f}, {100 * share:.1f} % of a network"
        for kind, extra, deviation, share in zip(
            kinds, solved, deviations, shares.mean(axis=0), strict=True
        )
    ]


def least_squares(features: np.ndarray, times_ms: np.ndarray) -> np.ndarray:
    """The coefficients of the columns; these may differ by many orders of magnitude."""
    size = np.abs(features).max(axis=0)
    solved, *_ = np.linalg.lstsq(features / size, times_ms, rcond=None)
    return np.asarray(solved / size)


def percent(share: float) -> str:
    """A share in words."""
    return f"{100 * share:.1f} %"
