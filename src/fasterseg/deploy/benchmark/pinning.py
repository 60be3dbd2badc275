"""What a measurement asks of its own process: named cores, no denormals, no rubbish collection.

Enter these before anything that is timed is opened: threads that a runtime starts inherit cores
and the treatment of denormals from the thread that starts them.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from fasterseg.errors import EnvironmentFault

_CPUS = Path("/sys/devices/system/cpu")
_TASKS = Path("/proc/self/task")
NOT_PINNED = "not pinned: this system has no such call"


def cores_for(threads: int, *, siblings: Mapping[int, int] | None = None) -> tuple[int, ...]:
    """So many of the cores that this process may use; empty where the system does not tell them.

    `siblings` says which physical core each logical one is part of; by default the system is
    asked.  One of each physical core comes first, since two on one share its arithmetic, and high
    numbers before low, since the system's own work favours core 0.  Raises `EnvironmentFault`
    where there are fewer than threads.
    """
    if not hasattr(os, "sched_getaffinity"):
        return ()
    allowed = sorted(os.sched_getaffinity(0), reverse=True)
    if threads > len(allowed):
        raise EnvironmentFault(
            f"{threads} threads were asked for",
            where=f"{len(allowed)} processor cores may be used here",
            why="threads that wait for each other's core are not what would be deployed",
            next_step=f"--threads {len(allowed)}",
        )
    physical = siblings if siblings is not None else {core: _physical(core) for core in allowed}
    seen: dict[int, int] = {}
    rank = {}
    for core in allowed:
        place = physical.get(core, core)
        rank[core] = seen.get(place, 0)
        seen[place] = rank[core] + 1
    return tuple(sorted(sorted(allowed, key=lambda core: (rank[core], -core))[:threads]))


def _physical(core: int) -> int:
    """The first of the logical cores that share this one's physical core."""
    try:
        shared = (_CPUS / f"cpu{core}/topology/thread_siblings_list").read_text(encoding="ascii")
    except OSError:
        return core
    first = shared.replace("-", ",").partition(",")[0].strip()
    return int(first) if first.isdigit() else core


@contextmanager
def pinned(cores: Sequence[int]) -> Iterator[str]:
    """Keep the process to these cores, and give back afterwards what it had before.

    Yields what was done, in words.  Where the system has no such call, or no cores are named,
    nothing is done, and the words say that.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield NOT_PINNED
        return
    if not cores:
        yield "not pinned: no cores were named"
        return
    before = os.sched_getaffinity(0)
    earlier = {thread: _affinity(thread) for thread in _threads()}
    try:
        for thread in earlier:
            _set_affinity(thread, set(cores))
        yield ",".join(str(core) for core in sorted(cores))
    finally:
        for thread in _threads():
            _set_affinity(thread, earlier.get(thread) or before)


def _threads() -> list[int]:
    """The system's ids of this process's threads; 0, the calling one, where it does not list."""
    try:
        return [int(entry.name) for entry in _TASKS.iterdir()]
    except OSError:
        return [0]


def _affinity(thread: int) -> set[int]:
    with suppress(OSError):  # it has just ended
        return set(os.sched_getaffinity(thread))
    return set()


def _set_affinity(thread: int, cores: set[int]) -> None:
    with suppress(ProcessLookupError):
        os.sched_setaffinity(thread, cores)


@contextmanager
def denormals_flushed() -> Iterator[bool]:
    """Count numbers below the normal range as zero where PyTorch offers that; yields whether so.

    Networks that decay to such numbers would take many times as long, for no result of theirs.
    """
    before = _flushes_denormals()
    done = bool(torch.set_flush_denormal(True))
    try:
        yield done
    finally:
        torch.set_flush_denormal(before)


def _flushes_denormals() -> bool:
    return float(torch.tensor(1e-310, dtype=torch.float64) * 1.0) == 0.0


@contextmanager
def collection_paused() -> Iterator[None]:
    """No collection of Python's rubbish while times are taken: it would be in some queries only."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
