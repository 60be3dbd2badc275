"""Choosing among candidates of what a search ended with: the one whose subnet scores best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from fasterseg.artifacts import Artifact
from fasterseg.events import Progress
from fasterseg.searching.candidates import Chosen, fitted_candidates, land_best
from fasterseg.searching.concluding import Appraisal
from fasterseg.searching.contenders import Contender
from fasterseg.searching.landing import Landing, Trials
from fasterseg.searching.subnets import Score
from fasterseg.space.architecture import Architecture


@dataclass(frozen=True, slots=True)
class Choice:
    """The network that a contender comes to, on its budget.

    `scores` are those of the candidates' subnets, the most probable network's first; none where
    there was one network.  `index` says whose network it is, and `note` why it is not the best
    one's.
    """

    landing: Landing
    scores: tuple[float, ...] = ()
    index: int = 0
    note: str = ""


class CandidateScores(Artifact):
    """The subnets' scores so far, by the digest of the architecture; shares of one."""

    schema_tag: ClassVar[str] = "fasterseg/draw-scores/1"

    scores: dict[str, float] = Field(default_factory=dict)


class KeptScores:
    """What was scored, in a file, so that a resumed search does not score it again."""

    def __init__(self, path: Path, score: Score) -> None:
        self._path = path
        self._score = score
        self._known = CandidateScores.load(path).scores if path.exists() else {}

    def __call__(self, architecture: Architecture) -> float:
        """The score of the architecture's subnet."""
        key = architecture.digest()
        if key not in self._known:
            self._known = {**self._known, key: self._score(architecture)}
            CandidateScores(scores=self._known).save(self._path)
        return self._known[key]


def best_candidates(
    contenders: Sequence[Contender],
    found: Mapping[str, Landing],
    appraisal: Appraisal,
    score: Score,
    *,
    count: int,
    seed: int,
    progress: Progress,
) -> dict[str, Choice]:
    """Each student is the best of its candidates, a teacher what was `found`, as in the paper.

    A student's candidates are fitted by what was measured of its most probable network, which was
    found; what is delivered is one that was scored, on images that the supernet's weights were not
    trained on.
    """
    done, total = 0, count * sum(one.budget_ms is not None for one in contenders)
    choices = {}
    for contender in contenders:

        def told(architecture: Architecture, whose: str = contender.name) -> float:
            nonlocal done
            found_score = score(architecture)
            done += 1
            # Where none fitted its budget as measured, others are fitted and scored.
            progress(done, max(total, done), whose)
            return found_score

        landing = found[contender.name]
        choices[contender.name] = (
            Choice(landing)
            if contender.budget_ms is None
            else _best_candidate(contender, landing, appraisal, told, count=count, seed=seed)
        )
    return choices


def _best_candidate(
    contender: Contender,
    first: Landing,
    appraisal: Appraisal,
    score: Score,
    *,
    count: int,
    seed: int,
) -> Choice:
    budget_ms, probabilities = contender.budget_ms, contender.parameters.probabilities()
    assert budget_ms is not None

    def candidates(ratio: float) -> tuple[Architecture, ...]:
        return fitted_candidates(
            contender.options,
            probabilities,
            appraisal.pricing,
            first=first.architecture,
            estimate_ms=budget_ms / ratio,
            count=count,
            seed=seed,
            name=contender.name,
        )

    trials = Trials(
        appraisal.pricing,
        appraisal.measurements.of(contender.name),
        budget_ms=budget_ms,
        promise=appraisal.promise,
        known=first,
    )
    return _choice(contender.name, land_best(first, candidates, score, trials))


def _choice(name: str, chosen: Chosen) -> Choice:
    note = ""
    if chosen.passed_over:
        note = (
            f"{name}: of {len(chosen.scores)} candidates {chosen.passed_over} scored better than "
            "the one that was chosen, and did not fit the budget as they were measured"
        )
    return Choice(chosen.landing, chosen.scores, chosen.index, note)
