"""From architecture parameters to an architecture.

*Deriving discrete architectures*: each branch takes its most probable path, each cell on it its
most probable operator, each feature its most probable width.  All functions are pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from fasterseg.errors import BudgetError
from fasterseg.space.architecture import Architecture
from fasterseg.space.lattice import Edge, Lattice, Node
from fasterseg.space.options import Options
from fasterseg.space.sampling import Selection
from fasterseg.supernet.relaxation import Relaxation

Estimate = Callable[[Architecture], float]
"""Milliseconds of an architecture on the target."""

SMALLEST = 1e-30


class Preferences:
    """The probabilities of a contender's choices, as plain logarithms."""

    def __init__(self, options: Options, probabilities: Relaxation) -> None:
        self.options = options
        names = options.lattice.space.operators
        self.operators = {
            node: dict(zip(names, _logarithms(weights.tolist()), strict=True))
            for node, weights in probabilities.operators.items()
        }
        self.parents = {
            node: dict(
                zip(options.lattice.parents(node), _logarithms(weights.tolist()), strict=True)
            )
            for node, weights in probabilities.paths.items()
        }
        self.expansions = {
            name: dict(
                zip(options.lattice.width_options[name], _logarithms(w.tolist()), strict=True)
            )
            for name, w in probabilities.widths.items()
        }

    def of_edge(self, edge: Edge) -> float:
        """The logarithm of the probability that an edge's target picks it."""
        return self.parents[edge.target][edge] if edge.target in self.parents else 0.0


def _logarithms(weights: list[float]) -> list[float]:
    return [math.log(max(weight, SMALLEST)) for weight in weights]


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
        operators={
            node: max(options.operators, key=preferences.operators[node].__getitem__)
            for node in options.lattice.nodes
        },
        expansions={
            name: max(widths, key=preferences.expansions[name].__getitem__)
            for name, widths in options.widths.items()
        },
    )


def _best_parents(preferences: Preferences) -> dict[Node, Edge]:
    lattice = preferences.options.lattice
    reach: dict[Node, float] = {}
    chosen: dict[Node, Edge] = {}
    for node in lattice.nodes:
        parents = lattice.parents(node)
        scores = {edge: reach[edge.node] + preferences.of_edge(edge) for edge in parents}
        reach[node] = max(scores.values(), default=0.0)
        if len(parents) > 1:
            chosen[node] = max(parents, key=lambda edge: scores[edge])
    return chosen


def derive_within(
    options: Options,
    probabilities: Relaxation,
    estimate_ms: Estimate,
    *,
    highest_ms: float,
    lowest_ms: float = 0.0,
) -> Architecture:
    """A probable architecture whose estimated latency lies between two bounds.

    It starts from `derive`'s and changes one choice at a time: each time the change that gives up
    the least probability per millisecond won (or added, when it is too fast).  Raises
    `BudgetError` when no change helps any more and the upper bound is still exceeded; the lower
    bound is met as far as the space allows.
    """
    walk = _BudgetWalk(Preferences(options, probabilities), estimate_ms, highest_ms, lowest_ms)
    return walk.run().architecture(options)


class _BudgetWalk:
    """Greedy moves over single choices."""

    def __init__(
        self, preferences: Preferences, estimate_ms: Estimate, highest_ms: float, lowest_ms: float
    ) -> None:
        self.preferences = preferences
        self.options = preferences.options
        self.estimate_ms = estimate_ms
        self.highest_ms = highest_ms
        self.lowest_ms = lowest_ms

    def run(self) -> Selection:
        """The selection inside the bounds."""
        selection = most_probable(self.preferences)
        latency = self._latency(selection)
        while latency > self.highest_ms:
            selection, latency = self._faster(selection, latency)
        while latency < self.lowest_ms:
            slower = self._slower(selection, latency)
            if slower is None:
                break
            selection, latency = slower
        return selection

    def _faster(self, selection: Selection, latency: float) -> tuple[Selection, float]:
        best: tuple[float, Selection, float] | None = None
        for changed, loss in self._moves(selection):
            found = self._latency(changed)
            won = min(latency - found, latency - self.highest_ms)
            if won > 1e-9:
                price = loss / won
                if best is None or price < best[0]:
                    best = (price, changed, found)
        if best is None:
            raise BudgetError(
                f"no network near the one that was found takes {self.highest_ms:.3f} ms or less",
                why=f"the fastest that single changes lead to is estimated at {latency:.3f} ms",
                next_step="raise --budget, or allow narrower or shallower networks in the space",
            )
        return best[1], best[2]

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
        return self.estimate_ms(selection.architecture(self.options))

    def _moves(self, selection: Selection) -> Iterator[tuple[Selection, float]]:
        """Every selection one change away, with the log-probability that the change gives up."""
        used = _used(self.options.lattice, selection)
        preferences = self.preferences
        for node in used:
            now = selection.operators[node]
            for name in self.options.operators:
                if name != now:
                    loss = preferences.operators[node][now] - preferences.operators[node][name]
                    yield replace(selection, operators={**selection.operators, node: name}), loss
            if node in selection.parents:
                yield self._other_parent(selection, node)
        for choice in {self.options.lattice.width_choice(node): None for node in used}:
            held = selection.expansions[choice]
            for width in self.options.widths[choice]:
                if width != held:
                    loss = (
                        preferences.expansions[choice][held] - preferences.expansions[choice][width]
                    )
                    yield (
                        replace(selection, expansions={**selection.expansions, choice: width}),
                        loss,
                    )

    def _other_parent(self, selection: Selection, node: Node) -> tuple[Selection, float]:
        now = selection.parents[node]
        other = next(edge for edge in self.options.lattice.parents(node) if edge != now)
        loss = self.preferences.of_edge(now) - self.preferences.of_edge(other)
        return replace(selection, parents={**selection.parents, node: other}), loss


def _used(lattice: Lattice, selection: Selection) -> tuple[Node, ...]:
    """The nodes on some branch, in the lattice's order."""
    found = set(lattice.ends)
    for node in reversed(lattice.nodes):
        if node in found and node.layer > 0:
            edge = selection.parents.get(node) or lattice.parents(node)[0]
            found.add(edge.node)
    return tuple(node for node in lattice.nodes if node in found)
