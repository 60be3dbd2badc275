"""Which network each contender comes to: a student is selected at its budget, by its score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from fasterseg.config import SelectionSettings
from fasterseg.events import EventLog, Progress
from fasterseg.searching.derivation import derive
from fasterseg.searching.landing.breeding import Window
from fasterseg.searching.landing.concluding import Appraisal
from fasterseg.searching.landing.on_budget import Landing, Measure, Measured, Trials
from fasterseg.searching.landing.scores import (
    FINAL_TIMES,
    ResampledScore,
    Score,
)
from fasterseg.searching.search import Search
from fasterseg.searching.selecting.candidates import Candidate, Source
from fasterseg.searching.selecting.effort import STEPS_OF_A_SCORE, scores_in, scores_worth
from fasterseg.searching.selecting.kept_scores import KeptScores
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
                name: Choice(one.landing, one, tuple(_notes(name, one, self, begun[name])))
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

    def final(self, architecture: Architecture) -> ResampledScore:
        """A finalist's score."""
        found = self.selector.kept.final(architecture, self.name)
        self._tell(fresh=True, worth=FINAL_TIMES)
        return found

    def trained(self, architecture: Architecture) -> ResampledScore:
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


def _notes(name: str, selected: Selected, by: Selector, selection: Selection) -> list[str]:
    """What is worth a word: too few networks at the budget, better and known ones left out."""
    notes, scored, settings = [], sum(selected.scored.values()), by.settings
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
    for known in (one for one in by.known if one not in selected.known):
        is_member = known in selection.members
        why = "no few changes bring it to the budget" if is_member else "the space does not hold it"
        notes.append(f"{name}: {known} is no candidate: {why}")
    return notes
