"""The benchmark's report: each contestant's figures with intervals, comparisons, the machine."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from fasterseg.artifacts import Artifact

BUSY_LOAD = 0.5
CLOCK_DRIFT = 0.03

Verdict = Literal["slower", "faster", "alike", "not compared"]


class Facts(BaseModel):
    """A part of the report; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(Facts):
    """A value with the 95 % interval that resampling gives."""

    value: float
    low: float
    high: float

    def words(self, form: str = ".2f") -> str:
        """The value, and its interval in brackets."""
        return f"{self.value:{form}} [{self.low:{form}}-{self.high:{form}}]"


class Comparison(Facts):
    """How many times as long the second takes as the first, from the rounds that were quiet.

    `ratio` is None, and `reason` says why, where too few of them were.
    """

    first: str
    second: str
    ratio: Figure | None
    verdict: Verdict
    rounds: int
    quiet_rounds: int
    reason: str = ""

    def describe(self) -> str:
        """One line."""
        if self.ratio is None:
            return f"{self.second} was not compared with {self.first}: {self.reason}"
        words = {"alike": "no difference told"}.get(self.verdict, self.verdict)
        return (
            f"{self.second} / {self.first}: {self.ratio.words('.3f')}, {words} "
            f"({self.quiet_rounds} of {self.rounds} rounds were quiet)"
        )


BETWEEN = " · "
"""What stands between the parts of a contestant's name."""


class ContestantFigures(Facts):
    """What was measured of one contestant; times in milliseconds.

    Percentiles are medians over the windows that count; `spread_ms` is their times' median distance
    from the median.  `canary_ms` is the canary's pace beside it.  `audit` compares one repeated
    image with many; `peak_share` is the share of the processor's measured peak that its
    multiply-adds reach, None where one of the two is not known.
    """

    name: str
    facts: dict[str, str]
    p50_ms: Figure
    p90_ms: Figure
    p95_ms: Figure
    p99_ms: Figure
    spread_ms: float
    queries: int
    seconds: float
    window_queries: int
    windows: int
    counting_windows: int
    canary_ms: float
    parts_ms: dict[str, float] = {}
    macs: int | None = None
    peak_share: float | None = None
    audit: Comparison | None = None

    @property
    def model(self) -> str:
        """The model, as it was named; behind it stand runtime, precision and tail."""
        return self.name.rsplit(BETWEEN, 3)[0]


class MachineState(Facts):
    """What changes on a machine; None where the system does not tell.

    Load is that of the last minute, steal the seconds that the host took since it started.
    """

    load: float | None = None
    frequency_mhz: float | None = None
    governor: str | None = None
    steal_seconds: float | None = None
    gpu_mhz: float | None = None


class Machine(Facts):
    """Where it was measured: what stays, and the state before and after."""

    facts: dict[str, str] = {}
    before: MachineState = MachineState()
    after: MachineState = MachineState()

    @property
    def stolen_seconds(self) -> float | None:
        """Processor seconds that the host took in between."""
        if self.before.steal_seconds is None or self.after.steal_seconds is None:
            return None
        return self.after.steal_seconds - self.before.steal_seconds

    def remarks(self) -> list[str]:
        """What speaks against figures from here: other work, and a clock that changed."""
        load, before, after = self.before.load, self.before.frequency_mhz, self.after.frequency_mhz
        found = []
        if load is not None and load >= BUSY_LOAD:
            found.append(f"the machine was busy before the start: its load was {load:.2f}")
        if before and after and abs(after / before - 1.0) > CLOCK_DRIFT:
            found.append(f"the processor's clock went from {before:.0f} to {after:.0f} MHz")
        return found

    def describe(self) -> str:
        """One line."""
        parts = [f"{name} {value}" for name, value in self.facts.items()]
        parts += _change("load", self.before.load, self.after.load)
        parts += _change("MHz", self.before.frequency_mhz, self.after.frequency_mhz)
        parts += _change("MHz of the GPU", self.before.gpu_mhz, self.after.gpu_mhz)
        parts += [f"governor {self.after.governor}"] if self.after.governor else []
        stolen = self.stolen_seconds
        parts += [] if stolen is None else [f"{stolen:.2f} s taken by the host"]
        return ", ".join(parts)


class BenchmarkReport(Artifact):
    """Contestants that were timed by turns in one session.

    A report whose mode is `quick` gives no headline figure: its windows are few and short.
    """

    schema_tag: ClassVar[str] = "fasterseg/benchmark-report/1"

    mode: Literal["headline", "quick"]
    contestants: tuple[ContestantFigures, ...]
    comparisons: tuple[Comparison, ...] = ()
    peak_gflops: float | None = None
    peak_of: str = ""
    machine: Machine = Machine()
    remarks: tuple[str, ...] = ()

    @property
    def refused(self) -> tuple[Comparison, ...]:
        """The comparisons that the machine did not allow."""
        return tuple(one for one in self.comparisons if one.ratio is None)

    def describe(self) -> str:
        """A table of the figures, then parts, comparisons, machine and remarks."""
        lines = [*_table(self), *_part_lines(self.contestants)]
        lines += [f"  {one.describe()}" for one in self.comparisons]
        lines += [f"  {c.name}: {c.audit.describe()}" for c in self.contestants if c.audit]
        if self.peak_gflops is not None:
            lines.append(f"  peak: {self.peak_gflops:.1f} GFLOP/s, {self.peak_of}")
        lines += [f"  machine: {self.machine.describe()}"] if self.machine.describe() else []
        return "\n".join([*lines, *(f"note: {remark}" for remark in self.remarks)])


def _change(name: str, before: float | None, after: float | None) -> list[str]:
    if before is None or after is None:
        return []
    return [f"{name} {before:.4g} before, {after:.4g} after"]


def _table(report: BenchmarkReport) -> list[str]:
    heading = ("", "p50 ms", "p90 ms", "p95 ms [95 % interval]", "p99 ms", "queries", "windows")
    rows = [(*heading, "of peak")]
    for one in report.contestants:
        rows.append(
            (
                one.name,
                f"{one.p50_ms.value:.2f}",
                f"{one.p90_ms.value:.2f}",
                one.p95_ms.words(),
                f"{one.p99_ms.value:.2f}",
                f"{one.queries:,}",
                f"{one.counting_windows} of {one.windows}",
                "" if one.peak_share is None else f"{one.peak_share:.0%}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(_padded(row, widths)).rstrip() for row in rows]


def _padded(row: tuple[str, ...], widths: list[int]) -> list[str]:
    first, *rest = (
        cell.ljust(width) if column == 0 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return [first, *rest]


def _part_lines(contestants: tuple[ContestantFigures, ...]) -> list[str]:
    return [
        f"  {one.name}: " + ", ".join(f"{name} {ms:.2f} ms" for name, ms in one.parts_ms.items())
        for one in contestants
        if one.parts_ms
    ]
