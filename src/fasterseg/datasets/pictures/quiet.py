"""Pillow without the warnings that it writes of damaged tags, in several threads at once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock


class _Filters:
    """Python's filters of warnings, which are those of all threads.

    The first that comes sets them and the last that leaves puts them back: each by itself would
    put back another's.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._own = ExitStack()

    def enter(self) -> None:
        with self._lock:
            if not self._inside:
                self._own.enter_context(warnings.catch_warnings(action="ignore"))
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._own.close()


_FILTERS = _Filters()


@contextmanager
def quiet() -> Iterator[None]:
    """Let nothing warn in this block."""
    _FILTERS.enter()
    try:
        yield
    finally:
        _FILTERS.leave()
