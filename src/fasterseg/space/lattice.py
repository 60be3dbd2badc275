"""The lattice of layers x output strides, as a value.

A *node* (layer, stride) is a cell together with the feature that enters it.  A cell offers a
*keep* output at its own stride and a *down* output at twice that stride; an *edge* is one of the
two.  Node (0, 8) is fed by the stem; the nodes of layer ``layers`` are the finished branches.
Only nodes that lie on a path from the stem to the end of a kept branch are listed.

Each *slot* is a place where one block goes; what the block is depends on choices: the operator of
its cell and the expansions at its two sides.  (*search space with multi-resolution branching*)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from fasterseg.space import choices as names
from fasterseg.space import placements as walk
from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.choices import DOWN, KEEP, PATHS, Option, choice
from fasterseg.space.kinds import Kind
from fasterseg.space.placements import Feature, Passing, Placement, cell_name
from fasterseg.space.search_space import STRIDES, SearchSpace

STEM = "stem"
FUSION = "fusion"
HEAD = "head"
OUTER = (STEM, FUSION, HEAD)
"""The width choices outside the cells, by name."""


class Node(NamedTuple):
    """A cell and the feature that enters it."""

    layer: int
    stride: int

    @property
    def name(self) -> str:
        """``layer/stride``, the node's name in files."""
        return f"{self.layer}/{self.stride}"

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


class Channels(NamedTuple):
    """A number of channels: a fixed one, or so many per unit of a width choice's expansion."""

    choice: str | None
    factor: int

    def count(self, expansions: Mapping[str, int]) -> int:
        """Channels once the width choices are made."""
        return self.factor if self.choice is None else self.factor * expansions[self.choice]


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one block.  `node` is the cell whose operator choice decides its kind."""

    name: str
    kinds: tuple[Kind, ...]
    inputs: tuple[Channels, ...]
    output: Channels
    in_stride: int
    out_stride: int
    stride: int = 1
    node: Node | None = None

    @property
    def choices(self) -> tuple[str, ...]:
        """The width choices that the block's spec depends on, each once."""
        names = [part.choice for part in (*self.inputs, self.output) if part.choice is not None]
        return tuple(dict.fromkeys(names))

    def spec(self, kind: Kind, expansions: Mapping[str, int], size: Size) -> BlockSpec:
        """The block's spec in a network for images of that size."""
        return BlockSpec(
            kind=kind,
            in_channels=tuple(part.count(expansions) for part in self.inputs),
            out_channels=self.output.count(expansions),
            stride=self.stride,
            in_size=size.strided(self.in_stride),
            out_size=size.strided(self.out_stride),
        )


@dataclass(frozen=True)
class Lattice:
    """The nodes, edges and slots of a search space; see the module."""

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

    def width_choice(self, node: Node) -> str:
        """The name of the choice that sets the width of the feature entering a node."""
        if node.layer == 0:
            return STEM
        return self.fusion if node.layer == self.space.layers else node.name

    @property
    def fusion(self) -> str:
        """The choice that sets the fusion's width: the head's where the space ties the two."""
        return FUSION if self.space.fusion_expansions else HEAD

    @cached_property
    def width_options(self) -> dict[str, tuple[int, ...]]:
        """The expansions on offer for each width choice."""
        inner = {node.name: self.space.expansions for node in self.nodes if node.layer > 0}
        # Where the fusion is tied to the head, the head's expansions replace it.
        fusion = {self.fusion: self.space.fusion_expansions}
        stem, head = self.space.stem_expansions, self.space.head_expansions
        return {STEM: stem, **inner, **fusion, HEAD: head}

    @cached_property
    def choices(self) -> Mapping[str, tuple[Option, ...]]:
        """Every choice of the space with its options: paths, then kinds, then widths.

        In this order they are drawn.  Kinds come cell by cell, then those outside the cells.
        """
        cells = {node.kind_choice: self.space.operators for node in self.nodes}
        return {
            **{node.path_choice: PATHS for node in self.forks},
            **cells,
            **{one.kind_choice: one.kinds for one in self.placements(classes=1)},
            **self._widths,
        }

    @cached_property
    def settled(self) -> frozenset[str]:
        """The choices that are none: of what stands outside the cells, where nothing else may."""
        cells = {node.kind_choice for node in self.nodes}
        outside = {one.kind_choice for one in self.placements(classes=1)} - cells
        return frozenset(name for name in outside if len(self.choices[name]) == 1)

    @property
    def _widths(self) -> Mapping[str, tuple[Option, ...]]:
        space = self.space
        inner = {choice("widths", n.place): space.expansions for n in self.nodes if n.layer > 0}
        # Where the fusion is tied to the head, the head's expansions replace it.
        fusion = {self.fusion_choice: space.fusion_expansions}
        outer = {names.HEAD: space.head_expansions}
        return {names.STEM: space.stem_expansions, **inner, **fusion, **outer}

    @property
    def fusion_choice(self) -> str:
        """The choice of the fusion's width: the head's where the space ties the two."""
        return names.FUSION if self.space.fusion_expansions else names.HEAD

    def width_of(self, node: Node) -> str:
        """The choice of the width of the feature that enters a node: at an end, the fusion's."""
        if node.layer == 0:
            return names.STEM
        at_end = node.layer == self.space.layers
        return self.fusion_choice if at_end else choice("widths", node.place)

    def choices_of(self, node: Node) -> tuple[str, ...]:
        """The choices of a cell: of its kind, its parent and the width of what enters it."""
        own = (node.kind_choice, node.path_choice, self.width_of(node))
        return tuple(name for name in own if name in self.choices)

    def entering(self, node: Node) -> walk.Channels:
        """The channels of the feature that enters a node."""
        return walk.Channels(self.width_of(node), node.stride)

    def placements(self, classes: int) -> Iterator[Placement]:
        """Every place for a block, from image to labels, for a number of classes."""
        first, last = walk.border_placements(classes)
        yield first
        yield from self._stem
        yield from (self.cell(edge) for edge in self.edges)
        yield from walk.placements_behind(self._last, classes, self.fusion_choice, self._offer)
        yield last

    @cached_property
    def _stem(self) -> tuple[Placement, ...]:
        return walk.stem_placements(self._offer)

    @cached_property
    def told_kinds(self) -> tuple[str, ...]:
        """The kind choices outside the cells that may be another one than the paper's."""
        papers: dict[str, Kind] = {}

        def paper(name: str, possible: tuple[Kind, ...]) -> tuple[Kind, ...]:
            papers[name] = possible[0]
            return possible

        walk.stem_placements(paper)
        tuple(walk.placements_behind(self._last, 1, self.fusion_choice, paper))
        return tuple(name for name, kind in papers.items() if self.choices[name] != (kind,))

    def _offer(self, choice: str, possible: tuple[Kind, ...]) -> tuple[Kind, ...]:
        """What the space offers outside the cells: nothing but what there is."""
        return possible

    def cell(self, edge: Edge) -> Placement:
        """The place of a cell's keep or down output."""
        slot = walk.Slot(
            edge.name,
            (self.entering(edge.node),),
            self.entering(edge.target),
            in_stride=edge.node.stride,
            out_stride=edge.target.stride,
            stride=2 if edge.down else 1,
        )
        used = (Passing(edge.name, self.space.branches),)
        return Placement(
            "cells",
            slot,
            edge.node.kind_choice,
            self.space.operators,
            (Feature(self._writers(edge.node), self.entering(edge.node)),),
            used,
        )

    def _writers(self, node: Node) -> tuple[str, ...]:
        """The blocks one of which writes the feature that enters a node."""
        parents = tuple(edge.name for edge in self.parents(node))
        return parents or (self._stem[-1].name,)

    @property
    def _last(self) -> walk.Last:
        """What each branch's last feature at each stride may be, by where it goes down."""
        found: dict[tuple[int, int], tuple[Feature, ...]] = {}
        for branch, end in zip(self.space.branches, self.ends, strict=True):
            edge = Edge(end, down=False)
            found[branch, branch] = (Feature((edge.name,), self.entering(edge.target)),)
            for stride in walk.laterals(branch):
                found[branch, stride] = tuple(
                    Feature(
                        self._writers(edge.node),
                        self.entering(edge.node),
                        (Passing(edge.name, (branch,)),),
                    )
                    for edge in self.partings(branch, stride)
                )
        return found

    def feature(self, node: Node) -> Channels:
        """The channels of the feature that enters a node."""
        return Channels(self.width_choice(node), node.stride)

    @cached_property
    def stem_slots(self) -> tuple[Slot, ...]:
        """The three fixed blocks from the image to output stride 8."""
        return stem_slots()

    def cell_slot(self, edge: Edge) -> Slot:
        """The slot of a cell's keep or down output."""
        return Slot(
            name=edge.name,
            kinds=self.space.operators,
            inputs=(self.feature(edge.node),),
            output=self.feature(edge.target),
            in_stride=edge.node.stride,
            out_stride=edge.target.stride,
            stride=2 if edge.down else 1,
            node=edge.node,
        )

    def transitions(self, stride: int) -> tuple[Edge, ...]:
        """The down edges that leave a stride; a branch takes one of them.

        The feature entering such a cell is the branch's last one at that stride: its lateral.
        """
        return tuple(edge for edge in self.edges if edge.down and edge.node.stride == stride)

    def partings(self, branch: int, stride: int) -> tuple[Edge, ...]:
        """The down edges by which one branch may leave a stride: enough layers must follow."""
        further = STRIDES.index(branch) - STRIDES.index(stride) - 1
        last = self.space.layers - 2 - further
        return tuple(edge for edge in self.transitions(stride) if edge.node.layer <= last)

    def arm_slot(self, branch: int, stride: int) -> Slot:
        """The slot that brings a branch from twice that stride to that stride."""
        return arm_slot(branch, stride, self.fusion)

    def refine_slot(self, branch: int, lateral: Node) -> Slot:
        """The slot that joins a branch with its lateral, if that enters the given node."""
        return refine_slot(branch, lateral.stride, self.feature(lateral), self.fusion)

    def join_slots(self, classes: int) -> tuple[Slot, Slot]:
        """The slots that fuse all branches and turn them into class logits."""
        return join_slots(len(self.space.branches), classes, self.fusion)


def stem_slots() -> tuple[Slot, ...]:
    """Three stride-2 blocks: 4, 8 and 8 channels per unit of the stem's expansion."""
    image = Channels(None, 3)
    half, quarter, eighth = Channels(STEM, 4), Channels(STEM, 8), Channels(STEM, 8)
    return (
        Slot("stem.0", ("conv",), (image,), half, 1, 2, stride=2),
        Slot("stem.1", ("conv_x2",), (half,), quarter, 2, 4, stride=2),
        Slot("stem.2", ("conv_x2",), (quarter,), eighth, 4, 8, stride=2),
    )


def laterals(branch: int) -> tuple[int, ...]:
    """The strides at which a branch joins its own earlier features, coarse to fine."""
    return tuple(stride for stride in reversed(STRIDES) if stride < branch)


def arm_slot(branch: int, stride: int, fusion: str = FUSION) -> Slot:
    """The slot that brings a branch from twice that stride to that stride."""
    read, written = Channels(fusion, 2 * stride), Channels(fusion, stride)
    return Slot(f"fusion.{branch}.arm.{stride}", ("arm",), (read,), written, 2 * stride, stride)


def refine_slot(branch: int, stride: int, lateral: Channels, fusion: str = FUSION) -> Slot:
    """The slot that joins the arm's output and the branch's lateral at a stride."""
    own = Channels(fusion, stride)
    return Slot(
        f"fusion.{branch}.refine.{stride}", ("refine",), (own, lateral), own, stride, stride
    )


def join_slots(branches: int, classes: int, fusion: str = FUSION) -> tuple[Slot, Slot]:
    """The slots that fuse all branches at output stride 8 and turn them into class logits."""
    part, joined = Channels(fusion, 8), Channels(HEAD, 8 * branches)
    return (
        Slot("fusion.fuse", ("fuse",), (part,) * branches, joined, 8, 8),
        Slot("head", ("head",), (joined,), Channels(None, classes), 8, 8),
    )


def auxiliary_slot(stride: int, features: tuple[Channels, ...], classes: int) -> Slot:
    """The slot of an auxiliary head on the branches' last features at a stride."""
    logits = Channels(None, classes)
    return Slot(f"auxiliary.{stride}", ("auxiliary",), features, logits, stride, stride)


def border_slots(classes: int) -> tuple[Slot, Slot]:
    """The slots of pre-processing and of the tail: logits to a label map at the image's size."""
    image, logits, labels = Channels(None, 3), Channels(None, classes), Channels(None, 1)
    return (
        Slot("input", ("input",), (image,), image, 1, 1),
        Slot("tail", ("tail",), (logits,), labels, 8, 1),
    )
