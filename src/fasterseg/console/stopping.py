"""Stopping between the units of a step that keeps no state of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from fasterseg.events import Progress

if TYPE_CHECKING:
    from fasterseg.runtime import StopRequest

Given = ParamSpec("Given")
Found = TypeVar("Found")

Show = Callable[..., AbstractContextManager[Any]]
"""Opens a progress display: ``show(title, total=..., unit=...)``."""


@contextmanager
def stoppable(
    show: Show, stop: StopRequest | None, title: str, *, total: int, unit: str = "steps"
) -> Iterator[Progress]:
    """A progress display whose callback raises `Interrupted` once a stop was asked for.

    For short steps that are done anew on resuming; one that saves its state looks at the request
    itself, after saving.
    """
    with show(title, total=total, unit=unit) as step:

        def told(done: int, all_: int, note: str) -> None:
            step(done, all_, note)
            if stop is not None:
                stop.raise_if_set(title)

        yield told


def heeding(call: Callable[Given, Found], stop: StopRequest, where: str) -> Callable[Given, Found]:
    """The function, which raises `Interrupted` in place of its next call once a stop was asked for.

    For what takes long between two looks of a step's progress, and is kept as soon as it is done.
    """

    def called(*args: Given.args, **options: Given.kwargs) -> Found:
        stop.raise_if_set(where)
        return call(*args, **options)

    return called
