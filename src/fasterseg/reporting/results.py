"""What a run came to for one trained network: the line that the page begins with."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from fasterseg.artifacts import Artifact
from fasterseg.config import Promise, budget_option
from fasterseg.errors import BudgetError, EnvironmentFault
from fasterseg.latency.models import ModelComparison
from fasterseg.told import Told

# By less than this, two measurements of one network differ anyway.
PACE_WORTH_A_WORD = 0.05


class NetworkResult(Artifact):
    """One trained network of a run: its score, and its latency on the target as exported.

    `exported_mean_iou` is the exported graph's own score, None where the images do not have the
    target's size.  Latencies are at the pace of the latency table; `pace` is how many times as
    long everything took while they were measured.  The digests are those of the graph that was
    timed and of the one that was scored (empty where it was not); they are one.

    `timed_at` is the one size that latencies and the budget hold for, `scored_at` that of the
    labels, or all of theirs; empty in results of before they were kept.  `shown_at` is the one
    size that images were brought to for the network, empty where they kept their own.

    `matched` says which model the budget stands for, where it does for one, and `against` how the
    exported network compares with that by turns.

    `promise` says what of the latency is held against the budget; `quiet` whether the machine let
    that be measured; `candidates_ms` what the candidates of the search promised.  `steady` says
    whether the windows of the measurement were near to each other, whatever is promised.
    """

    schema_tag: ClassVar[str] = "fasterseg/network-result/1"

    name: str
    role: str
    mean_iou: float
    exported_mean_iou: float | None = None
    split: str
    scored_at: str = ""
    timed_at: str = ""
    shown_at: str = ""
    budget_ms: float | None
    matched: str = ""
    against: ModelComparison | None = None
    predicted_ms: float | None
    measured_ms: float
    measured_p95_ms: float
    pace: float = 1.0
    timed_digest: str
    scored_digest: str = ""
    bundle: str
    promise: Promise = "median"
    quiet: bool = True
    steady: bool = True
    candidates_ms: tuple[float, ...] = ()

    @property
    def promised_ms(self) -> float:
        """What is held against the budget."""
        return self.measured_p95_ms if self.promise == "p95" else self.measured_ms

    @property
    def meets_budget(self) -> bool:
        """Whether it does, or has none to meet."""
        return self.budget_ms is None or self.promised_ms <= self.budget_ms

    def shortfall(self) -> str:
        """Why it does not, and what comes near; empty where all is well."""
        if self.budget_ms is None:
            return ""
        at = f" at {self.timed_at}" if self.timed_at else ""
        if not self.meets_budget:
            near = sorted(ms for ms in self.candidates_ms if ms > 0)[:3]
            others = ", ".join(f"{ms:.2f} ms" for ms in near)
            return (
                f"{self.name} misses its budget{at}: its {self.promise} is "
                f"{self.promised_ms:.3f} ms, the budget {self.budget_ms:.3f} ms; the nearest "
                f"candidates of the search had {others or 'no other figures'}; next: a new run "
                f"with {budget_option(1.05 * self.promised_ms)}, or the same command on a quieter "
                "machine"
            )
        if not self.quiet:
            return (
                f"the machine was too noisy to promise a {self.promise} of {self.name}: fewer than "
                "four windows of 256 queries were quiet; next: the same command measures again"
            )
        return ""

    @property
    def scored_elsewhere(self) -> bool:
        """Whether scores and latencies are of images of different sizes."""
        return (self.shown_at or self.scored_at) != self.timed_at

    @property
    def by_the_clock_ms(self) -> float:
        """The median at the pace that the machine had while it was measured."""
        return self.measured_ms * self.pace

    @property
    def drifted(self) -> bool:
        """Whether that pace differed from the table's by more than noise does."""
        return abs(self.pace - 1) >= PACE_WORTH_A_WORD

    def describe(self, *, width: int = 10) -> str:
        """One line: score, latency, budget; the name takes so many columns at least."""
        at = f" at {self.timed_at}" if self.timed_at else ""
        budget = "" if self.budget_ms is None else f", budget {self.budget_ms:.2f} ms{at}"
        apart = self.scored_at != self.timed_at
        split = f"{self.split} at {self.scored_at}" if apart else self.split
        split += f" seen at {self.shown_at}" if apart and self.shown_at else ""
        exported = self.exported_mean_iou
        as_exported = "" if exported is None else f", as exported {100 * exported:.2f} %"
        pace = f"; by the clock {self.by_the_clock_ms:.2f} ms" if self.drifted else ""
        return (
            f"{self.name:<{width}} mIoU {100 * self.mean_iou:5.2f} % ({split}{as_exported}), "
            f"measured {self.measured_ms:.2f} ms (p95 {self.measured_p95_ms:.2f})"
            f"{self._beside_its_prediction()}{budget}{pace}{self._beside_its_model()}"
        )

    def _beside_its_prediction(self) -> str:
        """What the table says of it, which knows nothing of a baseline."""
        return "" if self.predicted_ms is None else f", predicted {self.predicted_ms:.2f} ms"

    def _beside_its_model(self) -> str:
        """Which model it was to be as fast as, and whether it is: a line of its own."""
        if not self.matched:
            return ""
        return f"\n  {self.matched}" + (f": it {self.against.describe()}" if self.against else "")


class Verdict(BaseModel):
    """What is to be said of one student, in sentences; an unknown key is an error.

    `sure` says how sure `speed` is and on what it was measured, `beside` what other networks have
    beside its `accuracy`; either may be empty, and so may `classes`.
    `fast_enough` is None while that is not known, or where the machine was too noisy to tell.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    student: str
    fast_enough: bool | None
    speed: str
    sure: str
    accuracy: str
    beside: str
    weak_classes: tuple[str, ...]
    classes: str
    search: str
    help: str
    warnings: tuple[str, ...]

    def describe(self) -> str:
        """The verdict in lines, as a terminal shows it: the page has the rest."""
        told = (self.speed, self.accuracy, self.classes, self.search, self.help)
        warnings = (f"warning: {text}" for text in self.warnings)
        return "\n  ".join([f"verdict on {self.student}:", *filter(None, told), *warnings])


class RunResult(Told, Artifact):
    """What a run came to; `verdicts` are those on its students, which the page tells too."""

    schema_tag: ClassVar[str] = "fasterseg/run-result/1"

    networks: tuple[NetworkResult, ...]
    position_baseline: float
    target: str
    report: str
    notes: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @property
    def exit_code(self) -> int:
        """5 where a student misses its budget, 4 where noise forbids to say, else 0."""
        if not all(network.meets_budget for network in self.networks):
            return BudgetError.exit_code
        noisy = any(network.shortfall() for network in self.networks)
        return EnvironmentFault.exit_code if noisy else 0

    def describe(self) -> str:
        """The networks, what position alone would score, and where the report is."""
        width = max(10, *(len(network.name) for network in self.networks))
        lines = [network.describe(width=width) for network in self.networks]
        share = f"mIoU {100 * self.position_baseline:5.2f} % (no network)"
        lines.append(f"{'position':<{width}} {share}")
        lines += [f"target: {self.target}"]
        lines += [verdict.describe() for verdict in self.verdicts]
        lines += [f"report: {self.report}", *(f"note: {note}" for note in self.notes)]
        return "\n".join([*lines, *filter(None, (one.shortfall() for one in self.networks))])
