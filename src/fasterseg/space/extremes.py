"""The two ends of a space: its cheapest and its dearest network, exactly.

Costs add up over blocks, so both are found by dynamic programming from the branches' ends towards
the stem.  A state is a cell and the branches that pass through it; its table holds the least cost
from there on for every width of the feature that enters it and every width of the fusion, which
joins the branches with what they left behind.  So one pass serves every stem, fusion and head: what
lies behind layer 0 does not see the stem, and what the head costs depends on the fusion alone.
Outside the cells a choice of kind decides one block of a network, so each takes its best there.

Two branches may part but, forming a tree, never meet again: the one case in which
they could (the coarser parts from the finer at stride 8, stays at 16, and the finer one comes down
behind it) is excluded by fixing, where they part, the layer at which the coarser leaves stride 16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.assignment import Assignment, architecture_of, blocks_passed, runs
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.choices import HEAD, STEM, Option
from fasterseg.space.lattice import Edge, Lattice, Node
from fasterseg.space.options import Options
from fasterseg.space.placements import Placement

Cost = Callable[[BlockSpec], float]


class ChoiceCosts(Protocol):
    """What choices cost by themselves, whatever the blocks."""

    def of(self, choice: str, option: Option) -> float:
        """The cost of taking an option of a choice."""


class NoChoiceCosts:
    """Choices are free."""

    def of(self, choice: str, option: Option) -> float:
        """Nothing."""
        return 0.0


def best_trade(
    options: Options, geometry: Geometry, cost: Cost, choices: ChoiceCosts
) -> Assignment:
    """The assignment with the least sum of block costs and choice costs, exactly.

    It holds the choices that its network depends on, and no others.
    """
    return _Search(options, geometry, cost, choices).best()


def cheapest(options: Options, geometry: Geometry, cost_ms: Cost) -> Architecture:
    """The network of least cost among all that the options allow; `cost_ms` prices a block."""
    return _extreme(options, geometry, cost_ms)


def dearest(options: Options, geometry: Geometry, cost_ms: Cost) -> Architecture:
    """The network of greatest cost among all that the options allow."""
    return _extreme(options, geometry, lambda spec: -cost_ms(spec))


def _extreme(options: Options, geometry: Geometry, cost: Cost) -> Architecture:
    assignment = best_trade(options, geometry, cost, NoChoiceCosts())
    return architecture_of(options.lattice, assignment)


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
    blocks: dict[tuple[object, ...], Table] = field(default_factory=dict)

    @property
    def lattice(self) -> Lattice:
        return self.options.lattice

    @cached_property
    def outer(self) -> tuple[str, ...]:
        """The width choices that all branches share: stem, fusion, and the head if it has one."""
        return tuple(dict.fromkeys((STEM, self.lattice.fusion_choice, HEAD)))

    @cached_property
    def outside(self) -> tuple[Placement, ...]:
        """The places outside the cells that are priced and not the same in every network."""
        every = self.lattice.placements(self.geometry.classes)
        return tuple(one for one in every if one.part in ("stem", "fusion", "head"))

    @cached_property
    def refines(self) -> dict[tuple[int, str], Placement]:
        """Where a branch joins what it leaves, by the branch and the cell's output."""
        return {
            (branch, passing.block): one
            for one in self.outside
            for passing in one.used
            for branch in passing.branches
        }

    def best(self) -> Assignment:
        """The assignment of the best network."""
        any_layer = _Span(0, self.options.space.layers)
        start = _State(Node(0, 8), frozenset(self.options.space.branches), any_layer)
        table = self._table(start)
        total = table.reshape(table.shape + (1,) * (len(self.outer) - 2)) + self._outside_cost()
        at = np.unravel_index(int(total.argmin()), total.shape)
        assignment: dict[str, Option] = {
            name: self.options.choices[name][index]
            for name, index in zip(self.outer, at, strict=True)
        }
        self._collect(start, int(at[0]), int(at[1]), assignment)
        passed = blocks_passed(self.lattice, assignment)
        for one in self.outside:
            if runs(one, passed):
                assignment[one.kind_choice] = self._best_kind(one, assignment)
        return assignment

    def _outside_cost(self) -> Table:
        """What all costs that depends on the outer widths alone, and these by themselves."""
        total = np.zeros([len(self.options.choices[name]) for name in self.outer])
        for axis, name in enumerate(self.outer):
            total += self._spread(self._of_options(name), [axis])
        for one in self.outside:
            names = one.slot.width_choices
            if not one.used and set(names) <= set(self.outer):
                total += self._spread(self._prices(one), [self.outer.index(n) for n in names])
        return total

    def _spread(self, table: Table, axes: Sequence[int]) -> Table:
        """A table whose axes are some of the outer widths, with an axis for each of them."""
        missing = [axis for axis in range(len(self.outer)) if axis not in axes]
        return np.expand_dims(table.transpose(np.argsort(axes)), missing)

    def _prices(self, placement: Placement) -> Table:
        """What the best kind for a place costs there, by the width choices of its slot."""
        kinds = self._of_options(placement.kind_choice)
        blocks = self._blocks(placement)
        best: Table = (blocks + kinds.reshape(-1, *[1] * (blocks.ndim - 1))).min(axis=0)
        return best

    def _best_kind(self, placement: Placement, assignment: Assignment) -> Option:
        """The best kind for a place, its widths being chosen."""
        name, widths = placement.kind_choice, placement.slot.width_choices
        costs = self._blocks(placement)
        for width in reversed(widths):
            costs = costs[..., self.options.choices[width].index(assignment[width])]
        costs = costs + self._of_options(name)
        return self.options.choices[name][int(costs.argmin())]

    def _blocks(self, placement: Placement) -> Table:
        """What the blocks that may stand in a place cost: (kinds, *widths of its slot)."""
        names = placement.choices
        offered = [self.options.choices[name] for name in names]
        key = (placement.slot.form, *offered)
        if key not in self.blocks:
            specs = (
                placement.spec(dict(zip(names, taken, strict=True)), self.geometry.size)
                for taken in product(*offered)
            )
            costs = [0.0 if spec.is_identity else self.cost(spec) for spec in specs]
            self.blocks[key] = np.array(costs).reshape([len(options) for options in offered])
        return self.blocks[key]

    def _of_options(self, choice: str) -> Table:
        """What the options of a choice cost by themselves."""
        return np.array([self.choices.of(choice, o) for o in self.options.choices[choice]])

    def _table(self, state: _State) -> Table:
        """The least cost from a state on: (widths entering it, widths of the fusion)."""
        if state not in self.tables:
            self.tables[state] = self._candidates(state)[1].min(axis=(0, 1))
        return self.tables[state]

    def _candidates(self, state: _State) -> tuple[list[tuple[_Way, ...]], Table]:
        """Ways to go on, and what each costs: (kinds, ways, widths, widths of the fusion)."""
        node, options = state.node, self.options.choices
        names = (node.kind_choice, self.lattice.width_of(node), self.lattice.fusion_choice)
        splits = list(self._splits(state))
        impossible = np.full([len(options[name]) for name in names], np.inf)
        costs = [impossible, *(sum(map(self._through, split)) for split in splits)]
        own = self._of_options(node.kind_choice)
        return [(), *splits], np.stack(costs, axis=1) + own[:, None, None, None]

    def _through(self, way: _Way) -> Table:
        """The least cost behind an edge: (kinds, widths entering the cell, of the fusion)."""
        if way not in self.ways:
            target = way.edge.target
            total = self._onward(way).min(axis=2)
            if target in self.lattice.forks:
                total = total + self.choices.of(target.path_choice, way.edge.path)
            if way.edge.down:
                total = total + sum(self._join(branch, way.edge) for branch in way.branches)
            self.ways[way] = total
        return self.ways[way]

    def _onward(self, way: _Way) -> Table:
        """The cost of a block and of all behind it: (kinds, widths, widths behind, fusion)."""
        target, cells = way.edge.target, self._blocks(self.lattice.cell(way.edge))[..., None]
        own = self._of_options(self.lattice.width_of(target))[:, None]
        if target.layer < self.options.space.layers:
            return cells + own + self._table(way.state)
        if self.lattice.width_of(target) in self.outer:
            same = np.eye(cells.shape[2], dtype=bool)
            return np.where(same, cells, np.inf)
        return cells + own + sum(self._prices(one) for one in self._reading(way.edge))

    def _reading(self, edge: Edge) -> Iterator[Placement]:
        """What reads a branch's end, where that has a width of its own."""
        return (one for one in self.outside if not one.used and edge.name in one.sources)

    def _join(self, branch: int, edge: Edge) -> Table | float:
        """What joining a branch with the feature it leaves costs: (its widths, of the fusion)."""
        refine = self.refines.get((branch, edge.name))
        return np.inf if refine is None else self._prices(refine).T

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
        if down and max(keep, default=0) > state.node.stride:
            for leaving in range(state.node.layer + 1, layers - 1):
                yield _Span(leaving, layers), _Span(leaving, leaving)
        else:
            yield (any_layer if down else state.span), any_layer

    def _collect(
        self, state: _State, width: int, fusion: int, assignment: dict[str, Option]
    ) -> None:
        """Write the best choices from a state on into an assignment."""
        splits, costs = self._candidates(state)
        kind, split = divmod(int(costs[:, :, width, fusion].argmin()), len(splits))
        choices = self.options.choices
        assignment[state.node.kind_choice] = choices[state.node.kind_choice][kind]
        for way in splits[split]:
            target = way.edge.target
            behind = int(self._onward(way)[kind, width, :, fusion].argmin())
            name = self.lattice.width_of(target)
            assignment[name] = choices[name][behind]
            if target in self.lattice.forks:
                assignment[target.path_choice] = way.edge.path
            if target.layer < self.options.space.layers:
                self._collect(way.state, behind, fusion, assignment)
