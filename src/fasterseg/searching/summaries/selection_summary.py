"""What a student was selected from, in numbers: who won, and by how much more than noise."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

ORIGINS = {
    "most probable": ("the most probable", "the most probable"),
    "probable": ("a probable one", "probable"),
    "even": ("an even draw", "drawn evenly"),
    "another student": ("another student's, fitted", "other students', fitted"),
    "known": ("a known network, fitted", "known, fitted"),
    "child": ("a child of better ones", "children of the best so far"),
}
"""How a candidate came about, in words: of one, and of several."""
MOST_PROBABLE = "the most probable network"
SEEN = 2.0
"""A lead of so many standard errors is more than noise in 19 cases of 20."""


class LeadSummary(BaseModel):
    """By how much the student's subnet scores better, a share of one, and the standard error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    difference: float
    error: float

    @property
    def points(self) -> str:
        """``+1.10 ± 0.31``, in points."""
        return f"{100 * self.difference:+.2f} ± {100 * self.error:.2f}"

    def describe(self) -> str:
        """``+1.10 ± 0.31 points``, and whether noise may be all of it, or the other leads."""
        if self.is_behind:
            return f"{self.points} points (behind it)"
        return f"{self.points} points{'' if self.is_seen else ' (no more than noise)'}"

    @property
    def reversed(self) -> LeadSummary:
        """The other one's lead."""
        return self.model_copy(update={"difference": -self.difference})

    @property
    def is_seen(self) -> bool:
        """Whether it is more than noise."""
        return self.difference > SEEN * self.error

    @property
    def is_behind(self) -> bool:
        """Whether the other one leads, by more than noise."""
        return self.reversed.is_seen


class RivalSummary(BaseModel):
    """A network that the student was selected before; scores are shares of one.

    `score` is what its subnet had as a candidate, `final` as a finalist, on more images, `trained`
    what it had after some training, if it was trained; by the last that both have it was told
    apart, and `lead` is the student's.  `validation` is its score on images that chose
    nothing in the search, and `validation_lead` the student's lead there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    estimated_ms: float
    score: float
    final: float
    trained: float | None = None
    lead: LeadSummary
    validation: float
    validation_lead: LeadSummary

    @property
    def is_student(self) -> bool:
        """Whether it is the student itself, which leads by nothing, without an error."""
        return self.lead.difference == self.lead.error == 0

    def describe(self) -> str:
        """One line: its score, and the student's lead."""
        score = self.final if self.trained is None else self.trained
        return (
            f"{self.name}: {100 * score:.2f} %; the student leads by {self.lead.describe()}, "
            f"on validation images by {self.validation_lead.describe()}"
        )


class SelectionSummary(BaseModel):
    """A student's selection: candidates by how they came about, the student, and its rivals.

    `score` and `final` are its subnet's as a candidate and as a finalist, `trained` its own after
    some training: `networks_trained` were.  `passed_over` candidates scored better and did not fit
    the budget as they were measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    scored: dict[str, int]
    origin: str
    score: float
    final: float
    trained: float | None = None
    networks_trained: int = 0
    passed_over: int = 0
    rivals: tuple[RivalSummary, ...] = ()

    @property
    def candidates(self) -> int:
        """How many networks were scored."""
        return sum(self.scored.values())

    @property
    def won(self) -> str:
        """Who won: what kind of candidate the student is."""
        return ORIGINS.get(self.origin, (self.origin, ""))[0]

    @property
    def among(self) -> str:
        """How many candidates of each kind there were."""
        named = ((n, ORIGINS.get(one, ("", one))[1]) for one, n in self.scored.items())
        return ", ".join(name if n == 1 else f"{n} {name}" for n, name in named)

    def describe(self) -> list[str]:
        """Lines: what was chosen of what, and its lead over each rival."""
        lines = [
            f"{self.won}, selected among {self.candidates} networks ({self.among}): its subnet has "
            f"a mean IoU of {100 * self.final:.2f} % (held-out images)"
        ]
        if self.trained is not None:
            lines.append(
                f"of {self.networks_trained} finalists that were trained for a while it is the "
                f"best that fits, with {100 * self.trained:.2f} %"
            )
        return lines + [one.describe() for one in self.rivals if not one.is_student]
