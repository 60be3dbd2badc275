"""A stand-in for the module `tensorrt` that is as strict as the real one about what it is asked.

Engines hold the ONNX model that they were built from, and ONNX Runtime computes it on the
processor once the stream is waited for.  Refused are calls out of order, other shapes, types and
names than the model's, and of bytes all but casts from and to float32 and float16.
"""

from __future__ import annotations

import ctypes
import enum
import sys
from collections.abc import Mapping
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from fake_cuda import FakeCuda, pretend_a_gpu
from onnx import TensorProto

from fasterseg.deploy.runtimes.gpu import Gpu
from fasterseg.deploy.runtimes.tensorrt import runtime as tensorrt

VERSION = "10.99"
MAGIC = b"an engine of no GPU:"
_NUMPY = {
    "FLOAT": "float32",
    "HALF": "float16",
    "UINT8": "uint8",
    "INT32": "int32",
    "INT64": "int64",
}


class DataType(enum.Enum):
    FLOAT = TensorProto.FLOAT
    HALF = TensorProto.FLOAT16
    UINT8 = TensorProto.UINT8
    INT32 = TensorProto.INT32
    INT64 = TensorProto.INT64


class TensorIOMode(enum.Enum):
    INPUT = 1
    OUTPUT = 2


class NetworkDefinitionCreationFlag(enum.IntEnum):
    EXPLICIT_BATCH = 0
    STRONGLY_TYPED = 1


class BuilderFlag(enum.Enum):
    FP16 = 0
    TF32 = 7


class Logger:
    WARNING = 2

    def __init__(self, severity: int) -> None:
        assert severity == self.WARNING


class _Tensor:
    def __init__(self, described: Any) -> None:
        kind = described.type.tensor_type
        self.name = described.name
        self.dtype = DataType(kind.elem_type)
        self.shape = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in kind.shape.dim)


class _Network:
    def __init__(self) -> None:
        self.model = b""
        self.inputs: list[_Tensor] = []

    @property
    def num_inputs(self) -> int:
        return len(self.inputs)

    def get_input(self, index: int) -> _Tensor:
        return self.inputs[index]


class _Profile:
    def __init__(self) -> None:
        self.shapes: dict[str, tuple[tuple[int, ...], ...]] = {}

    def set_shape(self, name: str, *shapes: tuple[int, ...]) -> None:
        assert len(shapes) == 3
        self.shapes[name] = shapes


class _Cache:
    def __init__(self, known: bytes) -> None:
        self.known = bytes(known)

    def serialize(self) -> memoryview:
        return memoryview(self.known)


class _Config:
    def __init__(self) -> None:
        self.flags = {BuilderFlag.TF32}  # on unless it is cleared
        self.builder_optimization_level = -1
        self.cache: _Cache | None = None
        self.profiles: list[_Profile] = []

    def clear_flag(self, flag: BuilderFlag) -> None:
        self.flags.discard(flag)

    def create_timing_cache(self, known: bytes) -> _Cache:
        return _Cache(known)

    def set_timing_cache(self, cache: _Cache, *, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        self.cache = cache
        return True

    def add_optimization_profile(self, profile: _Profile) -> int:
        self.profiles.append(profile)
        return len(self.profiles) - 1


class Builder:
    def __init__(self, logger: Logger) -> None:
        assert isinstance(logger, Logger)

    def create_network(self, flags: int) -> _Network:
        assert flags == 1 << NetworkDefinitionCreationFlag.STRONGLY_TYPED
        return _Network()

    def create_builder_config(self) -> _Config:
        return _Config()

    def create_optimization_profile(self) -> _Profile:
        return _Profile()

    def build_serialized_network(self, network: _Network, config: _Config) -> memoryview:
        assert network.model, "nothing was parsed"
        assert not config.flags, "TF32 rounds what float32 networks compute"
        assert config.builder_optimization_level >= 0
        assert config.cache is not None
        for tensor in network.inputs:
            if -1 in tensor.shape:
                assert any(tensor.name in profile.shapes for profile in config.profiles)
        config.cache.known += b"measured;"
        return memoryview(MAGIC + network.model)


class OnnxParser:
    def __init__(self, network: _Network, logger: Logger) -> None:
        assert isinstance(logger, Logger)
        self.network = network
        self.faults: list[str] = []

    @property
    def num_errors(self) -> int:
        return len(self.faults)

    def get_error(self, index: int) -> str:
        return self.faults[index]

    def parse(self, model: bytes) -> bool:
        try:
            read = onnx.ModelProto.FromString(model)
            onnx.checker.check_model(read)
        except Exception as error:  # protobuf's and the checker's own
            self.faults.append(str(error))
            return False
        self.faults += _faults_of_bytes(read)
        self.network.model = b"" if self.faults else model
        self.network.inputs = [_Tensor(one) for one in read.graph.input]
        return not self.faults


def _faults_of_bytes(model: Any) -> list[str]:
    """Nodes that read or write bytes and are no cast from or to float32 or float16."""
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    kinds = {
        one.name: one.type.tensor_type.elem_type
        for one in (*graph.input, *graph.output, *graph.value_info)
    }
    kinds |= {one.name: one.data_type for one in graph.initializer}
    allowed = {TensorProto.FLOAT, TensorProto.FLOAT16}
    faults = []
    for node in graph.node:
        ends = [kinds.get(name) for name in (*node.input, *node.output)]
        others = {kind for kind in ends if kind != TensorProto.UINT8}
        if TensorProto.UINT8 in ends and (node.op_type != "Cast" or not others <= allowed):
            faults.append(f"{node.op_type} {node.name}: UINT8 is not supported")
    return faults


class Runtime:
    def __init__(self, logger: Logger) -> None:
        assert isinstance(logger, Logger)

    def deserialize_cuda_engine(self, data: bytes) -> _Engine | None:
        return _Engine(bytes(data)[len(MAGIC) :]) if bytes(data).startswith(MAGIC) else None


class _Engine:
    def __init__(self, model: bytes) -> None:
        graph = onnx.ModelProto.FromString(model).graph
        self.inputs = {one.name: _Tensor(one) for one in graph.input}
        self.outputs = {one.name: _Tensor(one) for one in graph.output}
        self.session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        self.profiled = _is_dynamic(self.inputs)

    @property
    def num_io_tensors(self) -> int:
        return len(self.inputs) + len(self.outputs)

    def get_tensor_name(self, index: int) -> str:
        return [*self.inputs, *self.outputs][index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode.INPUT if name in self.inputs else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name: str) -> DataType:
        return {**self.inputs, **self.outputs}[name].dtype

    def create_execution_context(self) -> _Context:
        return _Context(self)


def _is_dynamic(tensors: Mapping[str, _Tensor]) -> bool:
    return any(-1 in tensor.shape for tensor in tensors.values())


class _Context:
    def __init__(self, engine: _Engine) -> None:
        self.engine = engine
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.addresses: dict[str, int] = {}
        self.waiting = 0

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        wanted = self.engine.inputs[name].shape
        fits = len(shape) == len(wanted) and all(
            w in (-1, s) for w, s in zip(wanted, shape, strict=True)
        )
        small = self.engine.profiled and min(shape[1:3]) < 64
        if fits and not small:
            self.shapes[name] = shape
        return fits and not small

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        if name in self.engine.inputs:
            return self.shapes.get(name, self.engine.inputs[name].shape)
        assert self.shapes.keys() == self.engine.inputs.keys(), "inputs have no shapes yet"
        if not _is_dynamic(self.engine.outputs):
            return self.engine.outputs[name].shape
        zeros = {n: np.zeros(s, _dtype(self.engine.inputs[n])) for n, s in self.shapes.items()}
        return tuple(self.engine.session.run([name], zeros)[0].shape)

    def set_tensor_address(self, name: str, address: int) -> bool:
        assert name in self.engine.inputs or name in self.engine.outputs, name
        assert address
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        engine = self.engine
        assert self.addresses.keys() == {*engine.inputs, *engine.outputs}, "an address is missing"
        assert stream, "the default stream makes TensorRT wait for all others"
        (output,) = engine.outputs
        shape, addresses = self.get_tensor_shape(output), dict(self.addresses)
        shapes = dict(self.shapes)

        self.waiting += 1

        def run() -> None:
            self.waiting -= 1
            feeds = {
                name: _memory(addresses[name], shapes[name], tensor).copy()
                for name, tensor in engine.inputs.items()
            }
            target = _memory(addresses[output], shape, engine.outputs[output])
            target[...] = engine.session.run([output], feeds)[0]

        STREAMS[stream].enqueue(run)
        return True

    def __del__(self) -> None:
        assert self.waiting == 0, "the GPU was still at work with it"


STREAMS: dict[int, Any] = {}
"""Those of the pretended GPU by their numbers, while it is there."""


def _dtype(tensor: _Tensor) -> np.dtype[Any]:
    return np.dtype(_NUMPY[tensor.dtype.name])


def _memory(address: int, shape: tuple[int, ...], tensor: _Tensor) -> np.ndarray[Any, Any]:
    """The numbers that lie at an address."""
    kind = _dtype(tensor)
    size = int(np.prod(shape)) * kind.itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address), kind).reshape(shape)


def pretend_tensorrt(patch: pytest.MonkeyPatch) -> Gpu:
    """Let `import tensorrt` find this, and a GPU be there for it."""
    gpu = pretend_a_gpu(patch)
    assert isinstance(gpu.cuda, FakeCuda)
    module = ModuleType("tensorrt")
    module.__spec__ = ModuleSpec("tensorrt", None)
    module.__dict__.update(
        __version__=VERSION,
        **{name: globals()[name] for name in _OFFERED},
    )
    patch.setitem(sys.modules, "tensorrt", module)
    patch.setattr(tensorrt, "is_installed", lambda: True)
    for number, stream in gpu.cuda.streams.items():
        patch.setitem(STREAMS, number, stream)
    return gpu


_OFFERED = (
    "Builder",
    "BuilderFlag",
    "DataType",
    "Logger",
    "NetworkDefinitionCreationFlag",
    "OnnxParser",
    "Runtime",
    "TensorIOMode",
)
