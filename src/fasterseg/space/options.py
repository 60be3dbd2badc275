"""What one contender may take where the space leaves it open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from fasterseg.config import ContenderSettings, Operator, SearchSpace
from fasterseg.space.lattice import HEAD, STEM, Edge, Lattice, Node


@dataclass(frozen=True)
class Options:
    """A space as one contender sees it: its operators and the expansions of stem and head.

    Stem and head are choices like any other width; today most contenders offer one expansion.
    """

    space: SearchSpace
    operators: tuple[Operator, ...]
    stem_expansions: tuple[int, ...]
    head_expansions: tuple[int, ...]

    @classmethod
    def of(cls, space: SearchSpace, contender: ContenderSettings) -> Self:
        """The options of a contender: the operators that both it and the space allow."""
        return cls(
            space,
            tuple(name for name in space.operators if name in contender.operators),
            (contender.stem_expansion,),
            (contender.head_expansion,),
        )

    @classmethod
    def of_space(cls, space: SearchSpace) -> Self:
        """Everything that the space allows to anybody."""
        return cls(space, space.operators, space.stem_expansions, space.head_expansions)

    @cached_property
    def lattice(self) -> Lattice:
        """The lattice of the space."""
        return Lattice(self.space)

    @cached_property
    def widths(self) -> Mapping[str, tuple[int, ...]]:
        """The expansions on offer for each width choice, this contender's stem and head."""
        own = {STEM: self.stem_expansions, HEAD: self.head_expansions}
        return {**self.lattice.width_options, **own}

    @cached_property
    def parents(self) -> Mapping[Node, tuple[Edge, ...]]:
        """The edges that may feed each node; none for the stem's."""
        return {node: self.lattice.parents(node) for node in self.lattice.nodes}
