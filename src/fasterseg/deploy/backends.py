"""Runtimes on which blocks and whole networks run, behind one face.

A backend is the one that the target names, or an error: never another one in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from fasterseg.artifacts import digest_of_bytes
from fasterseg.deploy.export import (
    export_network,
    missing_extra,
    run_block,
)
from fasterseg.deploy.folding import folded
from fasterseg.deploy.graphs import joined, with_random_weights
from fasterseg.deploy.patterns import BlockExporter
from fasterseg.errors import EnvironmentFault
from fasterseg.latency.timing import Call, CudaStopwatch, MonotonicStopwatch, Stopwatch
from fasterseg.layers.building import build_block
from fasterseg.network.network import Network, WholeJob
from fasterseg.runtime import select_device, set_threads
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import BlockSpec, Size

if TYPE_CHECKING:
    import onnxruntime

    from fasterseg.latency.table import Target

Image = np.ndarray[Any, np.dtype[np.uint8]]
Labels = np.ndarray[Any, np.dtype[Any]]
Predictor = Callable[[Image], Labels]

PLAIN_MEAN, PLAIN_DEVIATION = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


class Session(Protocol):
    """A whole job, ready to run on a backend."""

    def run(self, image: Image) -> Labels:
        """(height, width, 3) uint8 image of the session's size to (height, width) class ids."""

    def predictor(self) -> Predictor:
        """The session as a function from image to class ids."""

    @property
    def digest(self) -> str:
        """SHA-256 of what runs; empty where nothing is written down (PyTorch)."""


class Backend(Protocol):
    """Opens blocks and whole jobs."""

    stopwatch: Stopwatch

    def prepare(self, specs: Iterable[BlockSpec]) -> Iterator[tuple[int, int]]:
        """Do once what many blocks share; gives (done, total) on the way."""

    def block_calls(self, specs: Iterable[BlockSpec]) -> Iterator[tuple[BlockSpec, Call]]:
        """A call that runs a block once on realistic inputs, for each spec in turn."""

    def open_network(self, job: nn.Module, size: Size) -> Session:
        """The session of a whole job (`network.WholeJob`) at an image size."""

    def random_network(self, architecture: Architecture, geometry: Geometry) -> Session:
        """The whole job of an architecture with random weights: only good for timing."""

    def floor_call(self) -> Call:
        """A call that does as good as nothing: the timer's floor."""

    def versions(self) -> dict[str, str]:
        """What else a latency depends on: names and versions of the runtime."""


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
            yield spec, self._bound(with_random_weights(graph), realistic_inputs(spec))

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


@dataclass(frozen=True)
class PytorchSession:
    """A whole job in eager PyTorch."""

    job: nn.Module
    device: torch.device
    threads: int

    @property
    def digest(self) -> str:
        """Empty: there is no file."""
        return ""

    def run(self, image: Image) -> Labels:
        """Class ids of an image."""
        with torch.inference_mode(), threads_set(self.threads):
            labels: Tensor = self.job(torch.from_numpy(image)[None].to(self.device))
        found: Labels = labels[0].cpu().numpy()
        return found

    def predictor(self) -> Predictor:
        """The session as a function from image to class ids."""
        return self.run


@contextmanager
def threads_set(threads: int) -> Iterator[None]:
    """So many threads for PyTorch's operators, and afterwards as many as there were."""
    before = torch.get_num_threads()
    set_threads(threads)
    try:
        yield
    finally:
        set_threads(before)


class PytorchBackend:
    """Eager PyTorch, on the CPU with a fixed number of threads, or on CUDA."""

    def __init__(self, *, threads: int, device: str) -> None:
        self.device = select_device(device)
        self.threads = threads
        on_cuda = self.device.type == "cuda"
        self.stopwatch: Stopwatch = CudaStopwatch(torch.cuda) if on_cuda else MonotonicStopwatch()

    def open_network(self, job: nn.Module, size: Size) -> PytorchSession:
        """The job in its evaluation form, on the device."""
        return PytorchSession(folded(job).to(self.device), self.device, self.threads)

    def prepare(self, specs: Iterable[BlockSpec]) -> Iterator[tuple[int, int]]:
        """Nothing: eager blocks share no work."""
        del specs
        return iter(())

    def block_calls(self, specs: Iterable[BlockSpec]) -> Iterator[tuple[BlockSpec, Call]]:
        """Build each block when its turn comes."""
        for spec in specs:
            inputs = [torch.from_numpy(x).to(self.device) for x in realistic_inputs(spec)]
            block = folded(build_block(spec)).to(self.device)
            yield spec, partial(self._run, spec, block, inputs)

    def _run(self, spec: BlockSpec, block: nn.Module, inputs: Sequence[Tensor]) -> Tensor:
        with torch.inference_mode(), threads_set(self.threads):
            return run_block(spec, block, inputs)

    def random_network(self, architecture: Architecture, geometry: Geometry) -> PytorchSession:
        """The network's own modules."""
        network = Network(architecture, geometry.classes, auxiliary_heads=False)
        job = WholeJob(network, PLAIN_MEAN, PLAIN_DEVIATION)
        return self.open_network(job, geometry.size)

    def floor_call(self) -> Call:
        """The smallest operator there is."""
        number = torch.zeros(1, device=self.device)
        return lambda: number + 1

    def versions(self) -> dict[str, str]:
        """PyTorch's version, and the device's name where it is not the processor."""
        found = {"torch": str(torch.__version__)}
        if self.device.type == "cuda":
            found["gpu"] = torch.cuda.get_device_name(self.device)
        return found


def realistic_inputs(spec: BlockSpec) -> list[np.ndarray[Any, Any]]:
    """What a block reads within a network: bytes of an image, else rectified normal numbers.

    Half of them are zero, as behind a ReLU, and none is denormal, which would slow some
    processors down.
    """
    generator = np.random.default_rng(0)
    if spec.kind == "input":
        return [generator.integers(0, 256, (1, *spec.in_size, 3), dtype=np.uint8)]
    pattern = generator.standard_normal(1 << 18, dtype=np.float32)
    pattern = pattern if spec.kind == "tail" else np.where(pattern > 1e-6, pattern, 0.0)
    pattern = pattern.astype(np.float32)
    return [np.resize(pattern, (1, count, *spec.in_size)) for count in spec.in_channels]
