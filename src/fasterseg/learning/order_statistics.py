"""The k-th largest of numbers that lie on several ranks, exactly and with little said.

A number's bits, as an unsigned integer with its sign turned, are ordered as the numbers are.  From
the highest bits down, ranks add up how many numbers have which value in the next few of them; the
one sought lies where the count from above reaches k.  What is said is a few thousand counts,
however many numbers there are, and no number is rounded on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from fasterseg.layers.shared_moments import Exchange

BITS_AT_A_TIME = 11
_WHOLE = {torch.float32: torch.int32, torch.float64: torch.int64}


def kth_largest(rows: Sequence[Tensor], k: int, *, ranks: Exchange) -> list[Tensor]:
    """Of each row, whose numbers lie on all ranks, the k-th largest; there are so many of each.

    A row is one-dimensional, of any length on every rank, in single or double precision.
    """
    if ranks.alone:
        return [torch.topk(row, k, sorted=True).values[-1] for row in rows]
    searches = [_Search(row, k) for row in rows]
    for digit in _digits(8 * rows[0].element_size()):
        counts = torch.stack([search.counts(digit) for search in searches])
        ranks.all_reduce_([counts])
        for search, count in zip(searches, counts, strict=True):
            search.narrow(digit, count)
    return [search.found() for search in searches]


class _Digit(tuple[int, int]):
    """Some bits of a key: the lowest one's place, and how many there are."""

    __slots__ = ()

    def of(self, keys: Tensor) -> Tensor:
        """Those bits of each key, as a number from 0."""
        low, count = self
        return (keys >> low) & ((1 << count) - 1)


def _digits(bits: int) -> Iterator[_Digit]:
    """All bits, the highest first."""
    for high in range(bits, 0, -BITS_AT_A_TIME):
        low = max(0, high - BITS_AT_A_TIME)
        yield _Digit((low, high - low))


class _Search:
    """The search for one number: the keys that it may still be, and the bits that are known."""

    def __init__(self, row: Tensor, k: int) -> None:
        self.dtype = row.dtype
        # Zero added: of the two zeros, which are equal, only one is left.
        bits = (row + 0.0).view(_WHOLE[row.dtype])
        self.top = 8 * row.element_size() - 1
        self.keys = bits ^ ((bits >> self.top) | torch.iinfo(bits.dtype).min)
        self.k = k
        self.key = 0

    def counts(self, digit: _Digit) -> Tensor:
        """How many of this rank's keys have which digit."""
        return torch.bincount(digit.of(self.keys), minlength=1 << digit[1])

    def narrow(self, digit: _Digit, counts: Tensor) -> None:
        """Keep the keys with the digit at which the counts of all ranks reach k from above."""
        from_above = counts.flip(0).cumsum(0)
        passed = int((from_above < self.k).sum())
        if passed:
            self.k -= int(from_above[passed - 1])
        value = len(counts) - 1 - passed
        self.keys = self.keys[digit.of(self.keys) == value]
        self.key |= value << digit[0]

    def found(self) -> Tensor:
        """The number whose key is known."""
        sign = 1 << self.top
        bits = self.key ^ sign if self.key & sign else ~self.key & (2 * sign - 1)
        signed = bits - 2 * sign if bits & sign else bits
        whole = torch.tensor(signed, dtype=self.keys.dtype, device=self.keys.device)
        return whole.view(self.dtype)
