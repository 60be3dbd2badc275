"""From architecture parameters to an architecture.

*Deriving discrete architectures*: each branch takes its most probable path, each cell on it its
most probable operator, each feature its most probable width.  All functions are pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache

from fasterseg.errors import BudgetError
from fasterseg.space.allowed_paths import least_costly
from fasterseg.space.architecture import Architecture
from fasterseg.space.assignment import Assignment, architecture_of, idle_choices, is_allowed
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.choices import Option, section
from fasterseg.space.extremes import best_trade
from fasterseg.space.lattice import Node
from fasterseg.space.options import Options
from fasterseg.space.pricing import Pricing
from fasterseg.supernet.relaxation import Relaxation

SMALLEST = 1e-30
STEEPEST = 1e9
BISECTIONS = 16


class Preferences:
    """What a contender's choices cost: the negative logarithms of their probabilities."""

    def __init__(self, options: Options, probabilities: Relaxation) -> None:
        self.options = options
        offered, settled = options.lattice.choices, options.lattice.settled
        self.costs: Mapping[str, Mapping[Option, float]] = {
            **{name: {offered[name][0]: 0.0} for name in settled},
            **{
                name: dict(zip(offered[name], map(_cost, weights.tolist()), strict=True))
                for name, weights in probabilities.items()
                if name in offered
            },
        }

    def of(self, choice: str, option: Option) -> float:
        """What an option of a choice costs."""
        return self.costs[choice][option]


def _cost(weight: float) -> float:
    return -math.log(max(weight, SMALLEST))


def derive(options: Options, probabilities: Relaxation) -> Architecture:
    """The most probable architecture: per branch the path, per cell and feature the choice.

    Where two are equally probable, the earlier in the space's order is taken; of two paths, the
    one that stays.  Of a space with path rules it is the most probable of those that keep them:
    first the paths, then what stands on them.
    """
    return architecture_of(options.lattice, most_probable(Preferences(options, probabilities)))


def most_probable(preferences: Preferences) -> Assignment:
    """The most probable assignment.  Paths are found by dynamic programming (Viterbi).

    The best path through a node contains the best path to it, so one parent per fork is enough
    for all branches, and they form a tree.  Path rules may leave another (`space.allowed_paths`).
    """
    alone = {
        name: min(offered, key=preferences.costs[name].__getitem__)
        for name, offered in preferences.options.choices.items()
    }
    found = {**alone, **_best_paths(preferences)}
    if is_allowed(preferences.options.lattice, found):
        return found
    allowed = least_costly(preferences.options, found, preferences.of)
    assert allowed is not None, "a recipe whose path rules leave nothing is refused"
    return {**found, **allowed}


def _best_paths(preferences: Preferences) -> dict[str, Option]:
    lattice = preferences.options.lattice
    reach: dict[Node, float] = {}
    chosen: dict[str, Option] = {}
    for node in lattice.nodes:
        parents = lattice.parents(node)
        if len(parents) < 2:
            reach[node] = sum(reach[edge.node] for edge in parents)
            continue
        costs = {e.path: reach[e.node] + preferences.of(node.path_choice, e.path) for e in parents}
        chosen[node.path_choice] = min(costs, key=costs.__getitem__)
        reach[node] = min(costs.values())
    return chosen


def derive_within(
    options: Options,
    probabilities: Relaxation,
    pricing: Pricing,
    *,
    highest_ms: float,
    lowest_ms: float = 0.0,
) -> Architecture:
    """The architecture that `assign_within` comes to; raises as it does."""
    assignment = assign_within(
        options, probabilities, pricing, lowest_ms=lowest_ms, highest_ms=highest_ms
    )
    return architecture_of(options.lattice, assignment)


def assign_within(
    options: Options,
    probabilities: Relaxation,
    pricing: Pricing,
    *,
    highest_ms: float,
    lowest_ms: float = 0.0,
) -> Assignment:
    """A probable assignment whose architecture's estimated latency lies between two bounds.

    It is `derive`'s where that is fast enough.  Otherwise it maximises the logarithm of its
    probability less so much per millisecond, at the smallest such price that meets the upper
    bound.  What is left up to the lower bound is then spent on single changes, each the one that
    gives up the least probability per millisecond.  Raises `BudgetError` when the space's
    fastest network exceeds the upper bound; the lower one is met as far as the space allows.
    Of several variants it keeps to the most probable one.
    """
    whole = most_probable(Preferences(options, probabilities))
    own = Preferences(options.variant(whole).alone, probabilities)
    return {**whole, **_BudgetFit(own, pricing, highest_ms, lowest_ms).fit()}


class _BudgetFit:
    """One derivation within bounds."""

    def __init__(
        self, preferences: Preferences, pricing: Pricing, highest_ms: float, lowest_ms: float
    ) -> None:
        self.preferences = preferences
        self.options = preferences.options
        self.pricing = pricing
        self.cost_ms = cache(pricing.cost_ms)
        self.highest_ms = highest_ms
        self.lowest_ms = lowest_ms

    def fit(self) -> Assignment:
        """The assignment inside the bounds."""
        assignment = most_probable(self.preferences)
        latency = self._latency(assignment)
        if latency > self.highest_ms:
            assignment, latency = self._fast_enough()
        while latency < self.lowest_ms:
            slower = self._slower(assignment, latency)
            if slower is None:
                break
            assignment, latency = slower
        return assignment

    def _fast_enough(self) -> tuple[Assignment, float]:
        """The slowest of the most probable trades that meet the upper bound."""
        low, high = 1e-6, STEEPEST
        best = self._trade(high)
        if best[1] > self.highest_ms:
            raise BudgetError(
                f"no network of the space takes {self.highest_ms:.3f} ms or less",
                why=f"the fastest is estimated at {best[1]:.3f} ms",
                next_step="raise --budget, or allow narrower or shallower networks in the space",
            )
        for _ in range(BISECTIONS):
            price = math.sqrt(low * high)
            found = self._trade(price)
            if found[1] <= self.highest_ms:
                high, best = price, max(best, found, key=lambda trade: trade[1])
            else:
                low = price
        return best

    def _trade(self, per_ms: float) -> tuple[Assignment, float]:
        """The best assignment when a millisecond costs so much log-probability."""

        def price(spec: BlockSpec) -> float:
            return per_ms * self.cost_ms(spec)

        partial = best_trade(self.options, self.pricing.geometry, price, self.preferences)
        assignment = {**most_probable(self.preferences), **partial}
        return assignment, self._latency(assignment)

    def _slower(self, assignment: Assignment, latency: float) -> tuple[Assignment, float] | None:
        best: tuple[float, Assignment, float] | None = None
        for changed, loss in self._moves(assignment):
            found = self._latency(changed)
            added = min(found, self.lowest_ms) - latency
            if added > 1e-9 and found <= self.highest_ms:
                price = loss / added
                if best is None or price < best[0]:
                    best = (price, changed, found)
        return None if best is None else (best[1], best[2])

    def _latency(self, assignment: Assignment) -> float:
        return self.pricing(architecture_of(self.options.lattice, assignment))

    def _moves(self, assignment: Assignment) -> Iterator[tuple[Assignment, float]]:
        """Every assignment one change away, with the log-probability that the change gives up."""
        for choice in self._used(assignment):
            costs, held = self.preferences.costs[choice], assignment[choice]
            for option in self.options.choices[choice]:
                changed = {**assignment, choice: option}
                if option != held and is_allowed(self.options.lattice, changed):
                    yield changed, costs[option] - costs[held]

    def _used(self, assignment: Assignment) -> list[str]:
        """The choices that have an effect: kinds and paths cell by cell, and widths at the end."""
        lattice = self.options.lattice
        inside = [name for node in lattice.nodes for name in lattice.choices_of(node)]
        names = dict.fromkeys((*inside, *lattice.choices))
        idle = idle_choices(lattice, assignment)
        used = [name for name in names if name not in idle]
        return sorted(used, key=lambda name: section(name) == "widths")
