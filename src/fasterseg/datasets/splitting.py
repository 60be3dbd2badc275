"""The two halves of the training images: one for weights, one for architecture parameters."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def split_halves(
    names: Sequence[str], seed: int, *, groups: Sequence[str] | None = None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return indices for the weights and for the architecture: two disjoint halves of the names.

    Decided by a hash of (seed, name), so equal in every process and for any order of the names.
    The halves differ by one image at most; the weights get the odd one.  Images of one of the
    ``groups`` (a name for each image) stay together, and the weights' half is then the first that
    holds half of the images.
    """
    if groups is not None:
        return _split_groups(groups, seed)
    keys = [hashlib.sha256(f"{seed}:{name}".encode()).digest() for name in names]
    order = sorted(range(len(names)), key=lambda index: (keys[index], names[index]))
    middle = (len(names) + 1) // 2
    return tuple(sorted(order[:middle])), tuple(sorted(order[middle:]))


def _split_groups(groups: Sequence[str], seed: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    keys = {name: hashlib.sha256(f"{seed}:{name}".encode()).digest() for name in members}
    weights: list[int] = []
    architecture: list[int] = []
    for name in sorted(members, key=lambda name: (keys[name], name)):
        (weights if 2 * len(weights) < len(groups) else architecture).extend(members[name])
    return tuple(sorted(weights)), tuple(sorted(architecture))
