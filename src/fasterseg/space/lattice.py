"""The lattice of layers x output strides, as a value.

A *node* (layer, stride) is a cell together with the feature that enters it.  A cell offers a
*keep* output at its own stride and a *down* output at twice that stride; an *edge* is one of the
two.  Node (0, 8) is fed by the stem; the nodes of layer ``layers`` are the finished branches.
Only nodes that lie on a path from the stem to the end of a kept branch are listed.

A *placement* is a place where one block goes; what the block is depends on choices: of its kind and
of the widths at its two sides.  (*search space with multi-resolution branching*)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from fasterseg.space.choices import DOWN, FUSION, HEAD, KEEP, PATHS, STEM, Option, choice, place
from fasterseg.space.kinds import Kind
from fasterseg.space.placements import (
    Channels,
    Event,
    Feature,
    Last,
    Passing,
    Placement,
    Slot,
    border_placements,
    cell_name,
    laterals,
    placements_behind,
    stem_placements,
)
from fasterseg.space.search_space import STRIDES, SearchSpace


class Node(NamedTuple):
    """A cell and the feature that enters it."""

    layer: int
    stride: int

    @property
    def place(self) -> str:
        """The cell's place in the names of its choices."""
        return f"cells.{self.layer}.{self.stride}"

    @property
    def kind_choice(self) -> str:
        """The choice of what the cell is."""
        return choice("kinds", self.place)

    @property
    def path_choice(self) -> str:
        """The choice of the parent by which a branch reaches the cell; a fork has one."""
        return choice("paths", self.place)


class Edge(NamedTuple):
    """The keep or the down output of a cell."""

    node: Node
    down: bool

    @property
    def target(self) -> Node:
        """The node that the output feeds."""
        return Node(self.node.layer + 1, self.node.stride * (2 if self.down else 1))

    @property
    def name(self) -> str:
        """The block's name in supernet and network alike."""
        return cell_name(self.node.layer, self.node.stride, down=self.down)

    @property
    def path(self) -> str:
        """The option that it is for its target's path choice."""
        return DOWN if self.down else KEEP


@dataclass(frozen=True)
class Lattice:
    """The nodes, edges and placements of a search space, and its choices; see the module."""

    space: SearchSpace

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every cell, layer by layer, fine strides first."""
        return tuple(
            Node(layer, stride)
            for layer in range(self.space.layers)
            for stride in STRIDES
            if self._is_useful(layer, stride)
        )

    def _is_useful(self, layer: int, stride: int) -> bool:
        position, left = STRIDES.index(stride), self.space.layers - 1 - layer
        ends = [STRIDES.index(end) for end in self.space.branches]
        return position <= layer and any(position <= end <= position + left for end in ends)

    @cached_property
    def ends(self) -> tuple[Node, ...]:
        """The last cell of each kept branch, in the space's order of branches."""
        return tuple(Node(self.space.layers - 1, stride) for stride in self.space.branches)

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """Every keep and down output that some network of the space uses."""
        inner = [
            Edge(node, down)
            for node in self.nodes
            for down in (False, True)
            if Edge(node, down).target in self.nodes
        ]
        return (*inner, *(Edge(end, down=False) for end in self.ends))

    def parents(self, node: Node) -> tuple[Edge, ...]:
        """The edges that may feed a node: keep first, then down; none for the stem's."""
        return self._parents.get(node, ())

    @cached_property
    def _parents(self) -> Mapping[Node, tuple[Edge, ...]]:
        found: dict[Node, list[Edge]] = {}
        for edge in sorted(self.edges, key=lambda edge: edge.down):
            found.setdefault(edge.target, []).append(edge)
        return {node: tuple(edges) for node, edges in found.items()}

    @cached_property
    def forks(self) -> tuple[Node, ...]:
        """The nodes with two parents: where the path is a choice."""
        return tuple(node for node in self.nodes if len(self.parents(node)) == 2)

    @cached_property
    def choices(self) -> Mapping[str, tuple[Option, ...]]:
        """Every choice of the space with its options: paths, then kinds, then widths.

        In this order they are sampled.  Kinds come cell by cell, then those outside the cells.
        """
        return {
            **{node.path_choice: PATHS for node in self.forks},
            **{node.kind_choice: self.space.operators for node in self.nodes},
            **{one.kind_choice: one.kinds for one in self.placements(classes=1)},
            **self._widths,
        }

    @cached_property
    def settled(self) -> frozenset[str]:
        """The choices that are none: of what stands outside the cells, where nothing else may."""
        outside = (one for one in self.placements(classes=1) if one.part != "cells")
        return frozenset(one.kind_choice for one in outside if len(one.kinds) == 1)

    @property
    def _widths(self) -> Mapping[str, tuple[Option, ...]]:
        space = self.space
        inner = {self.width_of(node): space.expansions for node in self.nodes}
        ends = {self.width_of(Edge(end, down=False).target): space.expansions for end in self.ends}
        # Where the fusion is tied to the head, the head's expansions replace it.
        fusion = {self.fusion_choice: space.fusion_expansions}
        outer = {HEAD: space.head_expansions, STEM: space.stem_expansions}
        return {**inner, **ends, **fusion, **outer}

    @property
    def fusion_choice(self) -> str:
        """The choice of the fusion's width: the head's where the space ties the two."""
        return FUSION if self.space.fusion_expansions else HEAD

    def width_of(self, node: Node) -> str:
        """The choice of the width of the feature that enters a node, or that a branch ends with."""
        if node.layer == 0:
            return STEM
        if node.layer < self.space.layers:
            return choice("widths", node.place)
        has_own = not self.space.ends_at_fusion_width and bool(laterals(node.stride))
        return choice("widths", f"ends.{node.stride}") if has_own else self.fusion_choice

    def choices_of(self, node: Node) -> tuple[str, ...]:
        """The choices of a cell: of its kind, its parent and the width of what enters it."""
        own = (node.kind_choice, node.path_choice, self.width_of(node))
        return tuple(name for name in own if name in self.choices)

    def placements(self, classes: int) -> Iterator[Placement]:
        """Every place for a block, from image to labels, for a number of classes."""
        first, last = border_placements(classes)
        yield first
        yield from self._stem
        yield from (self.cell(edge) for edge in self.edges)
        yield from placements_behind(self._last, classes, self.fusion_choice, self._offer)
        yield last

    @cached_property
    def _stem(self) -> tuple[Placement, ...]:
        return stem_placements(self._offer)

    @cached_property
    def told_kinds(self) -> tuple[str, ...]:
        """The kind choices outside the cells that may be another one than the paper's."""
        papers: dict[str, Kind] = {}

        def paper(name: str, possible: tuple[Kind, ...]) -> tuple[Kind, ...]:
            papers[name] = possible[0]
            return possible

        stem_placements(paper)
        tuple(placements_behind(self._last, 1, self.fusion_choice, paper))
        return tuple(name for name, kind in papers.items() if self.choices[name] != (kind,))

    def _offer(self, choice: str, possible: tuple[Kind, ...]) -> tuple[Kind, ...]:
        """What the space offers outside the cells: what it says of the stem, else all there is."""
        return self.space.stem_kinds if place(choice) in ("stem.1", "stem.2") else possible

    def cell(self, edge: Edge) -> Placement:
        """The place of a cell's keep or down output."""
        read, node, factor = self._feature(edge.node), edge.node, 2 if edge.down else 1
        written = Channels(self.width_of(edge.target), edge.target.stride)
        slot = Slot(
            edge.name, (read.channels,), written, node.stride, edge.target.stride, stride=factor
        )
        used = (Passing(edge.name, self.space.branches),)
        return Placement("cells", slot, node.kind_choice, self.space.operators, (read,), used)

    def _feature(self, node: Node, used: Event = ()) -> Feature:
        """What enters a node, or what a branch ends with."""
        parents = tuple(edge.name for edge in self.parents(node))
        channels = Channels(self.width_of(node), node.stride)
        return Feature(parents or (self._stem[-1].name,), channels, used)

    @property
    def _last(self) -> Last:
        """What each branch's last feature at each stride may be, by where it goes down."""
        found: dict[tuple[int, int], tuple[Feature, ...]] = {}
        for branch, end in zip(self.space.branches, self.ends, strict=True):
            edge = Edge(end, down=False)
            found[branch, branch] = (self._feature(edge.target),)
            for stride in laterals(branch):
                found[branch, stride] = tuple(
                    self._feature(edge.node, (Passing(edge.name, (branch,)),))
                    for edge in self.partings(branch, stride)
                )
        return found

    def partings(self, branch: int, stride: int) -> tuple[Edge, ...]:
        """The down edges by which one branch may leave a stride: enough layers must follow."""
        further = STRIDES.index(branch) - STRIDES.index(stride) - 1
        last = self.space.layers - 2 - further
        downs = (edge for edge in self.edges if edge.down and edge.node.stride == stride)
        return tuple(edge for edge in downs if edge.node.layer <= last)
