"""What a search came to, in numbers: the file that the report reads beside the architectures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from fasterseg.artifacts import Artifact
from fasterseg.latency.models import ModelComparison
from fasterseg.searching.summaries.selection_summary import SelectionSummary
from fasterseg.searching.summaries.variant_summary import VariantSummary, described_variants
from fasterseg.space.choices import Section
from fasterseg.space.search_space import Role
from fasterseg.space.widest import Found
from fasterseg.told import Told

NAMES: Mapping[Section, str] = {"kinds": "operators", "paths": "paths", "widths": "widths"}
"""What a section of choices is called in the summary."""


SearchStage = Literal["pre-training", "search"]


class SummaryPart(BaseModel):
    """A part of the summary; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Response(SummaryPart):
    """How far the supernet's expected latency moves when one kind of choice alone is turned."""

    kind: str
    lowest_ms: float
    highest_ms: float

    @property
    def span_ms(self) -> float:
        """Milliseconds between the two ends."""
        return self.highest_ms - self.lowest_ms


def told_scale(image_scale: float) -> str:
    """What is added to a score on smaller images; nothing where they are whole."""
    return "" if image_scale == 1 else f" of images at {image_scale:g} times their size"


class RandomSubnet(SummaryPart):
    """A random architecture, by its file in the run, and its subnet's score, a share of one."""

    name: str
    estimated_ms: float
    miou: float


class KindVisits(SummaryPart):
    """How often a stage trained one kind's weights, where there was more than one to take.

    `even_visits` are what they had been if all that may stand at a place were visited alike.
    """

    stage: SearchStage
    kind: str
    visits: int
    even_visits: float

    @property
    def share(self) -> float:
        """Visits as a share of what is even; nothing was visited: 1."""
        return self.visits / self.even_visits if self.even_visits else 1.0


class ChoicesSummary(SummaryPart):
    """How far one kind of choice is decided: the mean entropies, shares of the greatest.

    `noise_floor` is what noise alone leaves after so many steps, `lowest_by_noise` the lowest that
    may still be noise.
    """

    kind: str
    entropy: float
    noise_floor: float
    lowest_by_noise: float

    @property
    def is_decided(self) -> bool:
        """Whether the search decided something that noise would not have."""
        return self.entropy < self.lowest_by_noise

    def describe(self) -> str:
        """``operators 71.2 % (noise alone leaves 90.3 %)``."""
        return (
            f"{self.kind} {100 * self.entropy:.1f} % "
            f"(noise alone leaves {100 * self.noise_floor:.1f} %)"
        )


class ContenderSummary(SummaryPart):
    """One contender's end.  Latencies are milliseconds of the whole job on the target.

    `derived_ms` is the table's estimate of the most probable architecture, `estimated_ms` that of
    the architecture handed over, after it was fitted to the budget.  The measured ones are of the
    exported graph.  `margins` is the mean gap between the two most probable options, by kind of
    choice.  `candidates` are the medians and 95th percentiles of all that were measured whole.

    `variants` are what its most probable network was chosen from, the best first, where the space
    has several sets of branches or input scales.

    `selection` is what a student was selected from; None where it is its most probable network.
    (Summaries of before have `draw_mious`, the subnets' scores of samples by probability, the most
    probable network's first, and `chosen_draw`, which of them is the student's.)

    `kinds_decided_at` is the step of the search behind which the weights learnt from its kinds by
    probability, evenly until then; None where they did so throughout, or never.

    `matched` says which model the budget stands for, if it does for one: the student is to be as
    fast as that.  `against` is its network, with random weights, beside that model.

    `choices` say how far each kind of choice is decided; a kind that leaves nothing open has none,
    and so have summaries of before they were kept.

    Who is not searched, but the widest network that it may take, has neither score nor choices.

    A student has its own `responses`, the `penalty_weights` that follow from them by kind of
    choice, and `random_subnets` of its latency in the same supernet.
    """

    name: str
    role: Role
    architecture: Found = "searched"
    budget_ms: float | None = None
    matched: str = ""
    against: ModelComparison | None = None
    derived_ms: float
    estimated_ms: float
    measured_ms: float | None = None
    measured_p95_ms: float | None = None
    draw_mious: tuple[float, ...] = ()
    chosen_draw: int | None = None
    variants: tuple[VariantSummary, ...] = ()
    selection: SelectionSummary | None = None
    subnet_miou: float | None = None
    margins: dict[str, float] | None = None
    kinds_decided_at: int | None = None
    choices: tuple[ChoicesSummary, ...] = ()
    candidates: tuple[tuple[float, float], ...] = ()
    responses: tuple[Response, ...] = ()
    penalty_weights: dict[str, float] = Field(default_factory=dict)
    random_subnets: tuple[RandomSubnet, ...] = ()

    @property
    def chosen_miou(self) -> float:
        """The score of the candidate that was chosen."""
        chosen = self.chosen_draw
        return max(self.draw_mious) if chosen is None else self.draw_mious[chosen]

    @property
    def which_candidate(self) -> str:
        """Which of its candidates a student is; empty where there was one network only."""
        if self.selection is not None:
            return f"{self.selection.won}, of {self.selection.candidates} candidates"
        count = len(self.draw_mious)
        if count < 2:
            return ""
        best = self.chosen_miou == max(self.draw_mious)
        return f"the best {'' if best else 'that fits the budget '}of {count} candidates"

    def verdict(self) -> str:
        """What noise decided instead of the search; empty where the search decided everything."""
        by_noise = [one.kind for one in self.choices if not one.is_decided]
        if not by_noise:
            return ""
        if len(by_noise) == len(self.choices):
            found = "the search decided nothing"
        else:
            found = f"the search did not decide the {' and '.join(by_noise)}"
        return (
            f"{self.name}: {found}: the entropy that it ended with is what noise alone leaves; "
            "give it more steps (search.hours)"
        )


class SearchSummary(Told, Artifact):
    """What a search came to: its contenders, the space's ends, and what the guards said.

    `visits` say how evenly the weights of all kinds were trained; summaries of before have none.
    All scores are those of images, and labels, at `image_scale` times their size.
    """

    schema_tag: ClassVar[str] = "fasterseg/search-summary/2"

    contenders: tuple[ContenderSummary, ...]
    fastest_ms: float | None = None
    slowest_ms: float | None = None
    visits: tuple[KindVisits, ...] = ()
    image_scale: float = 1.0
    warnings: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return the response table of each student, and what each contender came to."""
        lines = []
        for names, student in self.answers():
            whose = f" ({', '.join(names)})" if len(self.students()) > 1 else ""
            lines.append(f"how the supernet's latency answers to each kind of choice alone{whose}:")
            lines += [
                f"  {r.kind:<10} {r.lowest_ms:8.3f} to {r.highest_ms:8.3f} ms, range "
                f"{r.span_ms:.3f} ms, penalty weight {student.penalty_weights[r.kind]:.4f}"
                for r in student.responses
            ]
        for found in self.contenders:
            budget = "" if found.budget_ms is None else f", budget {found.budget_ms:.3f} ms"
            budget += f", {found.matched}" if found.matched else ""
            measured = "" if found.measured_ms is None else f", measured {found.measured_ms:.3f} ms"
            what = "" if found.architecture == "searched" else "the widest network, not searched, "
            lines.append(
                f"{found.name}: {what}estimated {found.estimated_ms:.3f} ms{measured}{budget}"
            )
            lines += [f"  {found.against.describe()}"] if found.against else []
            if found.choices:
                left = ", ".join(one.describe() for one in found.choices)
                lines.append(f"  entropy: {left}")
            lines += [f"  {line}" for line in described_variants(found.variants)]
            if found.selection is not None:
                lines += [f"  {line}" for line in found.selection.describe()]
            elif found.which_candidate:
                first, own = 100 * found.draw_mious[0], 100 * found.chosen_miou
                lines.append(
                    f"  {found.which_candidate}: its subnet has a mean IoU of {own:.2f} %, the "
                    f"most probable network's {first:.2f} % (held-out images)"
                )
        scale = told_scale(self.image_scale)
        lines += [f"scores of subnets are those{scale}, labels included"] if scale else []
        return "\n".join([*lines, *self.told_of_kinds(), *self.verdicts()])

    def told_of_kinds(self) -> Iterator[str]:
        """How evenly the weights of all kinds were trained, and until when they were meant to."""
        for one in self.contenders:
            if one.kinds_decided_at is not None:
                yield (
                    f"{one.name}: the weights learnt from its operators evenly for "
                    f"{one.kinds_decided_at} steps of the search, then by probability"
                )
        for stage in dict.fromkeys(one.stage for one in self.visits):
            shares = (f"{v.kind} {100 * v.share:.0f} %" for v in self.visits if v.stage == stage)
            yield f"how often weights learnt in the {stage}, 100 % being even: {', '.join(shares)}"

    def verdicts(self) -> list[str]:
        """What noise decided instead of the search, contender by contender."""
        return [text for text in (one.verdict() for one in self.contenders) if text]

    def students(self) -> tuple[ContenderSummary, ...]:
        """The contenders with a budget."""
        return tuple(found for found in self.contenders if found.role == "student")

    def answers(self) -> list[tuple[list[str], ContenderSummary]]:
        """The students that have responses: one of each that answer alike, and all their names."""
        groups: list[tuple[list[str], ContenderSummary]] = []
        for found in self.students():
            names = next((n for n, one in groups if one.responses == found.responses), None)
            if names is not None:
                names.append(found.name)
            elif found.responses:
                groups.append(([found.name], found))
        return groups

    def contender(self, name: str) -> ContenderSummary | None:
        """The contender of that name, None when it was not searched."""
        return next((found for found in self.contenders if found.name == name), None)
