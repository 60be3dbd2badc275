"""What a selection came to: the student, and what it was selected from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fasterseg.runs import BEST_EVEN, KNOWN, MOST_PROBABLE
from fasterseg.searching.landing.breeding import Window
from fasterseg.searching.landing.on_budget import Landing
from fasterseg.searching.landing.scores import ResampledScore
from fasterseg.searching.selecting.candidates import Candidate, Origin


@dataclass(frozen=True, slots=True)
class Finalist:
    """A candidate with its first score, the one on more images, and that after some training."""

    candidate: Candidate
    score: float
    final: ResampledScore
    trained: ResampledScore | None = None


@dataclass(frozen=True, slots=True)
class Selected:
    """The student, landed, and what it was selected from.

    `most_probable` is what the gradient search would have handed over, `best_even` the best of
    `even_draws` random networks of the budget, by their first scores: what a selection without any
    search comes to.  `known` are the networks that the recipe names, fitted.  `scored` counts the
    candidates by how they came about, `passed_over` those that scored better than the student and
    did not fit the budget as they were measured.
    """

    landing: Landing
    chosen: Finalist
    most_probable: Finalist
    best_even: Finalist | None
    even_draws: int
    scored: Mapping[Origin, int]
    passed_over: int
    window: Window
    networks_trained: int = 0
    known: Mapping[str, Finalist] = field(default_factory=dict)
    best: tuple[Candidate, ...] = field(default=(), compare=False)

    @property
    def rivals(self) -> Mapping[str, Finalist]:
        """The most probable network, the best of the even draws and the known ones, as far as any.

        By what their files are called.
        """
        even = {} if self.best_even is None else {BEST_EVEN: self.best_even}
        known = {f"{KNOWN}-{name}": one for name, one in self.known.items()}
        return {MOST_PROBABLE: self.most_probable, **even, **known}
