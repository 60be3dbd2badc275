"""From the name of a runtime to what runs on it.

A backend is the one that was asked for, or an error: never another one in its place.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import cast

from fasterseg.config import RUNTIMES, Precision, Runtime, runtime_named
from fasterseg.deploy.runtimes.sessions import Backend, Opener, Running
from fasterseg.deploy.tail.label_maps import open_tail
from fasterseg.errors import EnvironmentFault, UsageError
from fasterseg.latency.table import Target
from fasterseg.runtime import processor_name


def open_backend(target: Target) -> Backend:
    """The backend that a target names; `EnvironmentFault` when it is not to be had here."""
    runtime = runtime_named(target.backend)
    elsewhere = f"--set target.device={runtime.usual_device}, or --set target.backend=pytorch"
    require_device(runtime, target.device, elsewhere)
    backend = backend_for(running_on(target))
    if target.precision != "float32" and not runtime.typed:
        require_computed_in(backend, target)
    return backend


def require_computed_in(backend: Backend, target: Target) -> None:
    """Raise `EnvironmentFault` where a runtime computes in another type here, unasked.

    Those that are not bound to a graph's types do so without a word: what they really do is read
    off one small network.
    """
    told = backend.computed_in()
    if target.precision not in told.split("+"):
        raise EnvironmentFault(
            f"{target.backend} does not compute in {target.precision} here",
            where=f"target.precision {target.precision}",
            why=f"it was asked to, and computes in {told} on {processor_name()}",
            next_step="--set target.precision=float32, or a machine that has it",
        )


def running_on(target: Target) -> Running:
    """How networks and files are run on a target."""
    return Running(
        target.backend,
        target.threads,
        target.precision,
        target.tail,
        target.device,
        target.transfer,
    )


def backend_for(running: Running) -> Backend:
    """The backend for these conditions, of a runtime that is named.

    Raises `EnvironmentFault` when it is not to be had here, `UsageError` for a precision that it
    cannot be told.
    """
    assert running.runtime is not None
    runtime = runtime_named(running.runtime)
    if running.device != "auto":
        elsewhere = f"--device {runtime.usual_device}, or --backend pytorch"
        require_device(runtime, running.device, elsewhere)
    require_precision(runtime, running, where=runtime.name)
    kind = running.tail or "graph"
    tail = None if kind == "graph" else open_tail(kind, threads=running.threads)
    return opener_of(runtime).open_backend(running, tail)


def opener_of(runtime: Runtime) -> Opener:
    """What opens networks and files on a runtime; `UsageError` for one that runs in a page."""
    if runtime.is_web:
        raise UsageError(
            f"{runtime.name} is not run by this package",
            where=f"--backend {runtime.name}",
            why="it runs in a browser",
            next_step="--device kit writes a page that times it there; or leave --backend out",
        )
    return cast(Opener, import_module(runtime.module))


def require_precision(runtime: Runtime, running: Running, *, where: str) -> None:
    """Raise `UsageError` where a runtime has no other type to compute in."""
    wanted = running.precision
    if wanted not in runtime.precisions:
        able = [
            row.name for row in RUNTIMES.values() if wanted in row.precisions and not row.is_web
        ]
        raise UsageError(
            f"{runtime.name} does not turn a file to {wanted}",
            where=where,
            why=f"it computes in {' or '.join(runtime.precisions)}, and in the types of the file",
            next_step=f"choose --backend {' or '.join(able)}, or leave --precision out",
        )


def require_written(runtime: Runtime, wanted: Precision, written: Precision, *, where: str) -> None:
    """Raise `UsageError` for a file of another type than a runtime was to compute in.

    Unless one was asked for, it is the file's.
    """
    if wanted == "int8" != written:
        raise UsageError(
            "this file is not run in int8",
            where=str(where),
            why=f"it is written in {written}, and only export turns a network to int8: that takes "
            "images",
            next_step="fasterseg export MODEL --precision int8 --data FOLDER, or leave --precision "
            "out",
        )
    if runtime.typed and wanted not in ("float32", written):
        raise UsageError(
            f"this file is not run in {wanted}",
            where=where,
            why=f"{runtime.name} computes in the types of the file, and it is written in {written}",
            next_step=f"fasterseg export MODEL --precision {wanted}, or leave --precision out",
        )


def device_for(runtime: Runtime, running: Running) -> str:
    """Where a file is run: as it was told, and on a GPU where the runtime is for nothing else.

    Raises `EnvironmentFault` for a GPU that the runtime is not for.
    """
    if running.device == "auto" or (runtime.is_for_gpus and running.device == "cpu"):
        return runtime.usual_device
    require_file_device(runtime, running.device)
    return running.device


def require_file_device(runtime: Runtime, device: str) -> None:
    """Raise `EnvironmentFault` for a device that a runtime does not run files on.

    PyTorch runs networks on any that it knows, and exported programs on the processor.
    """
    elsewhere = f"--device {runtime.usual_device}, or leave --device out"
    require_device(
        runtime if runtime.devices else replace(runtime, devices=("cpu",)), device, elsewhere
    )


def require_device(runtime: Runtime, device: str, elsewhere: str) -> None:
    """Raise `EnvironmentFault` for a device that a runtime is not for."""
    if runtime.devices and device.partition(":")[0] not in runtime.devices:
        only = " and ".join("the CPU" if one == "cpu" else one for one in runtime.devices)
        raise EnvironmentFault(
            f"{runtime.name} was asked for on {device}",
            why=f"here it runs on {only} only",
            next_step=elsewhere,
        )
