"""The two ends of a space: its cheapest and its dearest network, exactly.

Costs add up over blocks, so both are found by dynamic programming from the branches' ends towards
the stem.  A state is a cell and the branches that pass through it; its table holds the least cost
from there on for every width of the feature that enters it and every width of the fusion, which
joins the branches with what they left behind.  So one pass serves every stem, fusion and head: what
lies behind layer 0 does not see the stem, and what the head costs depends on the fusion alone.

Two branches may part but, forming a tree, never meet again: the one case in which
they could (branch 32 parts from branch 16 at stride 8, stays at 16, and 16 comes down behind it)
is excluded by fixing, where they part, the layer at which branch 32 leaves stride 16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.kinds import Kind
from fasterseg.space.lattice import (
    HEAD,
    STEM,
    Edge,
    Lattice,
    Node,
    Slot,
    laterals,
)
from fasterseg.space.options import Options
from fasterseg.space.sampling import Selection
from fasterseg.space.search_space import Operator

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
    return _Search(options, geometry, cost, choices).best()


def narrowest(options: Options, geometry: Geometry, cost_ms: Cost) -> Architecture:
    """The network of least cost among all that the options allow; `cost_ms` prices a block."""
    return _extreme(options, geometry, cost_ms)


def widest(options: Options, geometry: Geometry, cost_ms: Cost) -> Architecture:
    """The network of greatest cost among all that the options allow."""
    return _extreme(options, geometry, lambda spec: -cost_ms(spec))


def _extreme(options: Options, geometry: Geometry, cost: Cost) -> Architecture:
    return best_trade(options, geometry, cost, NoChoiceCosts()).architecture(options)


Table = NDArray[np.float64]


class _Span(NamedTuple):
    """The layers at which the branches of a state may next go down."""

    first: int
    last: int


class _State(NamedTuple):
    node: Node
    branches: frozenset[int]
    span: _Span


class _Way(NamedTuple):
    """An edge, the branches that take it, and when they go on down."""

    edge: Edge
    branches: frozenset[int]
    span: _Span

    @property
    def state(self) -> _State:
        """Where it leads."""
        return _State(self.edge.target, self.branches, self.span)


@dataclass
class _Search:
    options: Options
    geometry: Geometry
    cost: Cost
    choices: ChoiceCosts
    tables: dict[_State, Table] = field(default_factory=dict)
    ways: dict[_Way, Table] = field(default_factory=dict)
    cells: dict[tuple[int, bool, bool, bool], Table] = field(default_factory=dict)
    joins: dict[tuple[int, bool], Table] = field(default_factory=dict)

    @property
    def lattice(self) -> Lattice:
        return self.options.lattice

    def best(self) -> Selection:
        """The selection of the best network."""
        any_layer = _Span(0, self.options.space.layers)
        start = _State(Node(0, 8), frozenset(self.options.space.branches), any_layer)
        stem = sum(map(self._prices, self.lattice.stem_slots)) + self._of_widths(STEM)
        total = self._table(start) + stem[:, None] + self._behind
        best, fusion = np.unravel_index(total.argmin(), total.shape)
        selection = Selection({}, {}, {STEM: self.options.widths[STEM][best]})
        self._collect(start, int(best), int(fusion), selection)
        joined = self._joined[fusion]
        head = int(joined.argmin()) if joined.ndim else int(fusion)
        selection.expansions[HEAD] = self.options.widths[HEAD][head]
        return selection

    @cached_property
    def _joined(self) -> Table:
        """What fusing and the head cost, by their widths: one axis where the two are tied."""
        fuse, head = self.lattice.join_slots(self.geometry.classes)
        return self._prices(fuse) + self._prices(head) + self._of_widths(HEAD)

    @property
    def _behind(self) -> Table:
        """What the arms and all behind them cost, by the fusion's width, at the best head."""
        branches, name = self.options.space.branches, self.lattice.fusion
        arms = [self.lattice.arm_slot(end, stride) for end in branches for stride in laterals(end)]
        total = np.zeros(len(self.options.widths[name])) + sum(map(self._prices, arms))
        if self._joined.ndim == 2:
            total += self._of_widths(name)
        total += self._joined.reshape(len(total), -1).min(axis=1)
        return total

    def _prices(self, slot: Slot) -> Table:
        """What the block of a slot costs, by the width choices that it depends on."""
        return self._prices_of(slot, slot.kinds[0])

    def _prices_of(self, slot: Slot, kind: Kind) -> Table:
        offered = [self.options.widths[name] for name in slot.choices]
        specs = (
            slot.spec(kind, dict(zip(slot.choices, widths, strict=True)), self.geometry.size)
            for widths in product(*offered)
        )
        costs = [0.0 if spec.is_identity else self.cost(spec) for spec in specs]
        return np.array(costs).reshape([len(widths) for widths in offered])

    def _of_widths(self, choice: str) -> Table:
        """What the options of a width choice cost by themselves."""
        return np.array([self.choices.of_width(choice, w) for w in self.options.widths[choice]])

    def _table(self, state: _State) -> Table:
        """The least cost from a state on: (widths entering it, widths of the fusion)."""
        if state not in self.tables:
            self.tables[state] = self._candidates(state)[1].min(axis=(0, 1))
        return self.tables[state]

    def _candidates(self, state: _State) -> tuple[list[tuple[_Way, ...]], Table]:
        """Ways to go on, and what each costs: (operators, ways, widths, widths of the fusion)."""
        node, widths = state.node, self.options.widths
        shape = (
            len(self.options.operators),
            len(widths[self.lattice.width_choice(node)]),
            len(widths[self.lattice.fusion]),
        )
        splits = list(self._splits(state))
        costs = [np.full(shape, np.inf), *(sum(map(self._through, split)) for split in splits)]
        own = [self.choices.of_operator(node, name) for name in self.options.operators]
        return [(), *splits], np.stack(costs, axis=1) + np.array(own)[:, None, None, None]

    def _through(self, way: _Way) -> Table:
        """The least cost behind an edge: (operators, widths entering the cell, of the fusion)."""
        if way not in self.ways:
            total = self._onward(way).min(axis=2) + self.choices.of_edge(way.edge)
            if way.edge.down:
                total = total + len(way.branches) * self._join(way.edge.node)
            self.ways[way] = total
        return self.ways[way]

    def _onward(self, way: _Way) -> Table:
        """The cost of a block and of all behind it: (operators, widths, widths behind, fusion)."""
        target, cells = way.edge.target, self._cell(way.edge)[..., None]
        if target.layer < self.options.space.layers:
            name = self.lattice.width_choice(target)
            return cells + self._of_widths(name)[:, None] + self._table(way.state)
        # A branch ends at the fusion's width.
        same = np.eye(cells.shape[2], dtype=bool)
        return np.where(same, cells, np.inf)

    def _cell(self, edge: Edge) -> Table:
        """What a cell's block costs: (operators, widths entering, widths behind)."""
        entering, behind = edge.node.layer == 0, edge.target.layer == self.options.space.layers
        key = (edge.node.stride, edge.down, entering, behind)
        if key not in self.cells:
            slot = self.lattice.cell_slot(edge)
            kinds = [self._prices_of(slot, kind) for kind in self.options.operators]
            self.cells[key] = np.stack(kinds)
        return self.cells[key]

    def _join(self, node: Node) -> Table:
        """What joining a branch with the feature it leaves costs: (its widths, of the fusion)."""
        key = (node.stride, node.layer == 0)
        if key not in self.joins:
            slot = self.lattice.refine_slot(2 * node.stride, node)
            self.joins[key] = self._prices(slot).T
        return self.joins[key]

    def _splits(self, state: _State) -> Iterator[tuple[_Way, ...]]:
        """Every way to send the branches on: all keep, all go down, or the coarser ones do."""
        node, branches = state.node, state.branches
        for down in {frozenset(b for b in branches if b > limit) for limit in (0, *branches)}:
            keep = branches - down
            if self._allows(state, keep, down):
                for stay, leave in self._spans(state, keep, down):
                    ways = (
                        _Way(Edge(node, down=False), keep, stay),
                        _Way(Edge(node, down=True), down, leave),
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

    def _collect(self, state: _State, width: int, fusion: int, selection: Selection) -> None:
        """Write the best choices from a state on into a selection."""
        splits, costs = self._candidates(state)
        operator, split = divmod(int(costs[:, :, width, fusion].argmin()), len(splits))
        selection.operators[state.node] = self.options.operators[operator]
        for way in splits[split]:
            target = way.edge.target
            behind = int(self._onward(way)[operator, width, :, fusion].argmin())
            name = self.lattice.width_choice(target)
            selection.parents[target] = way.edge
            selection.expansions[name] = self.options.widths[name][behind]
            if target.layer < self.options.space.layers:
                self._collect(way.state, behind, fusion, selection)
