"""The two ends of a space: its cheapest and its dearest network, exactly.

Costs add up over blocks, so both are found by dynamic programming from the branches' ends towards
the stem.  A state is a cell, the width of the feature that enters it, and the branches that pass
through it.  Two branches may part but, forming a tree, never meet again: the one case in which
they could (branch 32 parts from branch 16 at stride 8, stays at 16, and 16 comes down behind it)
is excluded by fixing, where they part, the layer at which branch 32 leaves stride 16.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple, Protocol

from fasterseg.config import Operator
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.lattice import (
    HEAD,
    STEM,
    Edge,
    Lattice,
    Node,
    Slot,
    border_slots,
    laterals,
)
from fasterseg.space.options import Options
from fasterseg.space.sampling import Selection

Cost = Callable[[BlockSpec], float]


class ChoiceCosts(Protocol):
    """What choices cost by themselves, whatever the blocks."""

    def of_operator(self, node: Node, operator: Operator) -> float:
        """The cost of taking an operator at a cell."""

    def of_edge(self, edge: Edge) -> float:
        """The cost of an edge's target taking that edge."""

    def of_width(self, choice: str, expansion: int) -> float:
        """The cost of a width choice's option."""


class NoChoiceCosts:
    """Choices are free."""

    def of_operator(self, node: Node, operator: Operator) -> float:
        """Nothing."""
        return 0.0

    def of_edge(self, edge: Edge) -> float:
        """Nothing."""
        return 0.0

    def of_width(self, choice: str, expansion: int) -> float:
        """Nothing."""
        return 0.0


def best_trade(options: Options, geometry: Geometry, cost: Cost, choices: ChoiceCosts) -> Selection:
    """The selection with the least sum of block costs and choice costs, exactly."""
    return _best(options, geometry, cost, choices)


def narrowest(options: Options, geometry: Geometry, cost_ms: Cost) -> Architecture:
    """The network of least cost among all that the options allow; `cost_ms` prices a block."""
    return _extreme(options, geometry, cost_ms)


def widest(options: Options, geometry: Geometry, cost_ms: Cost) -> Architecture:
    """The network of greatest cost among all that the options allow."""
    return _extreme(options, geometry, lambda spec: -cost_ms(spec))


def _extreme(options: Options, geometry: Geometry, cost: Cost) -> Architecture:
    return _best(options, geometry, cost, NoChoiceCosts()).architecture(options)


def _best(options: Options, geometry: Geometry, cost: Cost, choices: ChoiceCosts) -> Selection:
    best: tuple[float, Selection] = (math.inf, Selection({}, {}, {}))
    names = dict.fromkeys((STEM, options.lattice.fusion, HEAD))
    for widths in product(*(options.widths[name] for name in names)):
        outer = dict(zip(names, widths, strict=True))
        own = sum(choices.of_width(name, width) for name, width in outer.items())
        total, selection = _Search(options, geometry, cost, outer, choices).best()
        best = min(best, (total + own, selection), key=lambda pair: pair[0])
    return best[1]


class _Span(NamedTuple):
    """The layers at which the branches of a state may next go down."""

    first: int
    last: int


class _State(NamedTuple):
    node: Node
    width: int
    branches: frozenset[int]
    span: _Span


class _Move(NamedTuple):
    """Take an edge with some of the branches, into a state."""

    edge: Edge
    state: _State


class _Plan(NamedTuple):
    """The cost from a state to the ends, and what to take there."""

    cost: float
    operator: Operator | None
    moves: tuple[_Move, ...]


IMPOSSIBLE = _Plan(math.inf, None, ())


@dataclass
class _Search:
    options: Options
    geometry: Geometry
    cost: Cost
    outer: dict[str, int]
    choices: ChoiceCosts
    plans: dict[_State, _Plan] = field(default_factory=dict)
    costs: dict[tuple[Edge, Operator, int, int], float] = field(default_factory=dict)

    @property
    def lattice(self) -> Lattice:
        return self.options.lattice

    def best(self) -> tuple[float, Selection]:
        """The best network's cost and selection, given the widths of stem and head."""
        any_layer = _Span(0, self.options.space.layers)
        start = _State(
            Node(0, 8), self.outer[STEM], frozenset(self.options.space.branches), any_layer
        )
        selection = Selection({}, {}, dict(self.outer))
        self._collect(start, selection)
        return self._fixed() + self._plan(start).cost, selection

    def _fixed(self) -> float:
        """The cost of all that no choice inside the lattice changes."""
        branches = self.options.space.branches
        arms = [self.lattice.arm_slot(end, stride) for end in branches for stride in laterals(end)]
        joins = self.lattice.join_slots(self.geometry.classes)
        borders = border_slots(self.geometry.classes)
        return sum(self._of(s) for s in (*self.lattice.stem_slots, *arms, *joins, *borders))

    def _of(self, slot: Slot, expansions: dict[str, int] | None = None) -> float:
        spec = slot.spec(slot.kinds[0], expansions or self.outer, self.geometry.size)
        return self.cost(spec)

    def _plan(self, state: _State) -> _Plan:
        if state not in self.plans:
            found = (
                self._with(state.node, op, split)
                for op in self.options.operators
                for split in self._splits(state)
            )
            self.plans[state] = min(found, key=lambda plan: plan.cost, default=IMPOSSIBLE)
        return self.plans[state]

    def _with(self, node: Node, operator: Operator, split: tuple[_Exit, ...]) -> _Plan:
        """The best plan with an operator and a way to distribute the branches."""
        parts = [self._through(operator, way) for way in split]
        own = self.choices.of_operator(node, operator)
        total = own + sum(cost for cost, _ in parts)
        return _Plan(total, operator, tuple(move for _, move in parts))

    def _through(self, operator: Operator, way: _Exit) -> tuple[float, _Move]:
        """The best width for the feature behind an edge: cost from here on, and the move."""
        target = way.edge.target
        found = []
        for width in self._widths(target):
            state = _State(target, width, way.branches, way.span)
            ahead = self._ahead(state)
            found.append((self._edge(way, operator, width) + ahead, _Move(way.edge, state)))
        return min(found, key=lambda pair: pair[0])

    def _ahead(self, state: _State) -> float:
        """The cost of a feature's width and of all behind it; the ends' width is given."""
        if state.node.layer == self.options.space.layers:
            return 0.0
        name = self.lattice.width_choice(state.node)
        return self.choices.of_width(name, state.width) + self._plan(state).cost

    def _widths(self, node: Node) -> tuple[int, ...]:
        name = self.lattice.width_choice(node)
        return (self.outer[name],) if name in self.outer else self.options.widths[name]

    def _edge(self, way: _Exit, operator: Operator, width: int) -> float:
        """The cost of a block, and of the joins with the feature that a branch leaves behind."""
        key = (way.edge, operator, way.width, width)
        lattice, node = self.lattice, way.edge.node
        if key not in self.costs:
            names = lattice.width_choice(node), lattice.width_choice(way.edge.target)
            expansions = {names[0]: way.width, names[1]: width}
            spec = lattice.cell_slot(way.edge).spec(operator, expansions, self.geometry.size)
            self.costs[key] = 0.0 if spec.is_identity else self.cost(spec)
        own = self.costs[key] + self.choices.of_edge(way.edge)
        if not way.edge.down:
            return own
        entering = {**self.outer, lattice.width_choice(node): way.width}
        joins = [lattice.refine_slot(end, node) for end in way.branches]
        return own + sum(self._of(slot, entering) for slot in joins)

    def _splits(self, state: _State) -> Iterator[tuple[_Exit, ...]]:
        """Every way to send the branches on: all keep, all go down, or the coarser ones do."""
        node, branches = state.node, state.branches
        for down in {frozenset(b for b in branches if b > limit) for limit in (0, *branches)}:
            keep = branches - down
            if self._allows(state, keep, down):
                for stay, leave in self._spans(state, keep, down):
                    ways = (
                        _Exit(Edge(node, down=False), keep, state.width, stay),
                        _Exit(Edge(node, down=True), down, state.width, leave),
                    )
                    yield tuple(way for way in ways if way.branches)

    def _allows(self, state: _State, keep: frozenset[int], down: frozenset[int]) -> bool:
        layer, stride = state.node
        last = layer == self.options.space.layers - 1
        if last:
            return not down and keep == {stride}
        lower = any(branch <= stride for branch in down)
        held = bool(down) and not state.span.first <= layer <= state.span.last
        overdue = not down and layer >= state.span.last
        return not (lower or held or overdue) and all(
            Node(layer + 1, stride * factor) in self.lattice.nodes
            for factor, part in ((1, keep), (2, down))
            if part
        )

    def _spans(
        self, state: _State, keep: frozenset[int], down: frozenset[int]
    ) -> Iterator[tuple[_Span, _Span]]:
        layers = self.options.space.layers
        any_layer = _Span(0, layers)
        if keep and down == {32} and 16 in keep and state.node.stride == 8:
            for leaving in range(state.node.layer + 1, layers - 1):
                yield _Span(leaving, layers), _Span(leaving, leaving)
        else:
            yield (any_layer if down else state.span), any_layer

    def _collect(self, state: _State, selection: Selection) -> None:
        """Write the plan's choices from a state on into a selection."""
        if state.node.layer == self.options.space.layers:
            return
        plan = self._plan(state)
        assert plan.operator is not None
        selection.operators[state.node] = plan.operator
        for move in plan.moves:
            selection.parents[move.edge.target] = move.edge
            selection.expansions[self.lattice.width_choice(move.edge.target)] = move.state.width
            self._collect(move.state, selection)


class _Exit(NamedTuple):
    """An edge, the branches that take it, the width that enters its cell, when they go on down."""

    edge: Edge
    branches: frozenset[int]
    width: int
    span: _Span
