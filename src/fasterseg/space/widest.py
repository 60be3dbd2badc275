"""What a contender may take: all that its settings leave it, or the widest network of that alone.

The *widest* network has the most multiply-adds of all that a contender's settings allow: the
dearest kind at each place, the largest widths, the paths and branches that share the least.  It is
the same on every target, and nothing in it is left to a search.
"""

from __future__ import annotations

from typing import Literal, Protocol, get_args

from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size
from fasterseg.space.costs import NoChoiceCosts
from fasterseg.space.extremes import best_trade
from fasterseg.space.options import Contender, Options
from fasterseg.space.search_space import SearchSpace

Found = Literal["searched", "widest"]
"""How a contender's architecture is found."""

# Any size would do: all blocks' multiply-adds grow alike, and classes cost each network the same.
_COUNTED_AT = Geometry(Size(512, 1024), 19)


class Wanted(Contender, Protocol):
    """What a recipe says of a contender's options, and of how its architecture is found."""

    @property
    def architecture(self) -> str:
        """``searched`` among its options, or the ``widest`` of them; else it is none of a space."""


def options_of(space: SearchSpace, contender: Wanted) -> Options:
    """What a contender may take in a space; where it is the widest network, that alone.

    Raises ValueError for one that is no network of a space.
    """
    if contender.architecture not in get_args(Found):
        raise ValueError(f"{contender.architecture} is no network of a space")
    options = Options.of(space, contender)
    return options if contender.architecture == "searched" else widest(options)


def widest(options: Options) -> Options:
    """The options with one left of each choice: those of the network with the most multiply-adds.

    Of a choice that has no effect in it the last is left.
    """
    taken = best_trade(options, _COUNTED_AT, lambda spec: -float(spec.macs), NoChoiceCosts())
    left = {n: (taken.get(n, offered[-1]),) for n, offered in options.choices.items()}
    return Options(options.space, left)
