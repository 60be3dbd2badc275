"""ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from fasterseg.artifacts import digest_of_bytes
from fasterseg.config import TargetPrecision, runtime_named
from fasterseg.deploy.exporting.export import missing_extra
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.exporting.quantising import TIMED
from fasterseg.deploy.runtimes.onnx import files as onnx_files
from fasterseg.deploy.runtimes.onnx.backend import OnnxBackend
from fasterseg.deploy.runtimes.sessions import Image, Running
from fasterseg.deploy.runtimes.untrusted.trial_child import reason_of
from fasterseg.deploy.tail.label_maps import Tail
from fasterseg.errors import FileError
from fasterseg.latency.timing import Call, Stopwatch

if TYPE_CHECKING:
    import onnxruntime

CPU = "CPUExecutionProvider"


@dataclass(frozen=True)
class OnnxGraph:
    """An ONNX model in ONNX Runtime."""

    model: bytes
    session: onnxruntime.InferenceSession

    @property
    def digest(self) -> str:
        """SHA-256 of the model."""
        return digest_of_bytes(self.model)

    def run(self, images: Image) -> np.ndarray[Any, Any]:
        """The model's one output."""
        found: np.ndarray[Any, Any] = self.session.run(
            None, {self.session.get_inputs()[0].name: images}
        )[0]
        return found

    def timed(
        self, images: Image, stopwatch: Stopwatch
    ) -> tuple[np.ndarray[Any, Any], dict[str, float]]:
        """The output and the milliseconds; on the CPU nothing is copied to reach the runtime."""
        found: list[np.ndarray[Any, Any]] = []
        return_ms = stopwatch(lambda: found.append(self.run(images)))
        return found[0], {"network": return_ms}

    def resident(self, images: Image) -> Call:
        """The same call: on a processor nothing is copied."""
        return partial(self.run, images)

    def facts(self) -> dict[str, str]:
        """Threads, and the type that convolutions really compute in."""
        options = self.session.get_session_options()
        return {
            "runtime": "onnxruntime",
            "precision": self._precision,
            "threads": str(options.intra_op_num_threads),
        }

    @cached_property
    def _precision(self) -> str:
        return computed_in(self.model, [CPU])


def computed_in(model: bytes, providers: Sequence[str | tuple[str, dict[str, str]]]) -> str:
    """The types of the convolutions' weights in the graph that ONNX Runtime makes of a model.

    A model in float16 becomes one in float32 on processors, which have no other kernels.  What
    `QLinearConv` reads is in int8; a convolution between Q and DQ that it could not be is not.
    """
    import onnx
    import onnxruntime

    with TemporaryDirectory() as folder:
        path = Path(folder) / "optimised.onnx"
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(path)
        options.log_severity_level = 4
        onnxruntime.InferenceSession(model, options, providers=providers, enable_fallback=0)
        graph = onnx.ModelProto.FromString(path.read_bytes()).graph
    convolutions = [n for n in graph.node if n.op_type.endswith("Conv")]
    quantised = {n.input[3] for n in convolutions if n.op_type == "QLinearConv"}
    weights = {n.input[1] for n in convolutions if n.op_type != "QLinearConv"} | quantised
    kinds = {tensor.data_type for tensor in graph.initializer if tensor.name in weights}
    types = onnx.TensorProto
    names = {types.FLOAT: "float32", types.FLOAT16: "float16"}
    names |= {types.INT8: "int8", types.UINT8: "int8"}
    return "+".join(sorted({names.get(kind, str(kind)) for kind in kinds})) or "float32"


class OnnxRuntimeBackend(OnnxBackend):
    """ONNX Runtime on the CPU, with a fixed number of threads."""

    def __init__(
        self, *, threads: int, tail: Tail | None = None, precision: TargetPrecision = "float32"
    ) -> None:
        super().__init__(threads=threads, tail=tail)
        self.written = precision
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise missing_extra("onnxruntime") from error
        self._runtime = onnxruntime

    def open_graph(self, model: bytes) -> OnnxGraph:
        """A model, ready to run."""
        return OnnxGraph(model, self._session(model))

    def versions(self) -> dict[str, str]:
        """The runtime's version, and how what is timed is turned to int8."""
        made = {} if self.written != "int8" else {"int8": TIMED.describe()}
        return {"onnxruntime": str(self._runtime.__version__), **made}

    def _session(self, model: bytes) -> onnxruntime.InferenceSession:
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.execution_mode = self._runtime.ExecutionMode.ORT_SEQUENTIAL
        # Threads spin within a run, as they do where speed counts, but an idle session must not
        # take the processor from the one that is being timed, or from the tail.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        options.log_severity_level = 4  # messages hold a file's names; what matters is raised
        try:
            return self._runtime.InferenceSession(model, options, providers=[CPU])
        except Exception as error:  # it raises what it likes, each kind a class of its own
            raise FileError(
                "ONNX Runtime does not open this model",
                why=reason_of(error),
                next_step="fasterseg doctor, to see its version; or export the model again",
            ) from error

    def bound(self, model: bytes, inputs: Sequence[np.ndarray[Any, Any]]) -> Call:
        """A call on inputs and an output that stay where they are."""
        session = self._session(model)
        binding = session.io_binding()
        for index, array in enumerate(inputs):
            value = self._runtime.OrtValue.ortvalue_from_numpy(array)
            binding.bind_ortvalue_input(f"in{index}", value)
        binding.bind_output("out")
        # The first run allocates the output; binding that same memory keeps it in place.
        session.run_with_iobinding(binding)
        binding.bind_ortvalue_output("out", binding.get_outputs()[0])
        return lambda: session.run_with_iobinding(binding)


def open_backend(running: Running, tail: Tail | None) -> OnnxRuntimeBackend:
    """The backend for these conditions."""
    written = runtime_named("onnxruntime").written_in(running.precision)
    return OnnxRuntimeBackend(threads=running.threads, tail=tail, precision=written)


def open_file(path: Path, running: Running) -> tuple[OnnxGraph, ExportedCard]:
    """The model of an ONNX file, ready to run, and its card."""
    data, card = onnx_files.read(path, running, runtime="onnxruntime")
    return open_backend(running, None).open_graph(data), card
