"""Landing where networks are measured many at once: to the device and back is a way of its own.

Close by, one network is measured after the other, and each tells where to aim next.  Here all that
may fit are derived at once, over a range of what a network may take as a multiple of its estimate;
a second round, around what the first has told, ends it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from fasterseg.errors import BudgetError
from fasterseg.searching.derivation import assign_within, derive
from fasterseg.searching.landing.branch_selection import Variants
from fasterseg.searching.landing.concluding import Appraisal
from fasterseg.searching.landing.on_budget import AIM_HIGH, AIM_LOW, Landing, Measured, Trials
from fasterseg.searching.steps.contenders import Contender
from fasterseg.space.architecture import Architecture
from fasterseg.space.assignment import Assignment, architecture_of
from fasterseg.space.extremes import cheapest

RATIOS = (0.85, 0.92, 0.98, 1.04, 1.1, 1.18, 1.28, 1.45)
"""What may be measured, as multiples of the estimates, of networks that are derived at once."""
AROUND = (0.96, 0.98, 1.0, 1.02, 1.04)
"""The same for a second round, as multiples of what the first has told."""
BARELY = 1 + 1e-6

Found = Mapping[Architecture, Measured]


def land_together(
    contenders: Sequence[Contender],
    appraisal: Appraisal,
    *,
    refined: bool,
    variants: Variants | None = None,
) -> dict[str, Landing]:
    """Every contender's most probable architecture, measured; students on their budgets.

    All are measured in one round; where one is to be `refined`, in a second round as far as none
    fitted.  Raises `BudgetError`, which names the student, where none that was measured is below.
    """
    aims = {one.name: _aims_of(one, appraisal, variants or {}) for one in contenders}
    _measure(aims, appraisal)
    if refined and any(_misses(tried) for tried in aims.values()):
        for tried in filter(_misses, aims.values()):
            for aim in tried:
                aim.refine()
        _measure(aims, appraisal)
    return {name: _landed(name, tried, appraisal) for name, tried in aims.items()}


@dataclass
class _Aim:
    """What a contender may come to within some options: candidates, and what is known of them."""

    contender: Contender
    trials: Trials
    appraisal: Appraisal
    derived: dict[Architecture, Assignment] = field(default_factory=dict)

    def derive(self, ratios: Sequence[float]) -> None:
        """Add the most probable networks that fit where a network takes such multiples.

        Raises `BudgetError` where the space has none that fits the least of them.
        """
        budget_ms = self.trials.budget_ms
        for ratio in sorted(ratios):
            try:
                self._add(AIM_LOW * budget_ms / ratio, AIM_HIGH * budget_ms / ratio)
            except BudgetError:
                if not self.derived:
                    raise
                self._add_fastest()
                return

    def refine(self) -> None:
        """Add those around what the networks near the budget have told."""
        ratio = self.trials.learned_ratio()
        self.derive([ratio * share for share in AROUND])

    def hear(self, found: Found) -> None:
        """Take what was measured of the candidates."""
        for architecture in self.derived:
            if self.trials.of(architecture) is None:
                self.trials.hear(architecture, found[architecture])

    def landed(self) -> Landing:
        """The one that fits, else the nearest below; `BudgetError` where there is none."""
        found = self.trials.nearest()
        return replace(found, tried=self.trials.tried, assignment=self.derived[found.architecture])

    def _add_fastest(self) -> None:
        pricing = self.appraisal.pricing
        fastest = cheapest(self.contender.options, pricing.geometry, pricing.cost_ms)
        with suppress(BudgetError):
            self._add(0.0, pricing(fastest) * BARELY)

    def _add(self, lowest_ms: float, highest_ms: float) -> None:
        options = self.contender.options
        assignment = assign_within(
            options,
            self.contender.parameters.probabilities(),
            self.appraisal.pricing,
            lowest_ms=lowest_ms,
            highest_ms=highest_ms,
        )
        self.derived.setdefault(architecture_of(options.lattice, assignment), assignment)


def _aims_of(contender: Contender, appraisal: Appraisal, variants: Variants) -> list[_Aim]:
    """What a student may come to, by its variants, the best first; nothing of a teacher."""
    budget_ms, probabilities = contender.budget_ms, contender.parameters.probabilities()
    tried = variants.get(contender.name, ())
    several = [replace(contender, options=one.options) for one in tried] or [contender]
    aims, missed = list[_Aim](), None
    for one in several:
        trials = Trials(
            appraisal.pricing,
            appraisal.measurements.of(contender.name),
            budget_ms=math.inf if budget_ms is None else budget_ms,
            promise=appraisal.promise,
        )
        aim = _Aim(one, trials, appraisal)
        try:
            if budget_ms is None:
                aim.derived[derive(one.options, probabilities)] = {}
            else:
                aim.derive(RATIOS)
        except BudgetError as error:
            missed = error.fill_in(where=contender.name)
            continue
        aims.append(aim)
        if budget_ms is None:
            break  # the best variant's
    if missed is not None and not aims:
        raise missed
    return aims


def _measure(aims: Mapping[str, Sequence[_Aim]], appraisal: Appraisal) -> None:
    """Measure all candidates in one round, those of before from what is kept."""
    asked = {
        name: [*dict.fromkeys(one for aim in tried for one in aim.derived)]
        for name, tried in aims.items()
    }
    found = appraisal.measurements.together(asked)
    for name, tried in aims.items():
        for aim in tried:
            aim.hear(found[name])


def _misses(tried: Sequence[_Aim]) -> bool:
    """Whether a student has no network yet that fits its budget."""
    found = [aim.trials.of(one) for aim in tried for one in aim.derived]
    has_budget = any(aim.contender.budget_ms is not None for aim in tried)
    return has_budget and not any(one is not None and one.settled for one in found)


def _landed(name: str, tried: Sequence[_Aim], appraisal: Appraisal) -> Landing:
    """A contender's network; raises `BudgetError` having forgotten what was measured for it."""
    *others, last = tried
    if last.contender.budget_ms is None:
        ((architecture, _),) = last.derived.items()
        figures = last.trials.of(architecture)
        assert figures is not None
        return Landing(architecture, figures.figures)
    for aim in others:
        with suppress(BudgetError):
            return aim.landed()
    try:
        return last.landed()
    except BudgetError as error:
        appraisal.measurements.forget(name)
        error.fill_in(where=name)
        raise
