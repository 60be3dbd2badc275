"""Prices of blocks before there is a latency table: fitted to a few blocks that were timed.

A block's milliseconds are taken to be a sum of parts for its multiply-adds, for the bytes that
cross its borders, and for being a block at all, times a factor of its kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Self

import numpy as np
from pydantic import BaseModel

from fasterseg.space.blocks import BlockSpec

LARGEST_FACTOR = 4.0
"""A kind's factor lies between this and its inverse: a few blocks are too few to believe more."""


class Prices(BaseModel, frozen=True, extra="forbid"):
    """Milliseconds of a block by its description; see the module."""

    per_mac_ms: float = 0.0
    per_byte_ms: float = 0.0
    per_block_ms: float = 0.0
    factors: dict[str, float] = {}

    @classmethod
    def fitted(cls, timed: Sequence[tuple[BlockSpec, float]]) -> Self:
        """The prices that fit blocks and their milliseconds best; no part is negative."""
        per_mac, per_byte, per_block = _coefficients(timed)
        plain = cls(per_mac_ms=per_mac, per_byte_ms=per_byte, per_block_ms=per_block)
        factors = {}
        for kind in dict.fromkeys(spec.kind for spec, _ in timed):
            measured = sum(ms for spec, ms in timed if spec.kind == kind)
            priced = sum(plain(spec) for spec, _ in timed if spec.kind == kind)
            if priced > 0:
                factors[kind] = min(LARGEST_FACTOR, max(1 / LARGEST_FACTOR, measured / priced))
        return plain.model_copy(update={"factors": factors})

    def __call__(self, spec: BlockSpec) -> float:
        """The block's milliseconds; 0 for an identity."""
        if spec.is_identity:
            return 0.0
        parts = self.per_mac_ms * spec.macs + self.per_byte_ms * spec.border_bytes
        return self.factors.get(spec.kind, 1.0) * (parts + self.per_block_ms)

    def of_bytes(self, count: int) -> float:
        """The milliseconds of moving so many bytes."""
        return self.per_byte_ms * count + self.per_block_ms


def _coefficients(timed: Sequence[tuple[BlockSpec, float]]) -> list[float]:
    """The best of the least-squares fits to some of the terms in which none is negative."""
    rows = np.array([[s.macs, s.border_bytes, 1.0] for s, _ in timed], dtype=np.float64)
    measured = np.array([ms for _, ms in timed], dtype=np.float64)
    # Between absolute and relative errors: long blocks count, and short ones are not lost.
    weights = 1.0 / np.sqrt(np.maximum(measured, 1e-4))
    size = np.maximum(np.abs(rows).max(axis=0), 1e-30)
    scaled, wanted = rows / size * weights[:, None], measured * weights
    best: np.ndarray[Any, np.dtype[np.float64]] = np.zeros(3)
    least = float(wanted @ wanted)
    for used in (chosen for count in (1, 2, 3) for chosen in combinations(range(3), count)):
        solved, *_ = np.linalg.lstsq(scaled[:, used], wanted, rcond=None)
        loss = float(np.sum((scaled[:, used] @ solved - wanted) ** 2))
        if loss < least and bool((solved >= 0).all()):
            best, least = np.zeros(3), loss
            best[list(used)] = solved
    return [float(value) for value in best / size]
