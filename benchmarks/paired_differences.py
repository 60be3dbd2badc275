"""Arms of one comparison, paired by seed: what each brings, its spread, as a table and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SIGNS = (
    "derived_ms",
    "lowest_derived_ms",
    "skip_share",
    "operator_entropy",
    "path_entropy",
    "width_entropy",
)
"""What is told of a search: the most probable architecture's latency at the end and at its lowest,
the share of cells that choose skip, and mean entropies as shares of their maximum."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the half width of its 95 % interval, by Student's t; None for a single value."""

    mean: float
    half_width: float | None

    def __str__(self) -> str:
        """Mean and interval."""
        spread = "" if self.half_width is None else f" ± {self.half_width:.2f}"
        return f"{self.mean:+.2f}{spread}"


# The 97.5 % quantiles of Student's t by degrees of freedom.
T_QUANTILES = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447),
    *(2.365, 2.306, 2.262, 2.228, 2.201),
)


def interval_of(values: Sequence[float]) -> Interval:
    """The mean of paired differences and its 95 % interval; of at most twelve."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return Interval(mean, None)
    error = statistics.stdev(values) / len(values) ** 0.5
    return Interval(mean, T_QUANTILES[len(values) - 2] * error)


@dataclass(frozen=True, slots=True)
class Trained:
    """A network after its training; `mean_iou` is on the test split, a share of one."""

    mean_iou: float
    estimated_ms: float
    multiply_adds: int


@dataclass(frozen=True, slots=True)
class SeedResult:
    """All arms of one seed; `signs` are those of `SIGNS` by kind of penalty.

    Latencies are estimates by the latency table, in milliseconds; the budget lies halfway between
    the two ends.
    """

    seed: int
    budget_ms: float
    fastest_ms: float
    slowest_ms: float
    position: float
    teacher: Trained
    searched: Trained
    random: tuple[Trained, ...]
    distilled: Trained
    joint: Trained
    signs: dict[str, dict[str, float]]

    @property
    def random_mean(self) -> float:
        """The mean score of the random architectures."""
        return statistics.fmean(network.mean_iou for network in self.random)


@dataclass(frozen=True, slots=True)
class Effect:
    """A paired difference in points of mean IoU; `stdev` is the sample's, None for one seed."""

    name: str
    arms: str
    by_seed: tuple[float, ...]
    mean: float
    lowest: float
    highest: float
    stdev: float | None


ARMS: dict[str, Callable[[SeedResult], float]] = {
    "position alone": lambda result: result.position,
    "teacher, searched": lambda result: result.teacher.mean_iou,
    "A searched": lambda result: result.searched.mean_iou,
    "B random, mean": lambda result: result.random_mean,
    "C searched, distilled": lambda result: result.distilled.mean_iou,
    "D searched, joint penalty": lambda result: result.joint.mean_iou,
}
EFFECTS: dict[str, tuple[str, Callable[[SeedResult], float]]] = {
    "search": ("A - B", lambda r: r.searched.mean_iou - r.random_mean),
    "distillation": ("C - A", lambda r: r.distilled.mean_iou - r.searched.mean_iou),
    "decoupled penalty": ("A - D", lambda r: r.searched.mean_iou - r.joint.mean_iou),
}


def effects_of(results: Sequence[SeedResult]) -> tuple[Effect, ...]:
    """Each effect over the seeds, in points; there must be at least one seed."""
    return tuple(
        _effect(name, arms, [100 * difference(result) for result in results])
        for name, (arms, difference) in EFFECTS.items()
    )


def _effect(name: str, arms: str, points: list[float]) -> Effect:
    spread = statistics.stdev(points) if len(points) > 1 else None
    mean = statistics.fmean(points)
    return Effect(name, arms, tuple(points), mean, min(points), max(points), spread)


def table_of(results: Sequence[SeedResult]) -> str:
    """The scores, the latencies, the signs of collapse and the effects, as one Markdown table."""
    count = len(results)
    rows = [["", *(f"seed {result.seed}" for result in results), "mean", "min", "max", "s.d."]]
    rows += [["---", *["---:"] * (count + 4)], _heading("test mIoU, %", count)]
    rows += [_row(name, [100 * score(r) for r in results]) for name, score in ARMS.items()]
    for index in range(min(len(result.random) for result in results)):
        scores = [100 * result.random[index].mean_iou for result in results]
        rows.append(_row(f"B random {index + 1}", scores))
    rows.append(_heading("paired differences, points", count))
    rows += [
        _row(f"{effect.name} ({effect.arms})", effect.by_seed, signed=True)
        for effect in effects_of(results)
    ]
    rows += [_heading("estimated latency, ms", count), *_latency_rows(results)]
    rows += [_heading("end of the search", count), *_sign_rows(results)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _latency_rows(results: Sequence[SeedResult]) -> list[list[str]]:
    told: dict[str, Callable[[SeedResult], float]] = {
        "narrowest student": lambda r: r.fastest_ms,
        "budget": lambda r: r.budget_ms,
        "widest student": lambda r: r.slowest_ms,
        "teacher's": lambda r: r.teacher.estimated_ms,
        "A and C": lambda r: r.searched.estimated_ms,
        "B, mean": lambda r: statistics.fmean(n.estimated_ms for n in r.random),
        "D's": lambda r: r.joint.estimated_ms,
    }
    return [_row(name, [of(r) for r in results], digits=3) for name, of in told.items()]


def _sign_rows(results: Sequence[SeedResult]) -> list[list[str]]:
    return [
        _row(f"{sign}, {kind}", [result.signs[kind][sign] for result in results], digits=3)
        for sign in SIGNS
        for kind in results[0].signs
    ]


def _heading(text: str, count: int) -> list[str]:
    return [f"**{text}**", *[""] * (count + 4)]


def _row(name: str, values: Sequence[float], *, digits: int = 2, signed: bool = False) -> list[str]:
    sign = "+" if signed else ""
    ends = [statistics.fmean(values), min(values), max(values)]
    told = [f"{value:{sign}.{digits}f}" for value in (*values, *ends)]
    spread = f"{statistics.stdev(values):.{digits}f}" if len(values) > 1 else "-"
    return [name, *told, spread]
