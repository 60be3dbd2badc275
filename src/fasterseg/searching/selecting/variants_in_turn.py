"""The order of networks of several variants: each variant's best come before any second."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from fasterseg.space.architecture import Architecture


def variant_key(network: Architecture) -> tuple[object, ...]:
    """Its input scale and its set of branches."""
    return network.input_scale, *(branch.stride for branch in network.branches)


def variants_in_turn(networks: Sequence[Architecture]) -> list[Architecture]:
    """The first network of each variant, in their order, then the second of each, and so on."""
    variants: dict[tuple[object, ...], list[Architecture]] = {}
    for one in networks:
        variants.setdefault(variant_key(one), []).append(one)
    turns = zip_longest(*variants.values())
    return [one for turn in turns for one in turn if one is not None]
