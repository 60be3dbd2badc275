"""How fast frames were, in memory that does not grow with their number."""

from __future__ import annotations

import math
from collections import Counter

_STEP = 1.005
"""Two times that differ by less than half a per cent count as one."""


class Pace:
    """Milliseconds of many frames, of which quantiles are known to half a per cent."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.frames = 0

    def add(self, milliseconds: float) -> None:
        """Count a frame."""
        self._counts[round(math.log(max(milliseconds, 1e-3), _STEP))] += 1
        self.frames += 1

    def quantile(self, share: float) -> float:
        """The milliseconds that this share of the frames stayed within; 0 without any."""
        left = math.ceil(share * self.frames)
        for place in sorted(self._counts):
            left -= self._counts[place]
            if left <= 0:
                return float(_STEP**place)
        return 0.0
