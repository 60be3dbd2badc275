"""The graphs of a kit: what is timed on a device is what is timed here, but for its weights.

Those are a short pattern over and over, of the same scale: no runtime on a processor takes longer
for other numbers, and a pattern deflates to next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from fasterseg.config import TargetPrecision, runtime_named
from fasterseg.deploy.exporting import timed_graphs
from fasterseg.deploy.exporting.borders import Border, Numbers
from fasterseg.deploy.exporting.tracing import traced
from fasterseg.deploy.runtimes.onnx.tensorrt_graphs import fitted
from fasterseg.kit.manifest import Fill, PackedInput
from fasterseg.latency.table import Target
from fasterseg.space.architecture import Architecture
from fasterseg.space.blocks import BlockSpec

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto, ValueInfoProto

PATTERN = 251
"""So many numbers repeat: a prime, so that no two filters of a kernel are alike."""


@dataclass(frozen=True, slots=True)
class KitGraph:
    """An ONNX model as it lies in a kit, and what the runner gives it."""

    model: bytes
    inputs: tuple[PackedInput, ...]


def block_graph(spec: BlockSpec, target: Target) -> KitGraph:
    """A block between its convolutions."""
    return _timed(timed_graphs.block_graph(spec, _written(target), weights=_repeat_all), target)


def border_graph(border: Border, target: Target) -> KitGraph:
    """A bare border: what is taken off the time of a block."""
    return _timed(timed_graphs.border_graph(border, _written(target), weights=_repeat_all), target)


def floor_graph(target: Target) -> KitGraph:
    """A graph that looks at one number: the timer's floor."""
    return _timed(traced(nn.ReLU(), [torch.zeros(1)]), target)


def network_graph(architecture: Architecture, target: Target) -> KitGraph:
    """A whole job of an architecture, from the image's bytes to labels."""
    model = timed_graphs.network_graph(
        architecture,
        target.geometry,
        output="labels",
        precision=_written(target),
        weights=_repeat_all,
    )
    return _timed(model, target)


def file_graph(model: bytes, target: Target) -> KitGraph:
    """A finished file as it is: to be timed, and to give labels."""
    import onnx

    inputs = onnx.ModelProto.FromString(model).graph.input
    return KitGraph(model, tuple(_input(value, target) for value in inputs))


def _written(target: Target) -> TargetPrecision:
    """What the target's networks are written in."""
    return runtime_named(target.backend).written_in(target.precision)


def _timed(model: bytes, target: Target) -> KitGraph:
    """A graph that is only timed, as the target's runtime takes it."""
    return file_graph(fitted(model) if target.backend == "tensorrt" else model, target)


def _repeat_all(model: ModelProto) -> None:
    """Replace the weights of a model by a pattern of the same scale."""
    for tensor in model.graph.initializer:
        _repeat(tensor)


def _input(value: ValueInfoProto, target: Target) -> PackedInput:
    """What a runner makes for an input; a length that is left open is the target's."""
    from onnx import helper

    kind = value.type.tensor_type
    lengths = [d.dim_value for d in kind.shape.dim]
    if len(lengths) == 4 and not all(lengths):
        lengths = [1, target.height, target.width, 3]
    name = helper.tensor_dtype_to_np_dtype(kind.elem_type).name
    fill: Fill = "bytes" if name == "uint8" else "features"
    return PackedInput.model_validate(
        {"name": value.name, "shape": tuple(lengths), "type": name, "fill": fill}
    )


def _repeat(tensor: TensorProto) -> None:
    """Replace a tensor's numbers, where they are weights, by a pattern of the same scale."""
    from onnx import numpy_helper

    numbers = numpy_helper.to_array(tensor)
    if numbers.dtype.kind != "f" or numbers.size < 2:
        return
    scaled = _PATTERN * _power_of_two(float(np.sqrt(np.mean(np.square(numbers, dtype=np.float64)))))
    tensor.CopyFrom(
        numpy_helper.from_array(np.resize(scaled.astype(numbers.dtype), numbers.shape), tensor.name)
    )


def _power_of_two(scale: float) -> float:
    """The nearest one: then all patterns have the same digits."""
    return float(2.0 ** np.round(np.log2(scale))) if scale > 0 else 0.0


def _normal_numbers() -> Numbers:
    """Normal numbers of variance one with few digits, none of them tiny."""
    found = np.random.default_rng(0).standard_normal(PATTERN)
    coarse: np.ndarray[Any, Any] = np.round(found * 16) / 16
    return np.where(coarse == 0, 1 / 16, coarse).astype(np.float64)


_PATTERN = _normal_numbers()
