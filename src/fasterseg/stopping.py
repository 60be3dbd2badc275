"""Stopping on request: who asked for it, and who hears it between the units of a long step."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import ParamSpec, Protocol, TypeVar

from fasterseg.errors import Interrupted
from fasterseg.events import Progress
from fasterseg.processes import Place

SAME_REQUEST_S = 10.0

Given = ParamSpec("Given")
Found = TypeVar("Found")


class Show(Protocol):
    """Opens a display of a long step's progress."""

    def __call__(
        self, title: str, *, total: int, unit: str = "steps"
    ) -> AbstractContextManager[Progress]:
        """Show a step of `total` units as long as the context lasts."""
        ...


class StopRequest:
    """Whether somebody asked this process to stop; loops look at it between steps."""

    def __init__(self) -> None:
        self.signal_name = ""

    def __bool__(self) -> bool:
        return bool(self.signal_name)

    def raise_if_set(self, where: str) -> None:
        """Raise `Interrupted` when a stop was asked for; call it once all is saved."""
        if self:
            raise Interrupted(
                f"stopped by {self.signal_name} after saving",
                where=where,
                next_step="run the same command again to resume",
            )


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a request; a second one ends the process at once.

    Not so of one of torchrun's processes within the first seconds: a scheduler signals all of them
    and torchrun, which passes the signal on.
    """
    request, asked = StopRequest(), time.monotonic()
    same_s = SAME_REQUEST_S if Place.here().count > 1 else 0.0

    def note(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if not request:
            request.signal_name, asked = signal.Signals(number).name, time.monotonic()
        elif time.monotonic() - asked >= same_s:
            os._exit(128 + number)

    try:
        previous = {n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: signals are the caller's business
        yield request
        return
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def interrupts_kept() -> Iterator[None]:
    """Raise `KeyboardInterrupt` at the end of the block where one was lost inside.

    PyTorch's exporters lose it when it comes in a finaliser or a weak reference's callback, and
    take it for a fault of the network elsewhere.  Where SIGINT is a request, it is left one.
    """
    asked = False

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or not _is_main_thread():
        yield
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield
    except Exception as error:
        if asked:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if asked:
        raise KeyboardInterrupt


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


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


def with_stop_check(
    call: Callable[Given, Found], stop: StopRequest, where: str
) -> Callable[Given, Found]:
    """The function, which raises `Interrupted` in place of its next call once a stop was asked for.

    For what takes long between two looks of a step's progress, and is kept as soon as it is done.
    """

    def called(*args: Given.args, **options: Given.kwargs) -> Found:
        stop.raise_if_set(where)
        return call(*args, **options)

    return called
