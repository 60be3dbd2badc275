"""The layers of a kind with the names under which a block holds their units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fasterseg.space.convolutions import Conv, Layer


@dataclass(frozen=True, slots=True)
class Part:
    """A layer of a block, and under which names the block holds its units.

    Convolutions side by side have one norm together; those of means have one each.
    """

    layer: Layer
    convolutions: tuple[tuple[str, Conv], ...] = ()
    norms: tuple[str, ...] = ()

    def widths(self, read: int, out: int) -> tuple[int, ...]:
        """Channels of each convolution in a block whose layers read and write so many."""
        return tuple(conv.width(read, out) for _, conv in self.convolutions)

    def norm_widths(self, read: int, out: int) -> tuple[int, ...]:
        """Channels of each norm."""
        widths = self.widths(read, out)
        return (widths if self.layer.pools else (sum(widths),)) if self.norms else ()

    def written(self, inputs: Sequence[int], read: int, out: int) -> tuple[int, ...]:
        """Channels of each tensor that the next layer reads, from those that this one reads."""
        widths = self.widths(read, out)
        if self.layer.pools:
            return (*inputs, *widths) if self.layer.keeps else widths
        return (sum(widths),) if widths else (inputs[0],)


NOTHING = (Part(Layer(normalised=False, rectified=False)),)
"""The parts of a block without layers."""


def parts_of(layers: Iterable[Layer]) -> tuple[Part, ...]:
    """The parts of a block of these layers."""
    found, convolutions, norms = [], 0, 0
    for layer in layers:
        names = tuple(
            (f"conv{number}", conv)
            for number, conv in enumerate(layer.convolutions, convolutions + 1)
        )
        count = layer.normalised * (len(names) if layer.pools else 1)
        own = tuple(f"norm{number}" for number in range(norms + 1, norms + count + 1))
        found.append(Part(layer, names, own))
        convolutions, norms = convolutions + len(names), norms + count
    return tuple(found) or NOTHING
