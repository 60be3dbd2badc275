"""Which nodes of a graph stay in floating point: what lies outside of its convolutions, its ends.

Before the first convolution stands an image, and behind the last one logits; both lose most by few
bits, and gain least: an image has three channels, and a tail has no products.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """A node of a graph, in an order in which they can run, and whether it is a convolution."""

    name: str
    is_convolution: bool
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ends:
    """So many convolutions in a row stay in floating point behind the inputs, before the outputs.

    None of them: what stands before all convolutions, or behind all, does so all the same.
    """

    first: int = 0
    last: int = 0


def float_nodes(
    links: Sequence[Link], inputs: Iterable[str], outputs: Iterable[str], ends: Ends
) -> frozenset[str]:
    """The names of the nodes that stay in floating point."""
    before = _depths(links, inputs)
    turned = [
        Link(one.name, one.is_convolution, one.outputs, one.inputs) for one in reversed(links)
    ]
    behind = _depths(turned, outputs)
    found = set()
    for one in links:
        ahead, after = before.get(one.name), behind.get(one.name)
        if one.is_convolution:
            is_end = (ahead is not None and ahead < ends.first) or (
                after is not None and after < ends.last
            )
        else:
            is_end = ahead == 0 or after == 0
        if is_end:
            found.add(one.name)
    return frozenset(found)


def _depths(links: Sequence[Link], begin: Iterable[str]) -> Mapping[str, int]:
    """How few convolutions lie between the beginning and each node that hangs on it."""
    values = dict.fromkeys(begin, 0)
    depths: dict[str, int] = {}
    for one in links:
        read = [values[name] for name in one.inputs if name in values]
        if not read:
            continue
        depths[one.name] = min(read)
        for name in one.outputs:
            values[name] = min(read) + one.is_convolution
    return depths
