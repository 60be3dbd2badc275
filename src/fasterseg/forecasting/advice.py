"""What to change where a run does not fit: each change forecast by the same timings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fasterseg.amounts import duration, size
from fasterseg.forecasting.forecast import Forecaster
from fasterseg.forecasting.levers import (
    Lever,
    cheaper_runs,
    faster_networks,
    fewer_steps,
    slower_networks,
)
from fasterseg.forecasting.report import (
    BudgetForecast,
    PlanReport,
    Proposal,
    Subject,
)
from fasterseg.forecasting.workload import Workload

WORTH_A_LINE = 0.03
"""A change that brings less than this share is not proposed."""

TRIES = 4
FEWEST_STEPS = 0.05
"""With a smaller share of its steps a recipe is another one."""


@dataclass(frozen=True)
class Adviser:
    """Proposes changes of the recipe of a plan that was made by this forecaster."""

    forecaster: Forecaster
    plan: PlanReport

    def proposals(self) -> tuple[Proposal, ...]:
        """Every change that would help, by what it is for, the best first."""
        found: list[Proposal] = []
        if self.plan.exceeds_hours:
            found += self._hours()
        if self.plan.exceeds_memory:
            found += self._bytes("memory")
        if self.plan.exceeds_disk:
            found += self._bytes("disk")
        for budget in self.plan.budgets:
            found += self._budget(budget)
        return tuple(dict.fromkeys(found))

    def _after(self, lever: Lever) -> Forecaster:
        forecaster = self.forecaster
        work = Workload(lever.recipe, forecaster.now.classes, forecaster.now.target)
        return Forecaster(work, forecaster.timings, forecaster.timed)

    # ------------------------------------------------------------------------------ hours

    def _hours(self) -> Iterator[Proposal]:
        wanted = self.plan.hours_wanted or 0.0
        recipe, before = self.forecaster.now.recipe, self.plan.hours
        steps = self._enough_steps(wanted)
        levers = [*([steps] if steps else []), *cheaper_runs(recipe)]
        hours = {lever.words: (lever, self._after(lever).hours) for lever in levers}
        for lever, after in sorted(hours.values(), key=lambda pair: pair[1]):
            if after <= (1 - WORTH_A_LINE) * before:
                brings = f"{duration(hours=after)}, that is {duration(hours=before - after)} less"
                yield _proposal("hours", lever, brings, suffices=after <= wanted)

    def _enough_steps(self, wanted: float) -> Lever | None:
        """So many steps that the rest of the time suffices, if any number does."""
        recipe, before = self.forecaster.now.recipe, self.plan.hours
        half = fewer_steps(recipe, 0.5)
        if half is None:
            return None
        by_steps = 2 * (before - self._after(half).hours)
        if by_steps <= 0:
            return None
        share = 1 - (before - wanted) / by_steps
        found = None
        # In whole percent; a step or a checkpoint more or less may decide.
        for percent in range(int(100 * share), int(100 * share) - TRIES, -1):
            found = fewer_steps(recipe, max(FEWEST_STEPS, percent / 100))
            if found is None or self._after(found).hours <= wanted:
                break
        return found

    # --------------------------------------------------------------------- memory and disk

    def _bytes(self, subject: Subject) -> Iterator[Proposal]:
        before, limit = self._needed(subject, self.forecaster)
        for lever in cheaper_runs(self.forecaster.now.recipe):
            after, _ = self._needed(subject, self._after(lever))
            if after <= (1 - WORTH_A_LINE) * before:
                brings = f"{size(after)} instead of {size(before)}"
                yield _proposal(subject, lever, brings, suffices=after <= limit)

    def _needed(self, subject: Subject, forecaster: Forecaster) -> tuple[int, int]:
        stages = forecaster.stages()
        if subject == "memory":
            return max(stage.memory_bytes for stage in stages), self.plan.memory_bytes
        return sum(stage.disk_bytes for stage in stages), self.plan.disk_bytes

    # ----------------------------------------------------------------------------- budgets

    def _budget(self, budget: BudgetForecast) -> Iterator[Proposal]:
        recipe = self.forecaster.now.recipe
        if not budget.is_reachable:
            for lever in faster_networks(recipe):
                yield from self._end(budget, lever, "lowest")
        elif not budget.binds:
            for lever in slower_networks(recipe):
                yield from self._end(budget, lever, "highest")

    def _end(self, budget: BudgetForecast, lever: Lever, which: str) -> Iterator[Proposal]:
        """A change by what it does to one end of the space, in proportion to the estimates."""
        now, after = self.forecaster.now.ends, self._after(lever).now.ends
        old, new = (
            getattr(ends[budget.student], f"{which}_ms") if budget.student in ends else 0.0
            for ends in (now, after)
        )
        before = budget.lowest_ms if which == "lowest" else budget.highest_ms
        if not old:
            return
        reached = before * new / old
        gain = (before - reached) if which == "lowest" else (reached - before)
        if gain < WORTH_A_LINE * before:
            return
        enough = reached <= budget.budget_ms if which == "lowest" else reached > budget.budget_ms
        word = "fastest" if which == "lowest" else "slowest"
        brings = f"the {word} network at about {reached:.2f} ms instead of {before:.2f} ms"
        yield _proposal("budget", lever, brings, suffices=enough)


def _proposal(subject: Subject, lever: Lever, brings: str, *, suffices: bool) -> Proposal:
    return Proposal(
        subject=subject,
        change=lever.words,
        options=lever.options,
        brings=brings,
        suffices=suffices,
    )
