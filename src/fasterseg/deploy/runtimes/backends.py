"""From the name of a runtime to what runs on it.

A backend is the one that was asked for, or an error: never another one in its place.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from fasterseg.config import Runtime, runtime_named
from fasterseg.deploy.runtimes.sessions import Backend, Opener, Running
from fasterseg.deploy.tail.label_maps import open_tail
from fasterseg.errors import EnvironmentFault, UsageError
from fasterseg.latency.table import Target


def open_backend(target: Target) -> Backend:
    """The backend that a target names; `EnvironmentFault` when it is not to be had here."""
    elsewhere = "--set target.device=cpu, or --set target.backend=pytorch"
    _require_device(runtime_named(target.backend), target.device, elsewhere)
    return backend_for(
        Running(target.backend, target.threads, target.precision, target.tail, target.device)
    )


def backend_for(running: Running) -> Backend:
    """The backend for these conditions, of a runtime that is named.

    Raises `EnvironmentFault` when it is not to be had here, `UsageError` for a precision that it
    cannot be told.
    """
    assert running.runtime is not None
    runtime = runtime_named(running.runtime)
    if runtime.takes_networks:
        if running.device != "auto":
            _require_device(runtime, running.device, "--device cpu, or --backend pytorch")
        require_precision(runtime, running, where=runtime.name)
    kind = running.tail or "graph"
    tail = None if kind == "graph" else open_tail(kind, threads=running.threads)
    return opener_of(runtime).open_backend(running, tail)


def opener_of(runtime: Runtime) -> Opener:
    """What opens networks and files on a runtime."""
    return cast(Opener, import_module(runtime.module))


def require_precision(runtime: Runtime, running: Running, *, where: str) -> None:
    """Raise `UsageError` where a runtime has no other type to compute in."""
    if running.precision not in runtime.precisions:
        raise UsageError(
            f"{runtime.name} does not turn a file to {running.precision}",
            where=where,
            why="it computes in the types of the file",
            next_step="choose --backend openvino or --backend pytorch, or leave --precision out",
        )


def _require_device(runtime: Runtime, device: str, elsewhere: str) -> None:
    if runtime.devices and device.partition(":")[0] not in runtime.devices:
        only = " and ".join("the CPU" if one == "cpu" else one for one in runtime.devices)
        raise EnvironmentFault(
            f"{runtime.name} was asked for on {device}",
            why=f"here it runs on {only} only",
            next_step=elsewhere,
        )
