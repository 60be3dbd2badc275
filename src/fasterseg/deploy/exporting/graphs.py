"""ONNX graphs as values: cutting a block out of a model, and joining blocks to a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fasterseg.space.architecture import Step, Wiring
from fasterseg.space.placements import IMAGE

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

BIAS_DEVIATION = 0.1
# What a network's last block gives.
OUTPUTS = {"labels": "labels", "logits": "low_resolution_logits"}


def part_of(model: ModelProto, inputs: Sequence[str], output: str) -> ModelProto:
    """The part of a model that computes one output from some inputs, as ``in0``.. and ``out``."""
    import onnx

    nodes = _needed(model.graph, output)
    read = {name for node in nodes for name in node.input}
    part = onnx.ModelProto()
    part.CopyFrom(_frame(model))
    part.graph.name = "block"
    part.graph.node.extend(nodes)
    part.graph.initializer.extend(i for i in model.graph.initializer if i.name in read)
    described = {value.name: value for value in (*model.graph.input, *model.graph.output)}
    part.graph.input.extend(described[name] for name in inputs)
    part.graph.output.append(described[output])
    names = {name: f"in{index}" for index, name in enumerate(inputs)} | {output: "out"}
    rename(part.graph, names)
    return part


def _needed(graph: GraphProto, output: str) -> list[NodeProto]:
    """The nodes that an output depends on, in the graph's order."""
    makers = {name: index for index, node in enumerate(graph.node) for name in node.output}
    found: set[int] = set()
    pending = [output]
    while pending:
        index = makers.get(pending.pop())
        if index is not None and index not in found:
            found.add(index)
            pending += graph.node[index].input
    return [graph.node[index] for index in sorted(found)]


def _frame(model: ModelProto) -> ModelProto:
    """A model of the same versions with an empty graph."""
    import onnx

    frame = onnx.ModelProto(ir_version=model.ir_version, producer_name="fasterseg")
    frame.opset_import.extend(model.opset_import)
    return frame


def rename(graph: GraphProto, names: Mapping[str, str], *, others: str = "") -> None:
    """Give values new names; those that have none in `names` get a prefix."""

    def renamed(name: str) -> str:
        return names.get(name, others + name) if name else name

    for node in graph.node:
        node.name = others + node.name
        node.input[:] = [renamed(name) for name in node.input]
        node.output[:] = [renamed(name) for name in node.output]
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = renamed(value.name)


def weights_of(graph: GraphProto) -> list[TensorProto]:
    """The weights and biases of a graph's convolutions."""
    names = {name for node in graph.node if node.op_type == "Conv" for name in node.input[1:]}
    return [tensor for tensor in graph.initializer if tensor.name in names]


def without_weights(model: bytes) -> bytes:
    """The model with the numbers of its weights left out: small enough to keep hundreds."""
    import onnx

    stripped = onnx.ModelProto.FromString(model)
    for tensor in weights_of(stripped.graph):
        tensor.ClearField("raw_data")
    return bytes(stripped.SerializeToString())


def with_random_weights(model: bytes) -> bytes:
    """The model with random numbers where its weights were left out; activations keep in range."""
    import onnx

    whole = onnx.ModelProto.FromString(model)
    _fill(whole.graph)
    return bytes(whole.SerializeToString())


def joined(wiring: Wiring, blocks: Mapping[str, bytes], *, with_tail: bool = True) -> bytes:
    """The model of a wiring's whole job, put together from the models of its blocks.

    `blocks` are by spec key; weights that were left out become random ones.  Without its tail the
    model ends at the low-resolution logits.  The result has the
    nodes that exporting the network in one piece gives (a test says so), without the minutes
    that this takes for many networks.
    """
    import onnx

    first, tail = wiring.border
    steps = (first, *wiring.steps, *([tail] if with_tail else []))
    last = steps[-1]
    parts = {
        step.name: onnx.ModelProto.FromString(blocks[step.spec.key])
        for step in steps
        if not step.spec.is_identity
    }
    whole = _frame(next(iter(parts.values())))
    whole.graph.name = "network"
    ends = _values(steps)
    for step in steps:
        if step.name in parts:
            _append(whole.graph, parts[step.name].graph, step, ends)
    whole.graph.input.append(_renamed_value(parts[first.name].graph.input[0], IMAGE))
    whole.graph.output.append(_renamed_value(parts[last.name].graph.output[0], ends[last.name]))
    _fill(whole.graph)
    return bytes(whole.SerializeToString())


def _values(steps: Sequence[Step]) -> dict[str, str]:
    """The name of the value that stands for each step's output; an identity hands on its input.

    The first block of the network reads "the image": in a whole job, the input block's output.
    """
    ends = {steps[0].name: steps[0].name}
    for step in steps[1:]:
        source = steps[0].name if step.inputs == (IMAGE,) else step.inputs[0]
        ends[step.name] = ends[source] if step.spec.is_identity else step.name
    return {**ends, steps[-1].name: OUTPUTS[steps[-1].spec.row.writes]}


def _append(whole: GraphProto, part: GraphProto, step: Step, ends: Mapping[str, str]) -> None:
    is_first = step.name == "input"
    sources = [
        IMAGE if is_first else ends["input" if name == IMAGE else name] for name in step.inputs
    ]
    names = {f"in{index}": source for index, source in enumerate(sources)}
    rename(part, {**names, "out": ends[step.name]}, others=f"{step.name}/")
    whole.node.extend(part.node)
    whole.initializer.extend(part.initializer)


def _renamed_value(value: ValueInfoProto, name: str) -> ValueInfoProto:
    import onnx

    copy = onnx.ValueInfoProto()
    copy.CopyFrom(value)
    copy.name = name
    return copy


def _fill(graph: GraphProto) -> None:
    from onnx import numpy_helper

    generator = np.random.default_rng(0)
    for tensor in weights_of(graph):
        if not tensor.raw_data:
            shape = tuple(tensor.dims)
            deviation = BIAS_DEVIATION if len(shape) == 1 else (2.0 / np.prod(shape[1:])) ** 0.5
            numbers = generator.standard_normal(shape, dtype=np.float32) * np.float32(deviation)
            tensor.CopyFrom(numpy_helper.from_array(numbers, tensor.name))
