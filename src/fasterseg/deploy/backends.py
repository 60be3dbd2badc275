"""Runtimes on which blocks and whole networks run, behind one face.

A backend is the one that the target names, or an error: never another one in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fasterseg.deploy.onnx_runtime import OnnxRuntimeBackend
from fasterseg.deploy.pytorch import PytorchBackend
from fasterseg.deploy.sessions import Backend
from fasterseg.errors import EnvironmentFault

if TYPE_CHECKING:
    from fasterseg.latency.table import Target


def open_backend(target: Target) -> Backend:
    """The backend that a target names; `EnvironmentFault` when it is not to be had here."""
    if target.backend == "pytorch":
        return PytorchBackend(threads=target.threads, device=target.device)
    if target.device != "cpu":
        raise EnvironmentFault(
            f"ONNX Runtime was asked for on {target.device}",
            why="here it runs on the CPU only",
            next_step="--set target.device=cpu, or --set target.backend=pytorch",
        )
    return OnnxRuntimeBackend(threads=target.threads)
