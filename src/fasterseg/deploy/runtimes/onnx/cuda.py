"""ONNX Runtime on an NVIDIA GPU: by its CUDA provider, and by nothing else in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fasterseg.artifacts import digest_of_bytes
from fasterseg.config import RUNTIMES, TargetPrecision
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.runtimes.gpu import Gpu
from fasterseg.deploy.runtimes.onnx import files as onnx_files
from fasterseg.deploy.runtimes.onnx.backend import OnnxBackend
from fasterseg.deploy.runtimes.onnx.cpu import computed_in
from fasterseg.deploy.runtimes.sessions import Image, Running
from fasterseg.deploy.runtimes.untrusted.trial_child import reason_of
from fasterseg.deploy.tail.label_maps import Tail
from fasterseg.errors import EnvironmentFault, FileError
from fasterseg.latency.timing import Call, Stopwatch

CUDA = "CUDAExecutionProvider"
OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "EXHAUSTIVE"}
"""Convolutions of float32 compute in it, by the quickest algorithm that a search finds."""
ROW = RUNTIMES["onnxruntime-cuda"]


@dataclass(frozen=True)
class OnnxCudaGraph:
    """An ONNX model in ONNX Runtime, every node of it on the GPU."""

    model: bytes
    session: Any
    runtime: Any
    gpu: Gpu

    @property
    def digest(self) -> str:
        """SHA-256 of the model."""
        return digest_of_bytes(self.model)

    def run(self, images: Image) -> np.ndarray[Any, Any]:
        """The model's one output, in the host's memory; ONNX Runtime copies both ways."""
        found: np.ndarray[Any, Any] = self.session.run(None, {self._source: images})[0]
        return found

    def timed(
        self, images: Image, stopwatch: Stopwatch
    ) -> tuple[np.ndarray[Any, Any], dict[str, float]]:
        """The output, and the milliseconds of both copies and between."""
        kept: dict[str, Any] = {}

        def copy_in() -> None:
            kept["call"] = self.bound({self._source: images})

        def copy_out() -> None:
            (output,) = kept["call"].binding.get_outputs()
            kept["found"] = output.numpy()

        parts = {"copy in": stopwatch(copy_in)}
        parts["network"] = stopwatch(kept["call"])
        parts["copy out"] = stopwatch(copy_out)
        return kept["found"], parts

    def resident(self, images: Image) -> Call:
        """A call on an image and an output that stay in the GPU's memory."""
        call = self.bound({self._source: images})
        call()
        call.keep_output()
        return call

    def bound(self, inputs: dict[str, np.ndarray[Any, Any]]) -> BoundCall:
        """A call on inputs that were put into the GPU's memory."""
        binding = self.session.io_binding()
        for name, numbers in inputs.items():
            value = self.runtime.OrtValue.ortvalue_from_numpy(numbers, "cuda", self.gpu.index)
            binding.bind_ortvalue_input(name, value)
        target = self.session.get_outputs()[0].name
        binding.bind_output(target, "cuda", self.gpu.index)
        return BoundCall(self.session, binding, target)

    def facts(self) -> dict[str, str]:
        """The GPU, its provider's options, and the type that convolutions really compute in."""
        return {
            "runtime": f"onnxruntime on {self.gpu.device}, {CUDA}",
            "precision": self._precision,
            "options": _as_text(OPTIONS),
            "threads": "-",
        }

    @cached_property
    def _precision(self) -> str:
        return computed_in(self.model, providers_on(self.gpu))

    @property
    def _source(self) -> str:
        return str(self.session.get_inputs()[0].name)


@dataclass(frozen=True)
class BoundCall:
    """Runs a session on memory of the GPU, and comes back when the GPU is done."""

    session: Any
    binding: Any
    output: str

    def __call__(self) -> None:
        """One run; ONNX Runtime waits for its stream at the end of each."""
        self.session.run_with_iobinding(self.binding)
        self.binding.synchronize_outputs()

    def keep_output(self) -> None:
        """Let further runs write where the last one did: the first run has allocated it."""
        self.binding.bind_ortvalue_output(self.output, self.binding.get_outputs()[0])


class OnnxCudaBackend(OnnxBackend):
    """ONNX Runtime on a GPU; blocks are timed on inputs and outputs that stay there.

    A call comes back when the GPU is done, so that the host's clock times it.
    """

    def __init__(self, running: Running, tail: Tail | None = None) -> None:
        super().__init__(threads=running.threads, tail=tail, transfer=running.transfer)
        self._runtime = imported()
        self.gpu = Gpu.named(running.device)
        self.written = written_as(running)

    def open_graph(self, model: bytes) -> OnnxCudaGraph:
        """A model, ready to run; `EnvironmentFault` where any of it would run elsewhere."""
        return OnnxCudaGraph(model, self._session(model), self._runtime, self.gpu)

    def bound(self, model: bytes, inputs: Sequence[np.ndarray[Any, Any]]) -> Call:
        """A call on inputs and an output that stay in the GPU's memory."""
        named = {f"in{index}": numbers for index, numbers in enumerate(inputs)}
        call = self.open_graph(model).bound(named)
        call()
        call.keep_output()
        return call

    def versions(self) -> dict[str, str]:
        """The runtime's version, the CUDA that it is built for, its options, and the GPU."""
        built = getattr(self._runtime, "cuda_version", "") or "not told"
        return {
            "onnxruntime-gpu": str(self._runtime.__version__),
            "onnxruntime's cuda": str(built),
            "onnxruntime's options": _as_text(OPTIONS),
            **self.gpu.conditions(),
        }

    def _session(self, model: bytes) -> Any:
        options = self._runtime.SessionOptions()
        options.log_severity_level = 4  # messages hold a file's names; what matters is raised
        # Without it, what the provider does not run is run by the processor without a word.
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        try:
            session = self._runtime.InferenceSession(
                model, options, providers=providers_on(self.gpu), enable_fallback=0
            )
        except Exception as error:  # it raises what it likes, each kind a class of its own
            raise _not_on_the_gpu(self._runtime, self.gpu, reason_of(error)) from error
        found = session.get_provider_options().get(CUDA, {})
        if session.get_providers()[:1] != [CUDA] or found.get("device_id") != str(self.gpu.index):
            raise _not_on_the_gpu(self._runtime, self.gpu, f"it took {session.get_providers()}")
        return session


def providers_on(gpu: Gpu) -> list[tuple[str, dict[str, str]]]:
    """The one provider that may run anything, on this device."""
    return [(CUDA, {"device_id": str(gpu.index), **OPTIONS})]


def written_as(running: Running) -> TargetPrecision:
    """The type that networks are written in for a runtime that computes in the graph's."""
    return "float16" if running.precision == "float16" else "float32"


def imported() -> Any:
    """ONNX Runtime with its CUDA provider; `EnvironmentFault` where it is not installed."""
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise EnvironmentFault(
            "onnxruntime-gpu is not installed",
            why="ONNX Runtime for NVIDIA GPUs belongs to the extra 'cuda'",
            next_step=f"{ROW.install}, or --set target.backend=pytorch",
        ) from error
    if CUDA not in onnxruntime.get_available_providers():
        raise EnvironmentFault(
            "the ONNX Runtime that is installed here runs on processors only",
            where=f"onnxruntime {onnxruntime.__version__}: {onnxruntime.__file__}",
            why="the packages onnxruntime and onnxruntime-gpu lie in one folder, and the one that "
            "was installed last counts",
            next_step=f"pip uninstall -y onnxruntime onnxruntime-gpu, then {ROW.install}",
        )
    return onnxruntime


def _not_on_the_gpu(runtime: Any, gpu: Gpu, why: str) -> EnvironmentFault:
    return EnvironmentFault(
        "ONNX Runtime does not run all of this network on the GPU",
        where=f"onnxruntime {runtime.__version__} on {gpu.device}",
        why=why,
        next_step="fasterseg doctor, to see the versions of driver, CUDA and cuDNN; or take "
        "another backend: --set target.backend=pytorch",
    )


def _as_text(options: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in options.items())


def open_backend(running: Running, tail: Tail | None) -> OnnxCudaBackend:
    """The backend for these conditions."""
    return OnnxCudaBackend(running, tail)


def open_file(path: Path, running: Running) -> tuple[OnnxCudaGraph, ExportedCard]:
    """The model of an ONNX file, ready to run, and its card.

    Raises `FileError` for one of any size: its sizes are computed on the processor.
    """
    backend = open_backend(running, None)
    data, card = onnx_files.read(path, running, runtime="onnxruntime")
    if card.size is None:
        raise FileError(
            "a file for images of any size does not run on the GPU alone",
            where=str(path),
            why="the sizes within it are computed on the processor, and nothing here falls back "
            "to that",
            next_step="export it for one size: fasterseg export MODEL --size HEIGHTxWIDTH",
        )
    return backend.open_graph(data), card
