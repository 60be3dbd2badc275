"""The lattice of layers x output strides, as a value.

A *node* (layer, stride) is a cell together with the feature that enters it.  A cell offers a
*keep* output at its own stride and a *down* output at twice that stride; an *edge* is one of the
two.  Node (0, 8) is fed by the stem; the nodes of layer ``layers`` are the finished branches.
Only nodes that lie on a path from the stem to the end of a kept branch are listed.

A *placement* is a place where one block goes; what the block is depends on choices: of its kind and
of the widths at its two sides.  (*search space with multi-resolution branching*)
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from fasterseg.space.choices import (
    DOWN,
    FUSION,
    HEAD,
    KEEP,
    PATHS,
    STEM,
    STEMS,
    Option,
    choice,
    place,
)
from fasterseg.space.decoder import Decoder, Last, laterals
from fasterseg.space.input_scale import Scale
from fasterseg.space.kinds import Kind
from fasterseg.space.placements import (
    Channels,
    Event,
    Feature,
    Offer,
    Passing,
    Placement,
    Slot,
    border_placements,
    cell_name,
    stem_placements,
)
from fasterseg.space.places import PLACES, STRIDES
from fasterseg.space.rescaling import at_scale
from fasterseg.space.search_space import SearchSpace
from fasterseg.space.variants import merged, taken_by, variant_choices


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
    """The nodes, edges and placements of a search space, and its choices; see the module.

    Of a space with several sets of branches or input scales it has what some variant has.
    """

    space: SearchSpace

    @cached_property
    def variants(self) -> tuple[Lattice, ...]:
        """The lattices of its variants; itself where there is one."""
        spaces = self.space.variants
        return tuple(map(Lattice, spaces)) if len(spaces) > 1 else (self,)

    def variant(self, taken: Mapping[str, Option]) -> Lattice:
        """The lattice of the variant that is taken; of what is not said, the first."""
        if len(self.variants) == 1:
            return self
        return next(
            one
            for one, own in self._taken
            if all(taken.get(name, option) == option for name, option in own.items())
        )

    @cached_property
    def _taken(self) -> tuple[tuple[Lattice, Mapping[str, Option]], ...]:
        return tuple((one, taken_by(self.space, one.space)) for one in self.variants)

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
        ends = [STRIDES.index(end) for end in self.branches]
        return position <= layer and any(position <= end <= position + left for end in ends)

    @property
    def branches(self) -> tuple[int, ...]:
        """The branches that may be kept, from the coarsest to the finest."""
        known = {stride for branches in self.space.branch_sets for stride in branches}
        return tuple(sorted(known, reverse=True))

    @property
    def scale(self) -> Scale:
        """The input scale of a variant."""
        return Scale.parse(self.space.input_scale[0])

    @cached_property
    def ends(self) -> tuple[Node, ...]:
        """The last cell of each kept branch, in the space's order of branches."""
        return tuple(Node(self.space.layers - 1, stride) for stride in self.branches)

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
        Which variant it is comes before all.
        """
        if len(self.variants) > 1:
            return {**variant_choices(self.space), **merged(one.choices for one in self.variants)}
        return {
            **{node.path_choice: PATHS for node in self.forks},
            **{node.kind_choice: self.space.kinds.cells[node.stride] for node in self.nodes},
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
        offered = self.space.widths
        entering = [(node, node.stride) for node in self.nodes]
        ends = [(Edge(end, down=False).target, end.stride) for end in self.ends]
        inner = {self.width_of(node): offered.cells[stride] for node, stride in (*entering, *ends)}
        # Where the fusion is tied to the head, the head's widths replace it.
        fusion = {self.fusion_choice: offered.fusion}
        head = {} if self.space.is_summed else {HEAD: offered.head}
        if self.space.is_tied:
            stem = {STEMS[block]: options for block, options in offered.stem.items()}
            return {**stem, **inner, **fusion, **head}
        return {**inner, **fusion, **head, STEM: offered.stem[0]}

    @property
    def stem_choices(self) -> tuple[str, ...]:
        """The choices of the widths of the stem's three blocks."""
        if self.space.is_tied:
            return (*STEMS[:2], self.width_of(self.nodes[0]))
        return (STEM,) * len(STEMS)

    @property
    def fusion_choice(self) -> str:
        """The choice of the fusion's width: the head's where the space ties the two."""
        return FUSION if self.space.widths.fusion else HEAD

    @property
    def shared_widths(self) -> tuple[str, ...]:
        """The width choices that cells and joins of all branches share: stages and fusion."""
        stages = (self.width_of(node) for node in self.nodes) if self.space.is_tied else ()
        return tuple(dict.fromkeys((*stages, self.fusion_choice)))

    def width_of(self, node: Node) -> str:
        """The choice of the width of the feature that enters a node, or that a branch ends with."""
        if self.space.is_tied:
            return choice("widths", f"stages.{node.stride}")
        if node.layer == 0:
            return STEM
        if node.layer < self.space.layers:
            return choice("widths", node.place)
        has_own = self.space.widths.ends == "own" and bool(laterals(node.stride))
        return choice("widths", f"ends.{node.stride}") if has_own else self.fusion_choice

    @property
    def told_widths(self) -> Mapping[str, str]:
        """The choices of the widths that an architecture's file says, by the names there."""
        stem = {place(n): own for n, own in zip(STEMS, self.stem_choices, strict=True)}
        head = {} if self.space.is_summed else {"head": HEAD}
        return {
            **(stem if self.space.is_tied else {"stem": STEM}),
            "fusion": self.fusion_choice,
            **head,
        }

    def choices_of(self, node: Node) -> tuple[str, ...]:
        """The choices of a cell: of its kind, its parent and the width of what enters it."""
        width = self.width_of(node)
        own = (
            node.kind_choice,
            node.path_choice,
            *([] if width in self.shared_widths else [width]),
        )
        return tuple(name for name in own if name in self.choices)

    def placements(self, classes: int) -> Iterator[Placement]:
        """Every place for a block, from image to labels, for a number of classes."""
        for one in self.variants:
            yield from at_scale(one._placements(classes), one.scale)

    def _placements(self, classes: int) -> Iterator[Placement]:
        first, last = border_placements(classes)
        yield first
        yield from self._stem
        yield from (self.cell(edge) for edge in self.edges)
        yield from self._decoder(self._offer).placements(self._last, classes)
        yield last

    @cached_property
    def _stem(self) -> tuple[Placement, ...]:
        return stem_placements(self.stem_choices, self._offer)

    def _decoder(self, offer: Offer) -> Decoder:
        return Decoder(self.fusion_choice, offer, operator.eq)

    @cached_property
    def told_kinds(self) -> tuple[str, ...]:
        """The kind choices outside the cells that may be another one than the paper's."""
        rows: dict[str, str] = {}

        def noted(name: str, at: str) -> tuple[Kind, ...]:
            rows[name] = at
            return self._offer(name, at)

        stem_placements(self.stem_choices, noted)
        tuple(self._decoder(noted).placements(self._last, classes=1))
        usual = {name: PLACES[at][:1] for name, at in rows.items()}
        return tuple(
            name for name, kinds in usual.items() if self.choices.get(name, kinds) != kinds
        )

    def _offer(self, _choice: str, at: str) -> tuple[Kind, ...]:
        """What the space offers outside the cells."""
        return self.space.kinds.at(at)

    def cell(self, edge: Edge) -> Placement:
        """The place of a cell's keep or down output."""
        read, node, factor = self._feature(edge.node), edge.node, 2 if edge.down else 1
        written = Channels(self.width_of(edge.target), edge.target.stride)
        slot = Slot(
            edge.name, (read.channels,), written, node.stride, edge.target.stride, stride=factor
        )
        used = (Passing(edge.name, self.branches),)
        kinds = self.space.kinds.cells[node.stride]
        return Placement("cells", slot, node.kind_choice, kinds, (read,), used)

    def _feature(self, node: Node, used: Event = ()) -> Feature:
        """What enters a node, or what a branch ends with."""
        parents = tuple(edge.name for edge in self.parents(node))
        channels = Channels(self.width_of(node), node.stride)
        return Feature(parents or (self._stem[-1].name,), channels, used)

    @property
    def _last(self) -> Last:
        """What each branch's last feature at each stride may be, by where it goes down."""
        found: dict[tuple[int, int], tuple[Feature, ...]] = {}
        for branch, end in zip(self.branches, self.ends, strict=True):
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
