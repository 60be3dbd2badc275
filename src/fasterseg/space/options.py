"""What one contender may take where the space leaves it open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Protocol, Self

from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.choices import FUSION, HEAD, INPUT_SCALE, STEM, VARIANT, Option, section
from fasterseg.space.kinds import Kind
from fasterseg.space.lattice import Lattice
from fasterseg.space.placements import Placement
from fasterseg.space.search_space import Operator, Role, SearchSpace
from fasterseg.space.variants import Choices, taken_by
from fasterseg.space.width import Width


class Contender(Protocol):
    """What a recipe says of what a contender may take; an expansion of None is not fixed."""

    @property
    def role(self) -> Role:
        """Who searches among widths, and who takes the largest."""

    @property
    def operators(self) -> tuple[Operator, ...] | None:
        """Those it may take where the space has them; None: all that the space has."""

    @property
    def stem_expansion(self) -> Width | None:
        """The stem's."""

    @property
    def fusion_expansion(self) -> Width | None:
        """The fusion's."""

    @property
    def head_expansion(self) -> Width | None:
        """The head's."""


@dataclass(frozen=True)
class Options:
    """A space as one contender sees it: what it may take of each choice, as the lattice lists them.

    Where a contender's settings fix a width, it has a single option.  A teacher takes the largest
    wherever none is fixed, and the largest input scale.
    """

    space: SearchSpace
    choices: Mapping[str, tuple[Option, ...]]

    @classmethod
    def of(cls, space: SearchSpace, contender: Contender) -> Self:
        """The options of a contender: in the cells the operators that it and the space allow."""
        lattice = Lattice(space)
        cells = {node.kind_choice for node in lattice.nodes}
        fixed: dict[str, Option | None] = {
            STEM: contender.stem_expansion,
            FUSION: contender.fusion_expansion,
            HEAD: contender.head_expansion,
        }

        def left(name: str, offered: tuple[Option, ...]) -> tuple[Option, ...]:
            if (only := fixed.get(name)) is not None:
                return (only,)
            if name in cells and contender.operators is not None:
                return tuple(kind for kind in offered if kind in contender.operators)
            if contender.role == "teacher" and name == INPUT_SCALE:
                return offered[:1]
            widest = section(name) == "widths" and contender.role == "teacher"
            return offered[-1:] if widest else offered

        return cls(space, {name: left(name, offered) for name, offered in lattice.choices.items()})

    @classmethod
    def of_space(cls, space: SearchSpace) -> Self:
        """Everything that the space allows to anybody."""
        return cls(space, Lattice(space).choices)

    def __hash__(self) -> int:
        return hash((self.space, *self.choices.items()))

    @cached_property
    def lattice(self) -> Lattice:
        """The lattice of the space."""
        return Lattice(self.space)

    @cached_property
    def variants(self) -> tuple[Options, ...]:
        """What it may take of each variant; itself where there is one."""
        found = (taken_by(self.space, one.space) for one in self.lattice.variants)
        allowed = [taken for taken in found if self.allows(taken)]
        if len(allowed) == 1:
            return (self,)
        return tuple(
            Options(self.space, {**self.choices, **{name: (o,) for name, o in taken.items()}})
            for taken in allowed
        )

    @cached_property
    def alone(self) -> Options:
        """The options of the first variant, as those of a space that has no other."""
        lattice = self.lattice.variant(
            {n: self.choices[n][0] for n in VARIANT if n in self.choices}
        )
        if lattice is self.lattice:
            return self
        return Options(lattice.space, {name: self.choices[name] for name in lattice.choices})

    def variant(self, taken: Mapping[str, Option]) -> Options:
        """The options of the variant that is taken."""
        own: Choices = {name: (taken[name],) for name in VARIANT if name in self.choices}
        return Options(self.space, {**self.choices, **own}) if own else self

    @cached_property
    def searched(self) -> tuple[str, ...]:
        """The choices that are left to this contender."""
        return tuple(name for name, offered in self.choices.items() if len(offered) > 1)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What may be taken where a kind is a choice of the space, each once."""
        open_ = (n for n in self.choices if section(n) == "kinds" and n not in self.lattice.settled)
        return tuple(dict.fromkeys(str(kind) for name in open_ for kind in self.choices[name]))

    def keeping(self, kind: Kind) -> Options:
        """The options with one kind alone wherever it may be taken."""
        kept = {
            name: (kind,) if section(name) == "kinds" and kind in offered else offered
            for name, offered in self.choices.items()
        }
        return Options(self.space, kept)

    def allows(self, taken: Mapping[str, Option]) -> bool:
        """Whether this contender may take these options of these choices."""
        return all(option in self.choices[name] for name, option in taken.items())

    def blocks(self, placement: Placement, size: Size) -> Iterator[BlockSpec]:
        """Every block that this contender may put into a place; identities left out."""
        for options in product(*(self.choices[name] for name in placement.choices)):
            spec = placement.spec(dict(zip(placement.choices, options, strict=True)), size)
            if not spec.is_identity:
                yield spec
