"""TensorRT: engines, where it is installed; elsewhere what builds them on the device."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

from fasterseg.artifacts import digest_of_bytes, durable_write
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.exporting.formats import ExportForm
from fasterseg.deploy.exporting.seals import BLANK_SEAL, check_seal, sealed
from fasterseg.deploy.runtimes import build_engine, onnx_files
from fasterseg.deploy.runtimes.sessions import Image, Running
from fasterseg.deploy.tail.label_maps import Tail
from fasterseg.errors import EnvironmentFault, FileError
from fasterseg.foreign.links import require_within
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.latency.timing import Stopwatch
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
    lacking = [] if find_spec("tensorrt") else ["the package tensorrt"]
    lacking += [] if torch.cuda.is_available() else ["an NVIDIA GPU that PyTorch sees"]
    return EnvironmentFault(
        "no TensorRT engine can be built or run here",
        why=f"missing: {' and '.join(lacking)}",
        next_step="fasterseg export MODEL --format tensorrt writes what builds one on the device",
    )


def write(job: WholeJob, card: ExportedCard, form: ExportForm, path: Path) -> None:
    """Build an engine from a job's ONNX model and write it, its card beside it.

    Raises `EnvironmentFault` where TensorRT or a GPU is missing, or where it refuses the graph.
    """
    if not is_installed():
        raise missing()
    try:
        engine = build_engine.build(onnx_files.graph_of(job, form))
    except RuntimeError as error:
        raise EnvironmentFault(
            "the engine was not built", where=str(path), why=str(error)
        ) from None
    path.write_bytes(engine)
    text = card.to_text(seal=BLANK_SEAL).encode()
    path.with_suffix(CARD_SUFFIX).write_bytes(sealed(text, companions=[engine]))


def write_script(path: Path) -> Path:
    """Write the script that builds an engine on the device; return its path."""
    durable_write(path, Path(build_engine.__file__).read_bytes())
    return path


def open_backend(running: Running, tail: Tail | None) -> NoReturn:
    """Raise `EnvironmentFault`: what is run are engines, which are built from an export."""
    del running, tail
    if not is_installed():
        raise missing()
    raise EnvironmentFault(
        "TensorRT runs engines, not bundles",
        next_step="fasterseg export MODEL --format tensorrt, then benchmark the .engine",
    )


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
    if not is_installed():
        raise missing()
    require_trusted(engine, path, running)
    return TensorrtGraph.open(engine, path), card


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


@dataclass(frozen=True)
class TensorrtGraph:
    """An engine with its execution context; memory on the GPU is PyTorch's."""

    digest: str
    engine: Any
    context: Any

    @classmethod
    def open(cls, data: bytes, path: Path) -> TensorrtGraph:
        """Load an engine that was built on this kind of GPU by this version of TensorRT."""
        import tensorrt

        runtime = tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.WARNING))
        engine = runtime.deserialize_cuda_engine(data)
        if engine is None:
            raise FileError(
                "TensorRT cannot load this engine",
                where=str(path),
                why="it was built by another version of TensorRT or for another GPU",
                next_step="build it again on this machine",
            )
        return cls(digest_of_bytes(data), engine, engine.create_execution_context())

    def run(self, images: Image) -> np.ndarray[Any, Any]:
        """The engine's output, in the host's memory."""
        found: np.ndarray[Any, Any] = self._on_device(torch.from_numpy(images).cuda()).cpu().numpy()
        return found

    def timed(
        self, images: Image, stopwatch: Stopwatch
    ) -> tuple[np.ndarray[Any, Any], dict[str, float]]:
        """The output, and the milliseconds of both copies and between."""
        kept: dict[str, Any] = {}
        steps = {
            "copy in": lambda: kept.update(images=torch.from_numpy(images).cuda()),
            "network": lambda: kept.update(output=self._on_device(kept["images"])),
            "copy out": lambda: kept.update(found=kept["output"].cpu().numpy()),
        }
        parts = {name: stopwatch(step) for name, step in steps.items()}
        return kept["found"], parts

    def facts(self) -> dict[str, str]:
        """The GPU; an explicitly typed engine computes in the types of its graph."""
        return {
            "runtime": f"tensorrt on {torch.cuda.get_device_name()}",
            "precision": "as the graph says",
            "threads": "-",
        }

    def _on_device(self, images: torch.Tensor) -> torch.Tensor:
        source, target = (self.engine.get_tensor_name(index) for index in range(2))
        self.context.set_input_shape(source, tuple(images.shape))
        shape = tuple(self.context.get_tensor_shape(target))
        kind = torch.uint8 if len(shape) == 3 else torch.float32
        output = torch.empty(shape, dtype=kind, device=images.device)
        self.context.set_tensor_address(source, images.data_ptr())
        self.context.set_tensor_address(target, output.data_ptr())
        stream = torch.cuda.current_stream()
        self.context.execute_async_v3(stream.cuda_stream)
        stream.synchronize()
        return output
