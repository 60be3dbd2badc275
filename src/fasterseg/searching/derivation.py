"""From architecture parameters to an architecture.

*Deriving discrete architectures*: each branch takes its most probable path, each cell on it its
most probable operator, each feature its most probable width.  All functions are pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from fasterseg.config import Operator
from fasterseg.errors import BudgetError
from fasterseg.space.architecture import Architecture
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.extremes import best_trade
from fasterseg.space.lattice import HEAD, Edge, Lattice, Node
from fasterseg.space.options import Options
from fasterseg.space.pricing import Pricing
from fasterseg.space.sampling import Selection
from fasterseg.supernet.relaxation import Relaxation

SMALLEST = 1e-30
STEEPEST = 1e9
BISECTIONS = 16


class Preferences:
    """What a contender's choices cost: the negative logarithms of their probabilities."""

    def __init__(self, options: Options, probabilities: Relaxation) -> None:
        self.options = options
        names = options.lattice.space.operators
        self.operators = {
            node: dict(zip(names, _costs(weights.tolist()), strict=True))
            for node, weights in probabilities.operators.items()
        }
        self.parents = {
            node: dict(zip(options.lattice.parents(node), _costs(weights.tolist()), strict=True))
            for node, weights in probabilities.paths.items()
        }
        self.expansions = {
            name: dict(zip(options.lattice.width_options[name], _costs(w.tolist()), strict=True))
            for name, w in probabilities.widths.items()
        }

    def of_operator(self, node: Node, operator: Operator) -> float:
        """What an operator costs at a cell."""
        return self.operators[node][operator]

    def of_edge(self, edge: Edge) -> float:
        """What it costs that an edge's target is fed by it; nothing where there is no choice."""
        return self.parents[edge.target][edge] if edge.target in self.parents else 0.0

    def of_width(self, choice: str, expansion: int) -> float:
        """What an expansion costs."""
        return self.expansions[choice][expansion]


def _costs(weights: list[float]) -> list[float]:
    return [-math.log(max(weight, SMALLEST)) for weight in weights]


def derive(options: Options, probabilities: Relaxation) -> Architecture:
    """The most probable architecture: per branch the path, per cell and feature the choice.

    Where two are equally probable, the earlier in the space's order is taken; of two paths, the
    one that stays.
    """
    return most_probable(Preferences(options, probabilities)).architecture(options)


def most_probable(preferences: Preferences) -> Selection:
    """The most probable selection.  Paths are found by dynamic programming (Viterbi).

    The best path through a node contains the best path to it, so one parent per fork is enough
    for all branches, and they form a tree.
    """
    options = preferences.options
    return Selection(
        parents=_best_parents(preferences),
        operators={node: _best_operator(preferences, node) for node in options.lattice.nodes},
        expansions={
            name: min(widths, key=preferences.expansions[name].__getitem__)
            for name, widths in options.widths.items()
        },
    )


def _best_operator(preferences: Preferences, node: Node) -> Operator:
    return min(preferences.options.operators, key=preferences.operators[node].__getitem__)


def _best_parents(preferences: Preferences) -> dict[Node, Edge]:
    lattice = preferences.options.lattice
    reach: dict[Node, float] = {}
    chosen: dict[Node, Edge] = {}
    for node in lattice.nodes:
        parents = lattice.parents(node)
        costs = {edge: reach[edge.node] + preferences.of_edge(edge) for edge in parents}
        reach[node] = min(costs.values(), default=0.0)
        if len(parents) > 1:
            chosen[node] = min(parents, key=costs.__getitem__)
    return chosen


def derive_within(
    options: Options,
    probabilities: Relaxation,
    pricing: Pricing,
    *,
    highest_ms: float,
    lowest_ms: float = 0.0,
) -> Architecture:
    """A probable architecture whose estimated latency lies between two bounds.

    It is `derive`'s where that is fast enough.  Otherwise it maximises the logarithm of its
    probability less so much per millisecond, at the smallest such price that meets the upper
    bound.  What is left up to the lower bound is then spent on single changes, each the one that
    gives up the least probability per millisecond.  Raises `BudgetError` when the space's
    fastest network exceeds the upper bound; the lower one is met as far as the space allows.
    """
    return _BudgetFit(Preferences(options, probabilities), pricing, highest_ms, lowest_ms).fit()


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

    def fit(self) -> Architecture:
        """The architecture inside the bounds."""
        selection = most_probable(self.preferences)
        latency = self._latency(selection)
        if latency > self.highest_ms:
            selection, latency = self._fast_enough()
        while latency < self.lowest_ms:
            slower = self._slower(selection, latency)
            if slower is None:
                break
            selection, latency = slower
        return selection.architecture(self.options)

    def _fast_enough(self) -> tuple[Selection, float]:
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

    def _trade(self, per_ms: float) -> tuple[Selection, float]:
        """The best selection when a millisecond costs so much log-probability."""

        def price(spec: BlockSpec) -> float:
            return per_ms * self.cost_ms(spec)

        partial = best_trade(self.options, self.pricing.geometry, price, self.preferences)
        whole = most_probable(self.preferences)
        selection = Selection(
            {**whole.parents, **partial.parents},
            {**whole.operators, **partial.operators},
            {**whole.expansions, **partial.expansions},
        )
        return selection, self._latency(selection)

    def _slower(self, selection: Selection, latency: float) -> tuple[Selection, float] | None:
        best: tuple[float, Selection, float] | None = None
        for changed, loss in self._moves(selection):
            found = self._latency(changed)
            added = min(found, self.lowest_ms) - latency
            if added > 1e-9 and found <= self.highest_ms:
                price = loss / added
                if best is None or price < best[0]:
                    best = (price, changed, found)
        return None if best is None else (best[1], best[2])

    def _latency(self, selection: Selection) -> float:
        return self.pricing(selection.architecture(self.options))

    def _moves(self, selection: Selection) -> Iterator[tuple[Selection, float]]:
        """Every selection one change away, with the log-probability that the change gives up."""
        used = _used(self.options.lattice, selection)
        for node in used:
            yield from self._other_operators(selection, node)
            if node in selection.parents and node in self.preferences.parents:
                yield self._other_parent(selection, node)
        inside = (self.options.lattice.width_choice(node) for node in used)
        for choice in dict.fromkeys((*inside, self.options.lattice.fusion, HEAD)):
            yield from self._other_widths(selection, choice)

    def _other_operators(
        self, selection: Selection, node: Node
    ) -> Iterator[tuple[Selection, float]]:
        costs, held = self.preferences.operators[node], selection.operators[node]
        for name in self.options.operators:
            if name != held:
                operators = {**selection.operators, node: name}
                yield replace(selection, operators=operators), costs[name] - costs[held]

    def _other_widths(self, selection: Selection, choice: str) -> Iterator[tuple[Selection, float]]:
        costs, held = self.preferences.expansions[choice], selection.expansions[choice]
        for width in self.options.widths[choice]:
            if width != held:
                expansions = {**selection.expansions, choice: width}
                yield replace(selection, expansions=expansions), costs[width] - costs[held]

    def _other_parent(self, selection: Selection, node: Node) -> tuple[Selection, float]:
        held = selection.parents[node]
        other = next(edge for edge in self.options.lattice.parents(node) if edge != held)
        loss = self.preferences.of_edge(other) - self.preferences.of_edge(held)
        return replace(selection, parents={**selection.parents, node: other}), loss


def _used(lattice: Lattice, selection: Selection) -> tuple[Node, ...]:
    """The nodes on some branch, in the lattice's order."""
    found = set(lattice.ends)
    for node in reversed(lattice.nodes):
        if node in found and node.layer > 0:
            edge = selection.parents.get(node) or lattice.parents(node)[0]
            found.add(edge.node)
    return tuple(node for node in lattice.nodes if node in found)
