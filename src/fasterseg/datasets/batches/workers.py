"""Processes that make batches, one after the other, and are watched while they do.

Each has every n-th step and a socket.  What happens to one is found where its batch is waited for,
and nowhere else: a dead one closes its socket, a stopped one is told by the system.  One that is
slow is neither, however long its disk takes.  Arrays go through the socket as they are, so that a
process which is killed leaves no file behind.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import pickle
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkContext, SpawnContext
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
import torch

from fasterseg.children.parent_death import LOOK_EVERY_S, end_with
from fasterseg.errors import EnvironmentFault
from fasterseg.processes import is_stopped

STOPPED_S = 3.0
"""So long a process may stand still by a signal; nothing but a signal lets it go on."""

SILENT_S = 300.0
"""So long a process that runs may be silent: a slow disk may take minutes."""

_AGAIN = (
    "the same command resumes from the last checkpoint; with --set data.workers=0 it needs no such "
    "process, and less memory"
)


@dataclass(frozen=True, slots=True)
class _Worker:
    process: BaseProcess
    channel: socket.socket


class Workers:
    """Processes that make the values of some steps; they end with this one.

    `make` must be a function that a process of its own can call, `describe` says in words what
    belongs to a step.
    """

    def __init__(
        self,
        make: Callable[[int], Any],
        steps: range,
        count: int,
        *,
        describe: Callable[[int], str],
        silent_s: float = SILENT_S,
    ) -> None:
        self._steps = steps
        self._describe = describe
        self._silent_s = silent_s
        self._workers: list[_Worker] = []
        atexit.register(self.end)
        self._workers += [_started(make, steps[index::count]) for index in range(count)]

    def value(self, step: int) -> Any:
        """What was made for a step; steps are asked for in order, each once.

        What `make` raised is raised here.  Raises `EnvironmentFault` when the process died, when
        it was stopped for some seconds, or when it was silent for too long.
        """
        worker = self._workers[self._steps.index(step) % len(self._workers)]
        (parts,) = struct.unpack("<I", self._read(worker, 4, step))
        sizes = struct.unpack(f"<{parts}Q", self._read(worker, 8 * parts, step))
        body, *buffers = (self._read(worker, size, step) for size in sizes)
        value, error = pickle.loads(body, buffers=buffers)  # noqa: S301 (from our own child)
        if error is not None:
            raise error
        return value

    def end(self) -> None:
        """End all processes at once, whatever they are at; who waits for a value is told so."""
        atexit.unregister(self.end)
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()

    def close(self) -> None:
        """End all processes, and the channels to them: nobody may wait for a value any more."""
        self.end()
        for worker in self._workers:
            worker.channel.close()

    def _read(self, worker: _Worker, size: int, step: int) -> memoryview:
        """So many bytes of the process's answer."""
        found = np.empty(size, dtype=np.uint8).data  # which nobody fills with zeros first
        done, silent_s, stopped_s = 0, 0.0, 0.0
        while done < size:
            try:
                received = worker.channel.recv_into(found[done:])
            except TimeoutError:
                # Counted in looks: while this process itself stands still, nothing is held
                # against the other.
                silent_s += LOOK_EVERY_S
                stopped_s = stopped_s + LOOK_EVERY_S if is_stopped(_number(worker)) else 0.0
                if stopped_s >= STOPPED_S or silent_s >= self._silent_s:
                    raise self._hangs(worker, step, stopped=bool(stopped_s)) from None
                continue
            except ConnectionError:
                received = 0
            if received == 0:
                raise self._died(worker, step)
            done, silent_s = done + received, 0.0
        return found

    def _died(self, worker: _Worker, step: int) -> EnvironmentFault:
        worker.process.join(STOPPED_S)
        code = worker.process.exitcode or 0
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        likely = "; most often the system kills for want of memory" if code == -9 else ""
        return EnvironmentFault(
            "a process that reads images died",
            where=f"process {_number(worker)}, at {self._describe(step)}",
            why=f"it ended by {how}{likely}",
            next_step=_AGAIN,
        )

    def _hangs(self, worker: _Worker, step: int, *, stopped: bool) -> EnvironmentFault:
        return EnvironmentFault(
            "a process that reads images hangs",
            where=f"process {_number(worker)}, at {self._describe(step)}",
            why=f"it was stopped by a signal {STOPPED_S:g} s ago and not let go on"
            if stopped
            else f"nothing came from it for {self._silent_s:g} s",
            next_step=_AGAIN,
        )


def _number(worker: _Worker) -> int:
    assert worker.process.pid is not None
    return worker.process.pid


def _started(make: Callable[[int], Any], steps: range) -> _Worker:
    # A fork has the data at once; elsewhere than on Linux system libraries do not survive it.
    context: ForkContext | SpawnContext = (
        multiprocessing.get_context("fork")
        if sys.platform == "linux"
        else multiprocessing.get_context("spawn")
    )
    ours, theirs = socket.socketpair()
    process = context.Process(target=_serve, args=(make, steps, theirs, os.getpid()), daemon=True)
    with safe_path():
        process.start()
    theirs.close()  # so that the channel ends when the process does
    ours.settimeout(LOOK_EVERY_S)
    return _Worker(process, ours)


@contextmanager
def safe_path() -> Iterator[None]:
    """Within, a Python that starts anew does not import from the current folder."""
    name = "PYTHONSAFEPATH"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _serve(make: Callable[[int], Any], steps: range, channel: socket.socket, parent: int) -> None:
    """Make and send the values of the steps, one after the other."""
    end_with(parent)
    # Whoever stops a whole group of processes means the one that saves and ends the others.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(1)
    for step in steps:
        try:
            answer: tuple[Any, Exception | None] = (make(step), None)
        except Exception as error:
            answer = (None, _portable(error))
        _send(channel, answer)


def _send(channel: socket.socket, answer: tuple[Any, Exception | None]) -> None:
    """An answer as its number of parts, their sizes, and the parts; arrays are not copied."""
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(answer, protocol=5, buffer_callback=buffers.append)
    parts = [memoryview(body), *(buffer.raw() for buffer in buffers)]
    sizes = [part.nbytes for part in parts]
    channel.sendall(struct.pack(f"<I{len(parts)}Q", len(parts), *sizes))
    for part in parts:
        channel.sendall(part)


def _portable(error: Exception) -> Exception:
    """The error as it can be sent, with the trace of this process as a note."""
    error.add_note("in a process that reads images:\n" + traceback.format_exc())
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 (our own)
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
