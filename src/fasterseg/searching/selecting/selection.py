"""Selection at the exact budget: evolution over the supernet, after the co-search.

It begins with the gradient search's most probable network, samples by probability and even draws,
all fitted to the budget as it will be measured.  Each is scored as a subnet of the supernet; the
best so far have children, by mutation and crossover.  The best of all are scored once more, on more
images, since the best of many noisy scores flatters.  Where the settings say so, some of these are
trained for a while and scored again: how well trained a subnet's weights are differs, by variants
(sets of branches and input scales) above all, and by more than the networks do.  So variants breed
in turn then, and what training tells decides between them.  In the order of the scores the
finalists are measured on the target, and the first that fits its budget is the student: it is what
was scored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fasterseg.config import SelectionSettings
from fasterseg.searching.landing.breeding import Breeding, Window
from fasterseg.searching.landing.on_budget import ATTEMPTS, Landing, Measured, Trials
from fasterseg.searching.landing.scores import ResampledScore
from fasterseg.searching.selecting.candidates import Candidate, Source
from fasterseg.searching.selecting.selected import Finalist, Selected
from fasterseg.searching.selecting.variants_in_turn import variant_key, variants_in_turn
from fasterseg.space.architecture import Architecture
from fasterseg.space.assignment import Assignment

ROUNDS = 3
"""So often are finalists fitted and measured, where none of those before fits its budget."""
BREEDING_TRIES = 40
"""Children that are bred for a new one: in a small window most are known already."""
LEAST_PARENTS = 3
"""So many of a variant's best have children, where each variant breeds by itself."""
MOST_FAILURES = 6
"""So many of them may find no way into the window."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """What tells a student's candidates apart: their scores, and those of the finalists.

    `trained` scores a finalist after some training; None where none is trained.
    """

    score: Callable[[Candidate], float]
    final: Callable[[Architecture], ResampledScore]
    trained: Callable[[Architecture], ResampledScore] | None = None


@dataclass
class Selection:
    """One student's selection, as far as it is: its network is none but one that was scored.

    `first` is its most probable network, landed, and `trials` measures.  Where networks are
    measured in rounds, `prepare`, what it is then `waiting` for, and `settle` stand for `run`.
    `even_there` is the best even draw once it was brought to another window.  `members` are known
    networks by name, which are candidates once they are brought to the budget: `fitted` then.
    """

    source: Source
    first: Landing
    trials: Trials
    scoring: Scoring
    settings: SelectionSettings
    members: Mapping[str, Assignment] = field(default_factory=dict)
    known: dict[Architecture, Candidate] = field(default_factory=dict)
    scores: dict[Architecture, float] = field(default_factory=dict)
    finals: dict[Architecture, ResampledScore] = field(default_factory=dict)
    trained: dict[Architecture, ResampledScore] = field(default_factory=dict)
    even: list[Architecture] = field(default_factory=list)
    even_there: Architecture | None = None
    fitted: dict[str, Architecture] = field(default_factory=dict)

    def run(self, others: Sequence[Candidate]) -> Selected:
        """Evolve, score the finalists, land; anew with what was learned where none fits.

        Those that are to be trained are, and what they came to is landed.
        `others` are the best of students that were selected before, with which the first generation
        is completed.
        """
        window = self._window()
        self._evolve(window, others)
        landed = self._land(window)
        for number in range(1, ROUNDS):
            if self._is_won(landed) or self._window() == window:
                break
            window = self._window()
            self._refit(window, number)
            landed = self._land(window)
        if self._train(window):  # now that it is known which networks take the budget
            landed = self._land(window)
        return self._selected(landed or self.trials.nearest(), window)

    def prepare(self, others: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Evolve and score the finalists, of which none is measured; return these, best first."""
        window = self._window()
        self._evolve(window, others)
        self._score_finalists(window)
        self._train(window)
        return tuple(self.known[one] for one in self._in_order())

    def waiting(self) -> list[Architecture]:
        """The finalists to be measured; none where the best of them fits as it was measured."""
        order = self._in_order()
        if self.first.settled and order[0] == self.first.architecture:
            return []
        return [one for one in order if self.trials.of(one) is None]

    def settle(self, found: Mapping[Architecture, Measured]) -> Selected:
        """The best finalist that fits as it was `found`, else the nearest below the budget."""
        window = self._window()
        for one, latency in found.items():
            self.trials.hear(one, latency)
        known = (self.trials.of(one) for one in self._in_order())
        landed = next((one for one in known if one is not None and one.settled), None)
        return self._selected(landed or self.trials.nearest(), window)

    def _is_won(self, landed: Landing | None) -> bool:
        """Whether a finalist fits; the most probable one, which did before, must be the best."""
        if landed is None:
            return False
        fitted_before = landed.architecture == self.first.architecture
        return not fitted_before or self._in_order()[0] == self.first.architecture

    def _window(self) -> Window:
        """Where a network is expected to take the budget, by what was measured so far."""
        return Window.of(self.trials.budget_ms, self.trials.learned_ratio())

    def _evolve(self, window: Window, others: Sequence[Candidate]) -> None:
        """Score so many candidates as are wanted, or as there are."""
        breeding = self.source.breeding(window)
        self._add(self._most_probable())
        for one in self._first_generation(window, breeding, others):
            self._add(one)
        while len(self.known) < self.settings.count:
            families = self._families(breeding)
            turn = len(self.known) % len(families)
            bred = (self._child(*family) for family in (*families[turn:], *families[:turn]))
            child = next(filter(None, bred), None)
            if child is None:
                break
            self._add(child)

    def _first_generation(
        self, window: Window, breeding: Breeding, others: Sequence[Candidate]
    ) -> Iterator[Candidate]:
        """Known networks, samples by probability, even draws, and other students' best, fitted."""
        count = self.settings.count
        yield from self._fit_members(breeding)
        yield from self._new(self.source.probable(window, count), self.settings.probable, less=1)
        for one in self._new(self.source.even(window, count), self.settings.even, again=True):
            self.even.append(one.architecture)
            yield one
        for number, one in enumerate(others):
            if self.source.options.allows(one.assignment) and len(self.known) < count:
                fitted = breeding.fitted(one.assignment, self.source.dice("other", number))
                if fitted is not None:
                    yield self.source.candidate(fitted, "another student")

    def _fit_members(self, breeding: Breeding, *words: object) -> Iterator[Candidate]:
        """The known networks, brought into the window by as few changes as they need."""
        self.fitted.clear()
        for name, member in self.members.items():
            found = breeding.fitted(member, self.source.dice("known", name, *words))
            if found is not None:
                one = self.source.candidate(found, "known")
                self.fitted[name] = one.architecture
                yield one

    def _new(
        self, found: Iterator[Candidate], share: float, *, less: int = 0, again: bool = False
    ) -> Iterator[Candidate]:
        """A share of the candidates wanted, of those found; what is known counts where `again`."""
        left = round(share * self.settings.count) - less
        while left > 0 and (one := next(found, None)) is not None:
            if again or one.architecture not in self.known:
                left -= 1
                yield one

    def _families(self, breeding: Breeding) -> list[tuple[Breeding, list[Candidate]]]:
        """What breeds, and its parents: the best so far; where some are trained each variant's."""
        ranked, most = [self.known[one] for one in self._ranked()], self.settings.population
        if self.scoring.trained is None:
            return [(breeding, ranked[:most])]
        variants = self.source.options.variants
        share = max(LEAST_PARENTS, most // len(variants))
        families = [
            (replace(breeding, options=one), [of for of in ranked if one.allows(of.assignment)])
            for one in variants
        ]
        return [(breeds, parents[:share]) for breeds, parents in families if parents]

    def _child(self, breeding: Breeding, parents: Sequence[Candidate]) -> Candidate | None:
        """A new network of these parents; None where all that is bred is known."""
        failures = 0
        for attempt in range(BREEDING_TRIES):
            dice = self.source.dice("child", len(self.known), attempt)
            if len(parents) > 1 and dice.random() < self.settings.crossover:
                mother, father = dice.sample(parents, 2)
                bred = breeding.crossed(mother.assignment, father.assignment, dice)
            else:
                bred = breeding.mutated(dice.choice(parents).assignment, dice)
            if bred is None:
                failures += 1
                if failures == MOST_FAILURES:
                    break
                continue
            child = self.source.candidate(bred, "child")
            if child.architecture not in self.known:
                return child
        return None

    def _refit(self, window: Window, number: int) -> None:
        """Bring the best into another window, and score what they become.

        The best even draw and the known networks come with them: in another window they would be
        compared at another latency.
        """
        breeding, even = self.source.breeding(window), self._best_even()
        best = [one for one in self._ranked() if one != even][: self.settings.finalists]
        for place, one in enumerate([*best, *filter(None, (even,))]):
            dice = self.source.dice("refit", number, place)
            fitted = breeding.fitted(self.known[one].assignment, dice)
            if fitted is not None:
                found = self.source.candidate(fitted, "even" if one == even else "child")
                self._add(found)
                self.even_there = found.architecture if one == even else self.even_there
        for known in self._fit_members(breeding, number):
            self._add(known)

    def _add(self, one: Candidate) -> None:
        if one.architecture not in self.known:
            self.known[one.architecture] = one
            self.scores[one.architecture] = self.scoring.score(one)

    def _land(self, window: Window) -> Landing | None:
        """The best finalist that fits the budget as measured; None where none does."""
        self._score_finalists(window)
        left = ATTEMPTS
        for one in self._in_order():
            known = self.trials.of(one)
            if known is None and left > 0:
                left, known = left - 1, self.trials.attempt(one)
            if known is None:
                return None
            if known.settled:
                return known
        return None

    def _score_finalists(self, window: Window) -> None:
        for one in self._finalists(window):
            if one not in self.finals:
                self.finals[one] = self.scoring.final(one)

    def _train(self, window: Window) -> bool:
        """Train the finalists that are to be, and score them; False where none is."""
        if self.scoring.trained is None:
            return False
        for one in self._to_train(window):
            self.trained[one] = self.scoring.trained(one)
        return True

    def _finalists(self, window: Window) -> list[Architecture]:
        """The best at the budget, the most probable network, and the best of the even draws.

        Where some are trained, the best of each variant at least.
        """
        inside, count = self._inside(window, self._ranked()), self.settings.finalists
        if self.scoring.trained is not None:
            count = max(count, len({variant_key(one) for one in inside}))
        return [*dict.fromkeys((*inside[:count], *self._always()))]

    def _to_train(self, window: Window) -> list[Architecture]:
        """The finalists to be trained: known ones, each variant's best, what is compared, more."""
        order = sorted(self.finals, key=lambda one: self.finals[one].mean_iou, reverse=True)
        inside = variants_in_turn(self._inside(window, order))
        first = len({variant_key(one) for one in inside})
        chosen = (*self.fitted.values(), *inside[:first], *self._always(), *inside)
        return [*dict.fromkeys(chosen)][: self.settings.trained + len({*self.fitted.values()})]

    def _inside(self, window: Window, networks: Sequence[Architecture]) -> list[Architecture]:
        """Those that are expected to take the budget."""
        return [one for one in networks if window.excess_ms(self.source.pricing(one)) == 0]

    def _always(self) -> tuple[Architecture, ...]:
        """Finalists whatever they score: the most probable, the best even draw, the known ones."""
        even = self._best_even() or self.first.architecture
        return (self.first.architecture, even, *self.fitted.values())

    def _best_even(self) -> Architecture | None:
        """By its first score the best of the even draws, where the budget is; None without any."""
        return self.even_there or max(self.even, key=self.scores.__getitem__, default=None)

    def _ranked(self) -> list[Architecture]:
        """All that were scored, the best first; of equals the one scored first.

        Where some are trained variants take turns: subnets' scores compare within one.
        """
        order = sorted(self.scores, key=self.scores.__getitem__, reverse=True)
        return order if self.scoring.trained is None else variants_in_turn(order)

    def _in_order(self) -> list[Architecture]:
        """The finalists, the best first: those that were trained by their score after that."""
        return sorted(self.finals, key=self._word, reverse=True)

    def _word(self, one: Architecture) -> tuple[bool, float]:
        """What a finalist is worth: any that was trained is before any that was not."""
        is_trained = one in self.trained
        return is_trained, (self.trained if is_trained else self.finals)[one].mean_iou

    def _most_probable(self) -> Candidate:
        return Candidate(self.first.assignment, self.first.architecture, "most probable")

    def _finalist(self, one: Architecture) -> Finalist:
        trained = self.trained.get(one)
        return Finalist(self.known[one], self.scores[one], self.finals[one], trained)

    def _selected(self, landing: Landing, window: Window) -> Selected:
        own = self._word(landing.architecture)
        better = [one for one in self.finals if self._word(one) > own]
        best_even = self._best_even()
        return Selected(
            landing=replace(landing, tried=self.trials.tried),
            chosen=self._finalist(landing.architecture),
            most_probable=self._finalist(self.first.architecture),
            best_even=None if best_even is None else self._finalist(best_even),
            even_draws=len(self.even),
            scored=Counter(one.origin for one in self.known.values()),
            passed_over=sum(self.trials.of(one) is not None for one in better),
            window=window,
            networks_trained=len(self.trained),
            known={name: self._finalist(one) for name, one in self.fitted.items()},
            best=tuple(self.known[one] for one in self._in_order()),
        )
