"""TensorRT: engines of blocks and networks, where it is installed; elsewhere what builds them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fasterseg.artifacts import digest_of_bytes
from fasterseg.config import RUNTIMES
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.exporting.formats import ExportForm
from fasterseg.deploy.exporting.seals import BLANK_SEAL, check_seal, sealed
from fasterseg.deploy.runtimes.gpu import Gpu
from fasterseg.deploy.runtimes.onnx import files as onnx_files
from fasterseg.deploy.runtimes.onnx.backend import OnnxBackend
from fasterseg.deploy.runtimes.onnx.tensorrt_graphs import fitted
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.deploy.runtimes.tensorrt import build_engine
from fasterseg.deploy.runtimes.tensorrt.engines import TensorrtGraph, imported
from fasterseg.deploy.tail.label_maps import Tail
from fasterseg.durable import durable_write
from fasterseg.errors import EnvironmentFault, FileError
from fasterseg.foreign.links import require_within
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.latency.timing import Call
from fasterseg.network.network import WholeJob

MOST_BYTES = 1 << 31
TRUSTED = "FASTERSEG_TRUSTED_ENGINES"
"""The variable of the environment with the digests of engines that are opened, by their words."""

CARD_SUFFIX = ".json"


def is_installed() -> bool:
    """Whether engines can be built and run here."""
    return find_spec("tensorrt") is not None and torch.cuda.is_available()


def missing() -> EnvironmentFault:
    """What is missing here, in four parts."""
    install = RUNTIMES["tensorrt"].install
    lacking = [] if find_spec("tensorrt") else [f"the package tensorrt ({install})"]
    lacking += [] if torch.cuda.is_available() else ["an NVIDIA GPU that PyTorch sees"]
    return EnvironmentFault(
        "no TensorRT engine can be built or run here",
        why=f"missing: {' and '.join(lacking)}",
        next_step="fasterseg export MODEL --format tensorrt writes what builds one on the device; "
        "a search here takes another backend: --set target.backend=pytorch",
    )


def require_installed() -> None:
    """Raise `EnvironmentFault` where no engine can be built or run."""
    if not is_installed():
        raise missing()


def write(job: WholeJob, card: ExportedCard, form: ExportForm, path: Path) -> None:
    """Build an engine from a job's ONNX model and write it, its card beside it.

    Raises `EnvironmentFault` where TensorRT or a GPU is missing, or where it refuses the graph.
    """
    require_installed()
    model = onnx_files.graph_of(job, replace(form, for_engine=True))
    with Gpu.named(form.gpu).active():
        engine = built(model, where=str(path)).engine
    path.write_bytes(engine)
    text = card.to_text(seal=BLANK_SEAL).encode()
    path.with_suffix(CARD_SUFFIX).write_bytes(sealed(text, companions=[engine]))


def built(model: bytes, *, where: str = "", timings: bytes = b"") -> build_engine.Built:
    """The engine of a model that fits TensorRT; `EnvironmentFault` where it was not built."""
    try:
        return build_engine.build(model, timings=timings)
    except RuntimeError as error:
        raise EnvironmentFault(
            "the engine was not built",
            where=where,
            why=str(error),
            next_step="fasterseg doctor, to see the versions; or take another backend",
        ) from None


def write_script(path: Path) -> Path:
    """Write the script that builds an engine on the device; return its path."""
    durable_write(path, Path(build_engine.__file__).read_bytes())
    return path


class TensorrtBackend(OnnxBackend):
    """TensorRT on a GPU: an engine for each block and network, built from its graph and not kept.

    Calls are timed by the device's own clock, on the stream that they are enqueued on.  What the
    builder has measured for one engine it does not measure again for the next.
    """

    def __init__(self, running: Running, tail: Tail | None = None) -> None:
        super().__init__(threads=running.threads, tail=tail, transfer=running.transfer)
        require_installed()
        self.gpu = Gpu.named(running.device)
        self.stopwatch = self.gpu.stopwatch
        self.written = "float16" if running.precision == "float16" else "float32"
        self._timings = b""

    def open_graph(self, model: bytes) -> TensorrtGraph:
        """The engine of a model, ready to run."""
        with self.gpu.active():
            found = built(fitted(model), timings=self._timings)
        self._timings = found.timings
        return TensorrtGraph.open(found.engine, self.gpu)

    def bound(self, model: bytes, inputs: Sequence[np.ndarray[Any, Any]]) -> Call:
        """A call on inputs and an output that stay in the GPU's memory."""
        named = {f"in{index}": numbers for index, numbers in enumerate(inputs)}
        return self.open_graph(model).bound(named)

    def versions(self) -> dict[str, str]:
        """TensorRT's version, how it builds, and the GPU."""
        return {
            "tensorrt": str(imported().__version__),
            "engines": build_engine.HOW,
            **self.gpu.conditions(),
        }


def open_backend(running: Running, tail: Tail | None) -> TensorrtBackend:
    """The backend for these conditions; `EnvironmentFault` where TensorRT is missing."""
    return TensorrtBackend(running, tail)


def open_file(path: Path, running: Running) -> tuple[TensorrtGraph, ExportedCard]:
    """An engine, ready to run, and its card; `EnvironmentFault` where TensorRT is missing.

    An engine is a program for the GPU: `FileError` for one that was neither written by this very
    process nor named, by its digest, by whoever started it.
    """
    card_path = path.with_suffix(CARD_SUFFIX)
    require_within(path.parent, [card_path.name], what="exported file's folder")
    if not card_path.is_file():
        raise FileError(
            "an engine needs the card that was written with it",
            where=str(card_path),
            why="engines hold no metadata, so the card lies beside them",
            next_step="copy both files",
        )
    try:
        text, engine = bytes_of(card_path), bytes_of(path, most_bytes=MOST_BYTES)
        has_seal = check_seal(text, str(card_path), companions=[engine])
        card = ExportedCard.from_text(text.decode(), where=str(card_path), has_seal=has_seal)
    except (OSError, UnicodeDecodeError) as error:
        raise FileError("cannot read the engine", where=str(path), why=str(error)) from error
    require_installed()
    require_trusted(engine, path, running)
    return TensorrtGraph.open(engine, Gpu.named(running.device), where=str(path)), card


def require_trusted(engine: bytes, path: Path, running: Running) -> None:
    """Raise `FileError` for an engine that nobody vouches for."""
    digest = digest_of_bytes(engine)
    named = os.environ.get(TRUSTED, "").replace(",", " ").split()
    if digest not in (running.made_here, *named):
        raise FileError(
            "this engine is not opened: whoever made it could run any code here",
            where=str(path),
            why="TensorRT runs what an engine holds as it is, and this one was not built by this "
            "command; its seal shows damage, and no maker",
            next_step=f"build it here: fasterseg export MODEL --format tensorrt; or, for one that "
            f"you built yourself: {TRUSTED}={digest}",
        )
