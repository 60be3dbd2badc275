"""Which network each contender comes to: a student is selected at its budget, by its score."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from fasterseg.artifacts import Artifact
from fasterseg.config import SelectionSettings
from fasterseg.events import EventLog, Progress
from fasterseg.searching.derivation import derive
from fasterseg.searching.landing.breeding import Window
from fasterseg.searching.landing.concluding import Appraisal
from fasterseg.searching.landing.on_budget import Landing, Measure, Measured, Trials
from fasterseg.searching.landing.scores import (
    FINAL_TIMES,
    Redrawn,
    Score,
    ScoreRedrawn,
    ScoreTrained,
)
from fasterseg.searching.search import Search
from fasterseg.searching.selecting.candidates import Candidate, Source
from fasterseg.searching.selecting.effort import STEPS_OF_A_SCORE, scores_in, scores_worth
from fasterseg.searching.selecting.selected import Finalist, Selected
from fasterseg.searching.selecting.selection import Scoring, Selection
from fasterseg.searching.steps.contenders import Contender
from fasterseg.space.architecture import Architecture
from fasterseg.space.known_networks import known_network
from fasterseg.space.membership import assignment_of
from fasterseg.space.pricing import Pricing

KNOWN_KEY = "search.selection.known"
HANDED_ON = 4
"""So many of a student's best begin the selection of the next ones too."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The network that a contender comes to, on its budget.

    `selected` says what a student was selected from; it is None where there was one network.
    """

    landing: Landing
    selected: Selected | None = None
    notes: tuple[str, ...] = ()

    @property
    def rivals(self) -> Mapping[str, Finalist]:
        """What a student was selected before, by what it is called in files."""
        return {} if self.selected is None else self.selected.rivals


class FinalScore(BaseModel):
    """A finalist's mean IoU, and what it is on images drawn anew; shares of one."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    mean_iou: float
    redrawn: tuple[float, ...]

    @classmethod
    def of(cls, found: Redrawn) -> FinalScore:
        """As it is kept."""
        return cls(mean_iou=found.mean_iou, redrawn=found.redrawn)

    @property
    def redrawn_score(self) -> Redrawn:
        """As it was found."""
        return Redrawn(self.mean_iou, self.redrawn)


class CandidateScores(Artifact):
    """The subnets' scores so far, by the digest of the architecture; shares of one.

    Where contenders have blocks of their own, behind the digest stands whose score it is.
    `trained` are those of finalists that were trained for a while.
    """

    schema_tag: ClassVar[str] = "fasterseg/candidate-scores/1"

    scores: dict[str, float] = Field(default_factory=dict)
    finals: dict[str, FinalScore] = Field(default_factory=dict)
    trained: dict[str, FinalScore] = Field(default_factory=dict)


class KeptScores:
    """What was scored, in a file, so that a resumed selection does not score it again.

    A supernet's students share it: what was scored for one counts for all, unless they are
    `apart`, each with blocks of its own.
    """

    def __init__(
        self,
        path: Path,
        score: Score,
        final: ScoreRedrawn,
        *,
        trained: ScoreTrained | None = None,
        apart: bool = False,
    ) -> None:
        self._path = path
        self._apart = apart
        self._score = score
        self._final = final
        self._trained = trained
        self._known = CandidateScores.load(path) if path.exists() else CandidateScores()

    def has(self, architecture: Architecture, name: str) -> bool:
        """Whether the architecture was scored for that contender."""
        return self._key(architecture, name) in self._known.scores

    def _key(self, architecture: Architecture, name: str) -> str:
        digest = architecture.digest()
        return f"{digest} {name}" if self._apart else digest

    def score(self, architecture: Architecture, name: str) -> float:
        """The score of the architecture's subnet, as the contender of that name has it."""
        key = self._key(architecture, name)
        if key not in self._known.scores:
            found = self._score(architecture, name)
            self._keep(scores={**self._known.scores, key: found})
        return self._known.scores[key]

    def final(self, architecture: Architecture, name: str) -> Redrawn:
        """As `score`, on more images."""
        key = self._key(architecture, name)
        if key not in self._known.finals:
            found = FinalScore.of(self._final(architecture, name))
            self._keep(finals={**self._known.finals, key: found})
        return self._known.finals[key].redrawn_score

    def trained(self, architecture: Architecture, name: str, progress: Progress) -> Redrawn:
        """As `final`, once the network was trained for a while."""
        assert self._trained is not None, "asked for where finalists are trained"
        key = self._key(architecture, name)
        if key not in self._known.trained:
            found = FinalScore.of(self._trained(architecture, name, progress))
            self._keep(trained={**self._known.trained, key: found})
        return self._known.trained[key].redrawn_score

    @property
    def trains(self) -> bool:
        """Whether finalists can be trained."""
        return self._trained is not None

    def _keep(self, **changed: object) -> None:
        known = self._known.model_copy(update=changed)
        known.save(self._path)
        self._known = known


@dataclass(frozen=True, slots=True)
class Selector:
    """Selects students one after the other: their scores are shared, and the best handed on.

    `log` is written anew from its beginning, also by a selection that is resumed.  `known` are the
    networks that the settings name, each a candidate where it is a student's to take.
    """

    settings: SelectionSettings
    kept: KeptScores
    log: EventLog
    seed: int
    progress: Progress
    known: Mapping[str, Architecture] = field(default_factory=dict)
    handed_on: list[Candidate] = field(default_factory=list)

    def choices(
        self,
        contenders: Sequence[Contender],
        found: Mapping[str, Landing],
        appraisal: Appraisal,
    ) -> dict[str, Choice]:
        """Each student as it is selected; a teacher is what was `found`, as in the paper.

        A student's candidates are fitted by what was measured of its most probable network, which
        was found; its images are those that the supernet's weights were not trained on.
        """
        self.log.rewind(0)
        students = [one for one in contenders if one.budget_ms is not None]
        begun = {
            student.name: self._begun(
                student,
                found[student.name],
                appraisal,
                _Heard(self, student.name, place, len(students)),
            )
            for place, student in enumerate(students)
        }
        together = appraisal.measurements.come_in_rounds
        all_selected = self._in_a_round(begun, appraisal) if together else self._by_turns(begun)
        return {
            **{one.name: Choice(found[one.name]) for one in contenders},
            **{
                name: Choice(one.landing, one, tuple(self._notes(name, one, begun[name])))
                for name, one in all_selected.items()
            },
        }

    def _by_turns(self, begun: Mapping[str, Selection]) -> dict[str, Selected]:
        """Each student, selected and measured before the next."""
        found = {}
        for name, selection in begun.items():
            found[name] = selection.run(self.handed_on)
            self.handed_on.extend(found[name].best[:HANDED_ON])
        return found

    def _in_a_round(
        self, begun: Mapping[str, Selection], appraisal: Appraisal
    ) -> dict[str, Selected]:
        """All students, whose finalists are measured together."""
        for selection in begun.values():
            self.handed_on.extend(selection.prepare(self.handed_on)[:HANDED_ON])
        waiting = {name: selection.waiting() for name, selection in begun.items()}
        found = appraisal.measurements.together(waiting)
        return {name: selection.settle(found[name]) for name, selection in begun.items()}

    def _begun(
        self, student: Contender, first: Landing, appraisal: Appraisal, heard: _Heard
    ) -> Selection:
        source, budget_ms = _source(student, appraisal.pricing, self.seed), student.budget_ms
        assert budget_ms is not None
        trials = Trials(
            appraisal.pricing,
            heard.measuring(appraisal.measurements.of(student.name)),
            budget_ms=budget_ms,
            promise=appraisal.promise,
            known=first,
        )
        trains = self.kept.trains and self.settings.trained > 0
        scoring = Scoring(heard.score, heard.final, heard.trained if trains else None)
        members = {
            name: member
            for name, network in self.known.items()
            if (member := assignment_of(network, student.options)) is not None
        }
        return Selection(source, first, trials, scoring, self.settings, members)

    def _notes(self, name: str, selected: Selected, selection: Selection) -> Iterator[str]:
        yield from _notes(name, selected, self.settings)
        for known in self.known.keys() - selected.known.keys():
            is_member = known in selection.members
            yield (
                f"{name}: {known} is no candidate: "
                + (
                    "no few changes bring it to the budget"
                    if is_member
                    else "the space does not hold it"
                )
            )


def known_networks(settings: SelectionSettings) -> dict[str, Architecture]:
    """The networks that a selection's settings name, by what they are called.

    Raises `UsageError` where there is none of that name, and `FileError` for another file.
    """
    return {
        name: known_network(one, where=KNOWN_KEY) for name, one in settings.known_by_name.items()
    }


def one_candidate(search: Search, score: Score) -> Callable[[int], object]:
    """What finds and scores a candidate of the first student, to be timed: even, then probable."""
    student = next(one for one in search.contenders if one.budget_ms is not None)
    source = _source(student, search.latency.pricing, search.task.seed)
    window = Window.of(student.budget_ms or 0.0, 1.0)

    def candidate(number: int) -> object:
        drawn = source.probable(window, 1) if number % 2 else source.even(window, 1)
        one = next(drawn, None)
        found = one.architecture if one else derive(source.options, source.probabilities)
        return score(found, student.name)

    return candidate


def _source(student: Contender, pricing: Pricing, seed: int) -> Source:
    probabilities = student.parameters.probabilities()
    return Source(student.name, seed, student.options, probabilities, pricing)


@dataclass
class _Heard:
    """One student's scores, told as they come."""

    selector: Selector
    name: str
    place: int
    students: int
    done: int = 0
    best: float = 0.0

    def score(self, one: Candidate) -> float:
        """A candidate's score, logged."""
        kept = self.selector.kept
        fresh = not kept.has(one.architecture, self.name)
        found = kept.score(one.architecture, self.name)
        self.best = max(self.best, found)
        self.selector.log.append(
            {
                "step": self.done + 1,
                "student": self.name,
                "origin": one.origin,
                "score": found,
                "best": self.best,
            }
        )
        self._tell(fresh=fresh)
        return found

    def final(self, architecture: Architecture) -> Redrawn:
        """A finalist's score."""
        found = self.selector.kept.final(architecture, self.name)
        self._tell(fresh=True, worth=FINAL_TIMES)
        return found

    def trained(self, architecture: Architecture) -> Redrawn:
        """A finalist's score after some training, which is told step by step."""

        def training(done: int, total: int, _note: str) -> None:
            told = f"{self.name}, training a finalist: {done} of {total} steps"
            self._say(told, more=done // STEPS_OF_A_SCORE)

        found = self.selector.kept.trained(architecture, self.name, training)
        self._tell(fresh=True, worth=scores_worth(self.selector.settings.trained_steps))
        return found

    def measuring(self, measure: Measure) -> Measure:
        """The same, and each measurement, which on a busy machine takes long, is announced."""
        numbers = count(1)

        def announced(architecture: Architecture) -> Measured:
            self._say(f"{self.name}, measurement {next(numbers)}")
            return measure(architecture)

        return announced

    def _tell(self, *, fresh: bool, worth: int = 1) -> None:
        """Say how far it is; what was scored before a stop is not told one by one."""
        self.done += worth
        if fresh:
            self._say(self.name)

    def _say(self, what: str, *, more: int = 0) -> None:
        each = scores_in(self.selector.settings)
        done = self.place * each + min(self.done + more, each)
        self.selector.progress(done, self.students * each, what)


def _notes(name: str, selected: Selected, settings: SelectionSettings) -> list[str]:
    """What is worth a word: too few networks at the budget, and better ones that did not fit."""
    notes, scored = [], sum(selected.scored.values())
    window = f"{selected.window.low_ms:.3f} to {selected.window.high_ms:.3f} ms"
    if scored == 1 < settings.count:
        notes.append(
            f"{name}: no other network of the space is estimated at {window}, which is where the "
            "budget lies as measured; it is the most probable one"
        )
    elif scored < settings.count:
        notes.append(
            f"{name}: of {settings.count} candidates that were wanted {scored} were found at the "
            f"budget, estimated at {window}"
        )
    if selected.passed_over:
        notes.append(
            f"{name}: {selected.passed_over} candidates scored better than the one that was "
            "chosen, and did not fit the budget as they were measured"
        )
    return notes
