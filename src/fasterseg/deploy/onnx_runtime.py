"""ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from fasterseg.artifacts import digest_of_bytes
from fasterseg.deploy.bordering import bare, bordered
from fasterseg.deploy.borders import Border, bare_input, bordered_inputs
from fasterseg.deploy.export import export_network, missing_extra
from fasterseg.deploy.graphs import joined
from fasterseg.deploy.patterns import BlockExporter
from fasterseg.deploy.sessions import Image, Labels, Predictor
from fasterseg.latency.timing import Call, MonotonicStopwatch, Stopwatch
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import BlockSpec, Size

if TYPE_CHECKING:
    import onnxruntime


@dataclass(frozen=True)
class OnnxSession:
    """An ONNX model of a whole job."""

    model: bytes
    session: onnxruntime.InferenceSession

    @property
    def digest(self) -> str:
        """SHA-256 of the model."""
        return digest_of_bytes(self.model)

    def run(self, image: Image) -> Labels:
        """Class ids of an image of the session's size."""
        labels: Labels = self.session.run(None, {self.session.get_inputs()[0].name: image[None]})[0]
        first: Labels = labels[0]
        return first

    def predictor(self) -> Predictor:
        """The session as a function from image to class ids."""
        return self.run


class OnnxRuntimeBackend:
    """ONNX Runtime on the CPU, with a fixed number of threads."""

    def __init__(self, *, threads: int) -> None:
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise missing_extra("onnxruntime") from error
        self.threads = threads
        self.stopwatch: Stopwatch = MonotonicStopwatch()
        self._runtime = onnxruntime
        self._blocks = BlockExporter()

    def open_model(self, model: bytes) -> OnnxSession:
        """The session of an exported whole job."""
        return OnnxSession(model, self._session(model))

    def open_network(self, job: nn.Module, size: Size) -> OnnxSession:
        """Export a whole job and open it."""
        return self.open_model(export_network(job, size))

    def prepare(self, specs: Iterable[BlockSpec]) -> Iterator[tuple[int, int]]:
        """Export the patterns of these blocks."""
        return self._blocks.prepare(specs)

    def block_calls(self, specs: Iterable[BlockSpec]) -> Iterator[tuple[BlockSpec, Call]]:
        """Export what is new of these blocks, then open each when its turn comes."""
        for spec, graph in self._blocks.graphs(specs):
            yield spec, self._bound(bordered(spec, graph), bordered_inputs(spec))

    def border_calls(self, borders: Iterable[Border]) -> Iterator[tuple[Border, Call]]:
        """Open each bare border when its turn comes."""
        for border in borders:
            yield border, self._bound(bare(border), [bare_input(border)])

    def random_network(self, architecture: Architecture, geometry: Geometry) -> OnnxSession:
        """A network joined from blocks; patterns that were seen before need no export."""
        wiring = wire(architecture, geometry)
        specs = {spec.key: spec for spec in wiring.timed_specs()}
        graphs = {spec.key: graph for spec, graph in self._blocks.graphs(specs.values())}
        return self.open_model(joined(wiring, graphs))

    def floor_call(self) -> Call:
        """A model that hands one number on."""
        from onnx import TensorProto, helper

        ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in ("in0", "out")]
        node = helper.make_node("Identity", ["in0"], ["out"])
        graph = helper.make_graph([node], "floor", ends[:1], ends[1:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        return self._bound(model.SerializeToString(), [np.zeros(1, dtype=np.float32)])

    def versions(self) -> dict[str, str]:
        """The runtime's version."""
        return {"onnxruntime": str(self._runtime.__version__)}

    def _session(self, model: bytes) -> onnxruntime.InferenceSession:
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.execution_mode = self._runtime.ExecutionMode.ORT_SEQUENTIAL
        # Threads spin within a run, as they do where speed counts, but an idle session must not
        # take the processor from the one that is being timed.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        options.log_severity_level = 3
        return self._runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def _bound(self, model: bytes, inputs: Sequence[np.ndarray[Any, Any]]) -> Call:
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
