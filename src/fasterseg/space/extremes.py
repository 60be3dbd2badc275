"""The two ends of a space: its cheapest and its dearest network, exactly.

Costs add up over blocks, so both are found by dynamic programming from the branches' ends towards
the stem.  A state is a cell and the branches that pass through it; its table holds the least cost
from there on for every width of the feature that enters it and all widths that are *shared*: the
fusion's, which joins the branches with what they left behind, and those of the stages where they
are tied.  So one pass serves every stem, fusion and head: what lies behind layer 0 does not see
the stem, and what the head costs depends on the fusion alone.  Outside the cells a choice of kind
decides one block of a network, so each takes its best there.

What the space's path rules ask of the cells so far (`space.path_rules`) is the first axis of a
state's table: all branches that pass through its cell have it in common.

Two branches may part but, forming a tree, never meet again: the one case in which
they could (the coarser parts from the finer at stride 8, stays at 16, and the finer one comes down
behind it) is excluded by fixing, where they part, the layer at which the coarser leaves stride 16.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.assignment import Assignment, architecture_of, blocks_passed, runs
from fasterseg.space.choices import HEAD, VARIANT, Option
from fasterseg.space.costs import Axes, ChoiceCosts, Cost, Costs, NoChoiceCosts, Table, aligned
from fasterseg.space.lattice import Edge, Lattice, Node
from fasterseg.space.options import Options
from fasterseg.space.path_rules import SKIP, PathRules
from fasterseg.space.placements import Placement
from fasterseg.space.places import STRIDES


def best_trade(
    options: Options, geometry: Geometry, cost: Cost, choices: ChoiceCosts
) -> Assignment:
    """The assignment with the least sum of block costs and choice costs, exactly.

    It holds the choices that its network depends on, and no others.
    """
    searches = [
        (one, _Search(Costs(one.alone, geometry, cost, choices))) for one in options.variants
    ]
    if len(searches) > 1:
        searches.sort(key=lambda pair: pair[1].least())
    variant, search = searches[0]
    return {**search.best(), **{n: variant.choices[n][0] for n in VARIANT if n in variant.choices}}


def cheapest(options: Options, geometry: Geometry, cost_ms: Cost) -> Architecture:
    """The network of least cost among all that the options allow; `cost_ms` prices a block."""
    return _extreme(options, geometry, cost_ms)


def dearest(options: Options, geometry: Geometry, cost_ms: Cost) -> Architecture:
    """The network of greatest cost among all that the options allow."""
    return _extreme(options, geometry, lambda spec: -cost_ms(spec))


def _extreme(options: Options, geometry: Geometry, cost: Cost) -> Architecture:
    assignment = best_trade(options, geometry, cost, NoChoiceCosts())
    return architecture_of(options.lattice, assignment)


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
    costs: Costs
    tables: dict[_State, Table] = field(default_factory=dict)
    ways: dict[_Way, Table] = field(default_factory=dict)

    @property
    def options(self) -> Options:
        return self.costs.options

    @property
    def lattice(self) -> Lattice:
        return self.options.lattice

    @property
    def layers(self) -> int:
        return self.options.space.layers

    @cached_property
    def shared(self) -> tuple[str, ...]:
        """The width choices that cells and joins of all branches share."""
        return self.lattice.shared_widths

    @cached_property
    def outer(self) -> tuple[str, ...]:
        """All width choices but those of single features."""
        head = [HEAD] if HEAD in self.options.choices else []
        return tuple(dict.fromkeys((*self.lattice.stem_choices, *self.shared, *head)))

    @cached_property
    def outside(self) -> tuple[Placement, ...]:
        """The places outside the cells that are priced and not the same in every network."""
        every = self.lattice.placements(self.costs.geometry.classes)
        return tuple(one for one in every if one.part in ("stem", "fusion", "head"))

    @cached_property
    def joins(self) -> dict[tuple[int, str], Placement]:
        """Where a branch joins what it leaves, by the branch and the cell's output."""
        return {
            (branch, passing.block): one
            for one in self.outside
            for passing in one.used
            for branch in passing.branches
        }

    @cached_property
    def start(self) -> _State:
        """Where all branches are together."""
        return _State(Node(0, 8), frozenset(self.lattice.branches), _Span(0, self.layers))

    @cached_property
    def total(self) -> Table:
        """The least cost of what the options decide, by the outer widths."""
        entering, first = self._own_width(self.start.node), self._table(self.start)[0]
        table = first if entering else first[0]
        names = (*([entering] if entering else []), *self.shared)
        return aligned(table, names, self.outer) + self._outside_cost()

    def least(self) -> float:
        """The cost of the best network, to be held against another variant's."""
        every = self.lattice.placements(self.costs.geometry.classes)
        borders = [self.costs.of_best(one, ()) for one in every if one.part in ("input", "tail")]
        return float(self.total.min() + sum(borders))

    def best(self) -> Assignment:
        """The assignment of the best network."""
        entering, total = self._own_width(self.start.node), self.total
        at = dict(zip(self.outer, np.unravel_index(int(total.argmin()), total.shape), strict=True))
        assignment = {name: self.options.choices[name][index] for name, index in at.items()}
        shared = tuple(int(at[name]) for name in self.shared)
        self._collect(self.start, 0, int(at[entering]) if entering else 0, shared, assignment)
        passed = blocks_passed(self.lattice, assignment)
        for one in self.outside:
            if runs(one, passed):
                assignment[one.kind_choice] = self.costs.best_kind(one, assignment)
        return assignment

    def _outside_cost(self) -> Table:
        """What all costs that depends on the outer widths alone, and these by themselves."""
        total = np.zeros([len(self.options.choices[name]) for name in self.outer])
        for name in self.outer:
            total += aligned(self.costs.of_options(name), (name,), self.outer)
        for one in self.outside:
            if not one.used and set(one.slot.width_choices) <= set(self.outer):
                total += self.costs.of_best(one, self.outer)
        return total

    def _own_width(self, node: Node) -> str | None:
        """The width choice of the feature that enters a node alone; None where it is shared."""
        name = self.lattice.width_of(node)
        return None if name in self.shared else name

    def _shape(self, kind: str, *widths: str | None) -> tuple[int, ...]:
        """Kinds, standings by the path rules, these widths, and the shared ones."""
        names = (*widths, *self.shared)
        sizes = (1 if name is None else len(self.options.choices[name]) for name in names)
        return (len(self.options.choices[kind]), self.rules.ends.shape[1], *sizes)

    @cached_property
    def rules(self) -> PathRules:
        """The space's path rules."""
        return self.options.space.rules

    def _after(self, edge: Edge) -> NDArray[np.int64]:
        """The standing after a cell: (kinds, standings before it)."""
        kinds = self.options.choices[edge.node.kind_choice]
        return self.rules.after[[int(kind == SKIP) for kind in kinds], int(edge.down)]

    def _table(self, state: _State) -> Table:
        """The least cost from a state on: (standings, widths entering it, *shared widths)."""
        if state not in self.tables:
            self.tables[state] = self._candidates(state)[1].min(axis=(0, 1))
        return self.tables[state]

    def _candidates(self, state: _State) -> tuple[list[tuple[_Way, ...]], Table]:
        """Ways to go on, and their costs: (kinds, ways, standings, widths, *shared widths)."""
        kind, splits = state.node.kind_choice, list(self._splits(state))
        shape = self._shape(kind, self._own_width(state.node))
        costs: list[Table] = [np.full(shape, np.inf)]
        costs += [np.broadcast_to(sum(map(self._through, split)), shape) for split in splits]
        stacked = np.stack(costs, axis=1)
        own = self.costs.of_options(kind).reshape(-1, *[1] * (stacked.ndim - 1))
        return [(), *splits], stacked + own

    def _through(self, way: _Way) -> Table:
        """The least cost behind an edge: (kinds, standings, widths entering it, *shared)."""
        if way not in self.ways:
            target = way.edge.target
            total = self._onward(way).min(axis=3)
            if target in self.lattice.forks:
                total = total + self.costs.of_option(target.path_choice, way.edge.path)
            if way.edge.down:
                total = total + sum(self._join(branch, way.edge) for branch in way.branches)
            self.ways[way] = total
        return self.ways[way]

    def _onward(self, way: _Way) -> Table:
        """The cost of a block and of all behind it.

        (kinds, standings, widths, widths behind, *shared)
        """
        node, target = way.edge.node, way.edge.target
        read, written = self._own_width(node), self._own_width(target)
        axes: Axes = (node.kind_choice, read, written, *self.shared)
        total = self.costs.of_blocks(self.lattice.cell(way.edge), axes)
        if written is not None:
            total = total + aligned(self.costs.of_options(written), (written,), axes)
        if target.layer == self.layers:
            for one in self._reading(written):
                total = total + self.costs.of_best(one, axes)
        behind = self._behind(way)[self._after(way.edge)]
        return np.broadcast_to(
            total[:, None] + behind[:, :, None], self._shape(node.kind_choice, read, written)
        )

    def _behind(self, way: _Way) -> Table:
        """The least cost from a way's end on: (standings, widths, *shared); infinite for the dead.

        The dead standing is the last.
        """
        if way.edge.target.layer < self.layers:
            table = self._table(way.state)
        else:
            (branch,) = way.branches
            ends = self.rules.ends[STRIDES.index(branch)]
            table = np.where(ends, 0.0, np.inf).reshape(-1, 1, *[1] * len(self.shared))
        return np.concatenate([table, np.full_like(table[:1], np.inf)])

    def _reading(self, width: str | None) -> Iterator[Placement]:
        """What reads a branch's end, where that has a width of its own."""
        return (one for one in self.outside if width in one.slot.width_choices and not one.used)

    def _join(self, branch: int, edge: Edge) -> Table | float:
        """What joining a branch with the feature it leaves costs: (its widths, *shared)."""
        join = self.joins.get((branch, edge.name))
        if join is None:
            return np.inf
        return self.costs.of_best(join, (self._own_width(edge.node), *self.shared))

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
        last = layer == self.layers - 1
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
        layers = self.layers
        any_layer = _Span(0, layers)
        if down and max(keep, default=0) > state.node.stride:
            for leaving in range(state.node.layer + 1, layers - 1):
                yield _Span(leaving, layers), _Span(leaving, leaving)
        else:
            yield (any_layer if down else state.span), any_layer

    def _collect(
        self,
        state: _State,
        standing: int,
        width: int,
        shared: tuple[int, ...],
        assignment: dict[str, Option],
    ) -> None:
        """Write the best choices from a state on into an assignment."""
        splits, costs = self._candidates(state)
        kind, split = divmod(int(_at(costs[:, :, standing, width], shared).argmin()), len(splits))
        choices = self.options.choices
        assignment[state.node.kind_choice] = choices[state.node.kind_choice][kind]
        for way in splits[split]:
            target = way.edge.target
            behind = int(_at(self._onward(way)[kind, standing, width], shared).argmin())
            after = int(self._after(way.edge)[kind, standing])
            name = self._own_width(target)
            if name is not None:
                assignment[name] = choices[name][behind]
            if target in self.lattice.forks:
                assignment[target.path_choice] = way.edge.path
            if target.layer < self.layers:
                self._collect(way.state, after, behind, shared, assignment)


def _at(table: Table, shared: tuple[int, ...]) -> Table:
    """The entries of a table at one option of each shared width, which are its last axes."""
    for index in reversed(shared):
        table = table[..., index]
    return table
