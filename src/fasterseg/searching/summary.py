"""What a search came to, in numbers: the file that the report reads beside the architectures."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from fasterseg.artifacts import Artifact


class SummaryPart(BaseModel):
    """A part of the summary; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ContenderSummary(SummaryPart):
    """One contender's end.  Latencies are milliseconds of the whole job on the target.

    `derived_ms` is the table's estimate of the most probable architecture, `estimated_ms` that of
    the architecture handed over, after it was fitted to the budget.  The measured ones are of the
    exported graph.  `margins` is the mean gap between the two most probable options, by kind of
    choice.  `candidates` are the medians and 95th percentiles of all that were measured whole.
    """

    name: str
    role: Literal["teacher", "student"]
    budget_ms: float | None = None
    derived_ms: float
    estimated_ms: float
    measured_ms: float | None = None
    measured_p95_ms: float | None = None
    subnet_miou: float | None = None
    margins: dict[str, float] | None = None
    candidates: tuple[tuple[float, float], ...] = ()


class Response(SummaryPart):
    """How far the supernet's expected latency moves when one kind of choice alone is turned."""

    kind: str
    lowest_ms: float
    highest_ms: float

    @property
    def span_ms(self) -> float:
        """Milliseconds between the two ends."""
        return self.highest_ms - self.lowest_ms


class SearchSummary(Artifact):
    """What a search came to: its contenders, the space's ends, and what else was measured.

    `penalty_weights` are the weights of the penalty's terms by kind of choice;
    `random_subnet_mious` score random architectures of the first student's latency in the same
    supernet, as shares of one.
    """

    schema_tag: ClassVar[str] = "fasterseg/search-summary/1"

    contenders: tuple[ContenderSummary, ...]
    responses: tuple[Response, ...] = ()
    penalty_weights: dict[str, float] = Field(default_factory=dict)
    fastest_ms: float | None = None
    slowest_ms: float | None = None
    random_subnet_mious: tuple[float, ...] = ()
    warnings: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return the response table and what each contender came to."""
        lines = ["how the supernet's latency answers to each kind of choice alone:"]
        lines += [
            f"  {r.kind:<10} {r.lowest_ms:8.3f} to {r.highest_ms:8.3f} ms, "
            f"range {r.span_ms:.3f} ms, penalty weight {self.penalty_weights.get(r.kind, 0.0):.4f}"
            for r in self.responses
        ]
        for found in self.contenders:
            budget = "" if found.budget_ms is None else f", budget {found.budget_ms:.3f} ms"
            measured = "" if found.measured_ms is None else f", measured {found.measured_ms:.3f} ms"
            lines.append(f"{found.name}: estimated {found.estimated_ms:.3f} ms{measured}{budget}")
        return "\n".join(lines)

    def contender(self, name: str) -> ContenderSummary | None:
        """The contender of that name, None when it was not searched."""
        return next((found for found in self.contenders if found.name == name), None)
