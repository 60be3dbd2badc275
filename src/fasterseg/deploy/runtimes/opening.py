"""From an exported file to a session and to a predictor: what runs is what the file holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from fasterseg.artifacts import digest_of_file
from fasterseg.config import OutputForm, Precision, TailForm
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.exporting.formats import SUFFIXES, digest_of_export
from fasterseg.deploy.runtimes import onnx_files, openvino_files, tensorrt, torch_program
from fasterseg.deploy.runtimes.onnx_runtime import OnnxRuntimeBackend
from fasterseg.deploy.runtimes.openvino_runtime import OpenvinoBackend
from fasterseg.deploy.runtimes.pytorch import PytorchGraph
from fasterseg.deploy.runtimes.sessions import Graph, Session
from fasterseg.deploy.tail.label_maps import Tail, best_tail, open_tail
from fasterseg.errors import UsageError

Runtime = Literal["onnxruntime", "openvino", "pytorch", "compiled", "tensorrt"]
RUNTIMES_OF: dict[str, tuple[Runtime, ...]] = {
    ".onnx": ("onnxruntime", "openvino"),
    ".xml": ("openvino",),
    ".pt2": ("pytorch", "compiled"),
    ".engine": ("tensorrt",),
}
"""The runtimes that load a file, by its suffix; the first one unless another is asked for."""


@dataclass(frozen=True, slots=True)
class Running:
    """How a file is run: None stands for the file's own runtime, and for the best tail here."""

    runtime: Runtime | None = None
    threads: int = 1
    precision: Precision = "float32"
    tail: TailForm | None = None


def is_export(path: Path) -> bool:
    """Whether a path names an exported file, by its suffix."""
    return path.suffix in SUFFIXES.values()


def open_export(path: Path, running: Running = Running()) -> tuple[Session, ExportedCard]:
    """The session of an exported file and its card.

    Raises `FileError` for what is no such file, `EnvironmentFault` where its runtime is missing,
    `UsageError` for a runtime that does not load it.
    """
    runtime = _runtime_for(path, running.runtime)
    graph, card = _graph(path, runtime, running)
    return Session(graph, card.output, tail_for(card.output, running)), card


def tail_for(output: OutputForm, running: Running) -> Tail | None:
    """The tail that a graph needs behind it; None where it gives labels itself."""
    if output == "labels":
        return None
    if running.tail is None or running.tail == "graph":
        return best_tail(threads=running.threads)
    return open_tail(running.tail, threads=running.threads)


def _runtime_for(path: Path, wanted: Runtime | None) -> Runtime:
    possible = RUNTIMES_OF.get(path.suffix, ())
    if not possible or (wanted is not None and wanted not in possible):
        raise UsageError(
            f"{path.name} cannot be run {f'by {wanted}' if wanted and possible else 'here'}",
            where=str(path),
            why=f"files that end in {path.suffix or 'nothing'} are loaded by "
            + (" and ".join(possible) or "nothing"),
            next_step=f"name a file that ends in {', '.join(RUNTIMES_OF)}",
        )
    return wanted or possible[0]


def _graph(path: Path, runtime: Runtime, running: Running) -> tuple[Graph, ExportedCard]:
    if path.suffix == ".engine":
        return tensorrt.read(path)
    if path.suffix == ".xml":
        model, card = openvino_files.read(path)
        backend = OpenvinoBackend(threads=running.threads, precision=running.precision)
        return backend.open_model(model, digest_of_export(path)), card
    if path.suffix == ".pt2":
        program, card = torch_program.read(path)
        return (
            PytorchGraph(
                torch.compile(program) if runtime == "compiled" else program,
                torch.device("cpu"),
                running.threads,
                running.precision,
                digest_of_file(path),
                "pytorch, compiled" if runtime == "compiled" else "pytorch",
            ),
            card,
        )
    data, card = onnx_files.read(path)
    if runtime == "openvino":
        openvino = OpenvinoBackend(threads=running.threads, precision=running.precision)
        return openvino.open_graph(data), card
    require_float32(runtime, running.precision, path)
    return OnnxRuntimeBackend(threads=running.threads).open_graph(data), card


def require_float32(runtime: str, precision: Precision, path: Path) -> None:
    """Raise `UsageError` where a runtime has no other type to compute in."""
    if precision != "float32":
        raise UsageError(
            f"{runtime} does not turn a file to {precision}",
            where=str(path),
            why="it computes in the types of the file",
            next_step="choose --backend openvino or --backend pytorch, or leave --precision out",
        )
