"""Runtimes on which blocks and whole networks run, behind one face.

A backend is the one that the target names, or an error: never another one in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fasterseg.deploy.runtimes.onnx_runtime import OnnxRuntimeBackend
from fasterseg.deploy.runtimes.openvino_runtime import OpenvinoBackend
from fasterseg.deploy.runtimes.pytorch import PytorchBackend
from fasterseg.deploy.runtimes.sessions import Backend
from fasterseg.deploy.tail.label_maps import open_tail
from fasterseg.errors import EnvironmentFault

if TYPE_CHECKING:
    from fasterseg.latency.table import Target


def open_backend(target: Target) -> Backend:
    """The backend that a target names; `EnvironmentFault` when it is not to be had here."""
    tail = None if target.tail == "graph" else open_tail(target.tail, threads=target.threads)
    if target.backend == "pytorch":
        return PytorchBackend(threads=target.threads, device=target.device, tail=tail)
    if target.device != "cpu":
        raise EnvironmentFault(
            f"{target.backend} was asked for on {target.device}",
            why="here it runs on the CPU only",
            next_step="--set target.device=cpu, or --set target.backend=pytorch",
        )
    if target.backend == "openvino":
        return OpenvinoBackend(threads=target.threads, tail=tail)
    return OnnxRuntimeBackend(threads=target.threads, tail=tail)
