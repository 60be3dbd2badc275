"""What one contender may take where the space leaves it open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Protocol, Self

from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.choices import OUTER, Option, choice
from fasterseg.space.kinds import Kind
from fasterseg.space.lattice import HEAD, STEM, Edge, Lattice, Node, Slot
from fasterseg.space.placements import Placement
from fasterseg.space.search_space import Operator, Role, SearchSpace


class Contender(Protocol):
    """What a recipe says of what a contender may take; an expansion of None is not fixed."""

    @property
    def role(self) -> Role:
        """Who searches among widths, and who takes the largest."""

    @property
    def operators(self) -> tuple[Operator, ...]:
        """Those it may take where the space has them."""

    @property
    def stem_expansion(self) -> int | None:
        """The stem's."""

    @property
    def fusion_expansion(self) -> int | None:
        """The fusion's."""

    @property
    def head_expansion(self) -> int | None:
        """The head's."""


@dataclass(frozen=True)
class Options:
    """A space as one contender sees it: its operators, and its expansions inside and outside.

    Stem, fusion and head are choices like any other width; where a contender's settings fix one,
    it has a single option.  A teacher takes the largest expansion wherever none is fixed.  A space
    that ties the fusion to the head has no `fusion_expansions`.
    """

    space: SearchSpace
    operators: tuple[Operator, ...]
    expansions: tuple[int, ...]
    stem_expansions: tuple[int, ...]
    head_expansions: tuple[int, ...]
    fusion_expansions: tuple[int, ...] = ()

    @classmethod
    def of(cls, space: SearchSpace, contender: Contender) -> Self:
        """The options of a contender: the operators that both it and the space allow."""

        def offered(expansions: tuple[int, ...], fixed: int | None = None) -> tuple[int, ...]:
            if fixed is not None:
                return (fixed,)
            return expansions if contender.role == "student" else expansions[-1:]

        return cls(
            space,
            tuple(name for name in space.operators if name in contender.operators),
            offered(space.expansions),
            offered(space.stem_expansions, contender.stem_expansion),
            offered(space.head_expansions, contender.head_expansion),
            offered(space.fusion_expansions, contender.fusion_expansion),
        )

    @classmethod
    def of_space(cls, space: SearchSpace) -> Self:
        """Everything that the space allows to anybody."""
        return cls(
            space,
            space.operators,
            space.expansions,
            space.stem_expansions,
            space.head_expansions,
            space.fusion_expansions,
        )

    @cached_property
    def lattice(self) -> Lattice:
        """The lattice of the space."""
        return Lattice(self.space)

    @cached_property
    def choices(self) -> Mapping[str, tuple[Option, ...]]:
        """What this contender may take of each choice, in the order of `Lattice.choices`."""
        outer = (self.stem_expansions, self.fusion_expansions, self.head_expansions)
        own: dict[str, tuple[Option, ...]] = {
            **{node.kind_choice: self.operators for node in self.lattice.nodes},
            **{choice("widths", node.place): self.expansions for node in self.lattice.nodes},
            **dict(zip(OUTER, outer, strict=True)),
        }
        return {name: own.get(name, offered) for name, offered in self.lattice.choices.items()}

    @cached_property
    def searched(self) -> tuple[str, ...]:
        """The choices that are left to this contender."""
        return tuple(name for name, offered in self.choices.items() if len(offered) > 1)

    def allows(self, taken: Mapping[str, Option]) -> bool:
        """Whether this contender may take these options of these choices."""
        return all(option in self.choices[name] for name, option in taken.items())

    def blocks(self, placement: Placement, size: Size) -> Iterator[BlockSpec]:
        """Every block that this contender may put into a place; identities left out."""
        for options in product(*(self.choices[name] for name in placement.choices)):
            spec = placement.spec(dict(zip(placement.choices, options, strict=True)), size)
            if not spec.is_identity:
                yield spec

    @cached_property
    def widths(self) -> Mapping[str, tuple[int, ...]]:
        """The expansions on offer to this contender for each width choice."""
        inner = {node.name: self.expansions for node in self.lattice.nodes if node.layer > 0}
        # Where the fusion is tied to the head, the head's expansions replace it.
        fusion = {self.lattice.fusion: self.fusion_expansions}
        return {STEM: self.stem_expansions, **inner, **fusion, HEAD: self.head_expansions}

    @cached_property
    def searched_widths(self) -> tuple[str, ...]:
        """The width choices that are left to this contender."""
        return tuple(name for name, offered in self.widths.items() if len(offered) > 1)

    def specs(self, slot: Slot, kind: Kind, size: Size) -> Iterator[BlockSpec]:
        """Every block of a kind that this contender may put into a slot; identities left out."""
        for widths in product(*(self.widths[name] for name in slot.choices)):
            expansions = dict(zip(slot.choices, widths, strict=True))
            spec = slot.spec(kind, expansions, size)
            if self.may_take(slot, kind, expansions) and not spec.is_identity:
                yield spec

    def may_take(self, slot: Slot, kind: Kind, expansions: Mapping[str, int]) -> bool:
        """Whether this contender may put a kind of block with these expansions into a slot."""
        known = slot.node is None or kind in self.operators
        return known and all(value in self.widths[name] for name, value in expansions.items())

    @cached_property
    def parents(self) -> Mapping[Node, tuple[Edge, ...]]:
        """The edges that may feed each node; none for the stem's."""
        return {node: self.lattice.parents(node) for node in self.lattice.nodes}
