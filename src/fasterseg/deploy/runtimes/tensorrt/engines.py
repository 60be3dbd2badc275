"""TensorRT's engines: loaded, given memory of the GPU, and run on its stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fasterseg.artifacts import digest_of_bytes
from fasterseg.deploy.exporting.borders import Numbers
from fasterseg.deploy.runtimes.gpu import Gpu
from fasterseg.deploy.runtimes.sessions import Image
from fasterseg.deploy.runtimes.tensorrt.build_engine import HOW
from fasterseg.errors import DataError, FileError
from fasterseg.latency.timing import Call, Stopwatch

TYPES: Mapping[str, torch.dtype] = {
    "FLOAT": torch.float32,
    "HALF": torch.float16,
    "UINT8": torch.uint8,
    "INT32": torch.int32,
    "INT64": torch.int64,
}
"""TensorRT's names of the types that our graphs take and give."""


def imported() -> Any:
    """The module; whoever asks has seen that it is installed."""
    import tensorrt

    return tensorrt


@dataclass(frozen=True)
class TensorrtGraph:
    """An engine with its execution context; memory on the GPU is PyTorch's."""

    digest: str
    engine: Any
    context: Any
    gpu: Gpu
    inputs: tuple[str, ...]
    output: str
    loaded_by: Any = field(repr=False)
    """TensorRT's runtime, which an engine needs for as long as it lives."""

    @classmethod
    def open(cls, data: bytes, gpu: Gpu, *, where: str = "") -> TensorrtGraph:
        """Load an engine that was built on this kind of GPU by this version of TensorRT."""
        tensorrt = imported()
        with gpu.active():
            runtime = tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.WARNING))
            engine = runtime.deserialize_cuda_engine(data)
            if engine is None:
                raise FileError(
                    "TensorRT cannot load this engine",
                    where=where,
                    why="it was built by another version of TensorRT or for another GPU",
                    next_step="build it again on this machine",
                )
            context = engine.create_execution_context()
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        reads = tensorrt.TensorIOMode.INPUT
        inputs = tuple(name for name in names if engine.get_tensor_mode(name) == reads)
        (output,) = (name for name in names if name not in inputs)
        return cls(digest_of_bytes(data), engine, context, gpu, inputs, output, runtime)

    def run(self, images: Image) -> np.ndarray[Any, Any]:
        """The engine's output, in the host's memory."""
        memory = self._placed({self._image: images})
        self._enqueue(memory)
        return self.gpu.fetched(memory[self.output])

    def timed(
        self, images: Image, stopwatch: Stopwatch
    ) -> tuple[np.ndarray[Any, Any], dict[str, float]]:
        """The output, and the milliseconds of both copies and between."""
        kept: dict[str, Any] = {}
        steps = {
            "copy in": lambda: kept.update(memory=self._placed({self._image: images})),
            "network": lambda: self._enqueue(kept["memory"]),
            "copy out": lambda: kept.update(found=self.gpu.fetched(kept["memory"][self.output])),
        }
        parts = {name: stopwatch(step) for name, step in steps.items()}
        return kept["found"], parts

    def resident(self, images: Image) -> Call:
        """A call on an image and an output that stay in the GPU's memory."""
        return self.bound({self._image: images})

    def bound(self, inputs: Mapping[str, Numbers]) -> Call:
        """A call that enqueues a run on memory that stays where it is."""
        return partial(self._enqueue, self._placed(inputs))

    def facts(self) -> dict[str, str]:
        """The GPU, and how the engine was built: it computes in the types of its graph."""
        return {
            "runtime": f"tensorrt {imported().__version__} on {self.gpu.device}",
            "precision": self._precision,
            "engine": HOW,
            "threads": "-",
        }

    @property
    def _precision(self) -> str:
        return "as the graph says"

    @property
    def _image(self) -> str:
        (name,) = self.inputs
        return name

    def _placed(self, inputs: Mapping[str, Numbers]) -> dict[str, Tensor]:
        """The inputs on the GPU, and memory for the output; DataError for a size it cannot take."""
        memory = {name: self.gpu.put(numbers) for name, numbers in inputs.items()}
        for name, tensor in memory.items():
            wanted = TYPES[self.engine.get_tensor_dtype(name).name]
            assert tensor.dtype == wanted, f"{name} is {tensor.dtype}, the engine takes {wanted}"
            if not self.context.set_input_shape(name, tuple(tensor.shape)):
                raise DataError(
                    "the engine does not take an image of this size",
                    why=f"{name} is {tuple(tensor.shape)}, which it was not built for",
                    next_step="build one for this size: fasterseg export MODEL --size HEIGHTxWIDTH",
                )
        shape = tuple(self.context.get_tensor_shape(self.output))
        kind = TYPES[self.engine.get_tensor_dtype(self.output).name]
        return {**memory, self.output: self.gpu.empty(shape, kind)}

    def _enqueue(self, memory: Mapping[str, Tensor]) -> None:
        """Enqueue one run; it is done once the stream is."""
        for name, tensor in memory.items():
            self.context.set_tensor_address(name, tensor.data_ptr())
        with self.gpu.active():
            if not self.context.execute_async_v3(self.gpu.stream.cuda_stream):
                raise RuntimeError("TensorRT did not run the engine: its log says why")
