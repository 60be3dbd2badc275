"""The two halves of the training images: one for weights, one for architecture parameters."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def split_halves(names: Sequence[str], seed: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return indices for the weights and for the architecture: two disjoint halves of the names.

    Decided by a hash of (seed, name), so equal in every process and for any order of the names.
    The halves differ by one image at most; the weights get the odd one.
    """
    keys = [hashlib.sha256(f"{seed}:{name}".encode()).digest() for name in names]
    order = sorted(range(len(names)), key=lambda index: (keys[index], names[index]))
    middle = (len(names) + 1) // 2
    return tuple(sorted(order[:middle])), tuple(sorted(order[middle:]))
