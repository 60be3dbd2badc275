"""Clocks that no wall moves."""

from __future__ import annotations


class FakeClock:
    """A clock that stands still unless somebody moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class TickingClock:
    """A clock that goes on by so many seconds whenever somebody looks at it."""

    def __init__(self, seconds: float = 1.0, *, dies_at: int = -1) -> None:
        self.seconds = seconds
        self.looks = 0
        self.dies_at = dies_at

    def __call__(self) -> float:
        self.looks += 1
        if self.looks == self.dies_at:
            raise KeyboardInterrupt
        return self.seconds * self.looks
