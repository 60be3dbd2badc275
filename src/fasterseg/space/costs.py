"""What the blocks that may stand in a place cost, and what the choices do: with named axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.choices import Option
from fasterseg.space.options import Options
from fasterseg.space.placements import Placement

Cost = Callable[[BlockSpec], float]
Table = NDArray[np.float64]
"""Costs, with an axis for each of some choices."""
Axes = Sequence[str | None]
"""The choices that a table's axes stand for; None for an axis of length one."""


class ChoiceCosts(Protocol):
    """What choices cost by themselves, whatever the blocks."""

    def of(self, choice: str, option: Option) -> float:
        """The cost of taking an option of a choice."""


class NoChoiceCosts:
    """Choices are free."""

    def of(self, choice: str, option: Option) -> float:
        """Nothing."""
        return 0.0


def aligned(table: Table, names: Sequence[str], axes: Axes) -> Table:
    """A table whose axes are these choices, with axes for others too: of length one."""
    order = [names.index(axis) for axis in axes if axis is not None and axis in names]
    missing = tuple(index for index, axis in enumerate(axes) if axis not in names)
    return np.expand_dims(table.transpose(order), missing)


@dataclass
class Costs:
    """What blocks and options cost one contender; each form of block is priced once."""

    options: Options
    geometry: Geometry
    cost: Cost
    choices: ChoiceCosts
    blocks: dict[tuple[object, ...], Table] = field(default_factory=dict)

    def of_options(self, choice: str) -> Table:
        """What the options of a choice cost by themselves."""
        return np.array([self.choices.of(choice, o) for o in self.options.choices[choice]])

    def of_option(self, choice: str, option: Option) -> float:
        """What one of them costs."""
        return self.choices.of(choice, option)

    def of_blocks(self, placement: Placement, axes: Axes) -> Table:
        """What the blocks that may stand in a place cost, without the choice of kind."""
        return aligned(self._of_blocks(placement), placement.choices, axes)

    def of_best(self, placement: Placement, axes: Axes) -> Table:
        """What the best kind for a place costs there, by the width choices of its slot."""
        names = placement.choices
        costs = self._of_blocks(placement) + aligned(self.of_options(names[0]), names[:1], names)
        return aligned(costs.min(axis=0), names[1:], axes)

    def best_kind(self, placement: Placement, taken: dict[str, Option]) -> Option:
        """The best kind for a place, its widths being chosen."""
        name, *widths = placement.choices
        costs = self._of_blocks(placement)
        for width in reversed(widths):
            costs = costs[..., self.options.choices[width].index(taken[width])]
        return self.options.choices[name][int((costs + self.of_options(name)).argmin())]

    def _of_blocks(self, placement: Placement) -> Table:
        """By the choices of the placement: of its kind, and of the widths of its slot."""
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
