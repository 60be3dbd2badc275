"""The stack on which a pickle's values are put together."""

from __future__ import annotations

from typing import Any

from fasterseg.network.pickled.values import PickleFault, kind_of

MOST_VALUES = 10_000
"""On the stack at once: picklers hand over a thousand items of a dictionary at a time."""

MOST_MARKS = 100


class Stack:
    """Values, and marks between them; every fault of their order is a `PickleFault`."""

    def __init__(self) -> None:
        self._values: list[Any] = []
        self._marks: list[int] = []

    def push(self, value: Any) -> None:
        """Put a value on top."""
        if len(self._values) >= MOST_VALUES:
            raise PickleFault("it holds values within values without end")
        self._values.append(value)

    def pop(self) -> Any:
        """Take the value on top."""
        return self.pop_some(1)[0]

    def pop_some(self, count: int) -> tuple[Any, ...]:
        """Take so many values from above the last mark, the lowest first."""
        if len(self._values) - (self._marks[-1] if self._marks else 0) < count:
            raise PickleFault("it is damaged: a step has too few values")
        taken = tuple(self._values[-count:])
        del self._values[-count:]
        return taken

    def top(self) -> Any:
        """The value on top, which stays."""
        if len(self._values) <= (self._marks[-1] if self._marks else 0):
            raise PickleFault("it is damaged: a step has too few values")
        return self._values[-1]

    def mark(self) -> None:
        """Put a mark on top."""
        if len(self._marks) >= MOST_MARKS:
            raise PickleFault("it holds values within values without end")
        self._marks.append(len(self._values))

    def pop_to_mark(self) -> list[Any]:
        """Take the values above the last mark, and the mark."""
        if not self._marks:
            raise PickleFault("it is damaged: a step has no mark")
        start = self._marks.pop()
        taken = self._values[start:]
        del self._values[start:]
        return taken

    def append(self, values: list[Any]) -> None:
        """Append values to the list on top."""
        found = self.top()
        if not isinstance(found, list):
            raise PickleFault(f"it would append to {kind_of(found)}")
        found.extend(values)

    def set_items(self, items: list[Any]) -> None:
        """Set names and values, in turn, in the dictionary on top; each name once."""
        found = self.top()
        if not isinstance(found, dict) or len(items) % 2:
            raise PickleFault(f"it would set items of {kind_of(found)}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str):
                raise PickleFault(f"one of its names is {kind_of(key)}")
            if key in found:
                raise PickleFault(f"the name {key[:80]!r} is there twice")
            found[str(key)] = value

    def only(self) -> Any:
        """The one value that is left at the end."""
        if len(self._values) != 1 or self._marks:
            raise PickleFault("it is damaged: values are left at its end")
        return self._values[0]
