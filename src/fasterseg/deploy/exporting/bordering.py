"""ONNX models of blocks between convolutions, and of those convolutions alone.

Both have inputs ``in0``.. and an output ``out``, whatever the runtime that is to time them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fasterseg.deploy.exporting.borders import (
    OUTSIDE_CHANNELS,
    Border,
    input_borders,
    output_border,
)
from fasterseg.deploy.exporting.export import OPSET
from fasterseg.deploy.exporting.graphs import rename, with_random_weights
from fasterseg.space.blocks import BlockSpec, Size

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, ValueInfoProto

IR_VERSION = 10
BLOCK = "block/"


def bordered(spec: BlockSpec, graph: bytes) -> bytes:
    """A block's model between a producer for each input and a consumer.

    Weights that were left out become random ones; it reads `borders.bordered_inputs`.
    """
    import onnx

    whole = onnx.ModelProto.FromString(graph)
    inner = onnx.GraphProto()
    inner.CopyFrom(whole.graph)
    _clear(whole.graph)
    before, behind = input_borders(spec), output_border(spec)
    produced = {f"in{i}": border for i, border in enumerate(before) if border.has_producer}
    outside = {value.name for value in (*inner.input, *inner.output)} - produced.keys()
    kept = outside - ({"out"} if behind is not None else set())
    rename(inner, {name: name for name in kept}, others=BLOCK)
    for name, border in produced.items():
        _add_producer(whole.graph, border, name, BLOCK + name)
    whole.graph.node.extend(inner.node)
    whole.graph.initializer.extend(inner.initializer)
    whole.graph.input.extend(value for value in inner.input if value.name in kept)
    whole.graph.output.extend(value for value in inner.output if value.name in kept)
    if behind is not None:
        _add_consumer(whole.graph, behind, f"{BLOCK}out")
    return with_random_weights(bytes(whole.SerializeToString()))


def bare(border: Border) -> bytes:
    """The model of a border's producer followed by its consumer; reads `borders.bare_input`."""
    model = _empty_model()
    if border.has_producer:
        _add_producer(model.graph, border, "in0", "between")
    else:
        model.graph.input.append(_value("in0", border.channels, border.size))
    _add_consumer(model.graph, border, "between" if border.has_producer else "in0")
    return with_random_weights(bytes(model.SerializeToString()))


def _empty_model() -> ModelProto:
    from onnx import helper

    opset = helper.make_opsetid("", OPSET)
    empty = helper.make_graph([], "border", [], [])
    return helper.make_model(empty, opset_imports=[opset], ir_version=IR_VERSION)


def _clear(graph: GraphProto) -> None:
    """Leave a graph its name alone."""
    name = graph.name
    graph.Clear()
    graph.name = name


def _add_producer(graph: GraphProto, border: Border, source: str, result: str) -> None:
    """A convolution that writes what crosses a border, from an input of the graph."""
    from onnx import helper

    graph.input.append(_value(source, OUTSIDE_CHANNELS, border.size))
    if border.is_rectified:
        _add_convolution(graph, source, f"{result}/sum", (OUTSIDE_CHANNELS, border.channels))
        graph.node.append(helper.make_node("Relu", [f"{result}/sum"], [result], f"{result}/relu"))
    else:
        _add_convolution(graph, source, result, (OUTSIDE_CHANNELS, border.channels))


def _add_consumer(graph: GraphProto, border: Border, source: str) -> None:
    """A convolution that reads what crosses a border, to the output of the graph."""
    channels, stride = (border.channels, OUTSIDE_CHANNELS), border.consumer_stride
    _add_convolution(graph, source, "out", channels, stride=stride)
    graph.output.append(_value("out", OUTSIDE_CHANNELS, border.size.strided(stride)))


def _add_convolution(
    graph: GraphProto, source: str, result: str, channels: tuple[int, int], *, stride: int = 1
) -> None:
    """A 1x1 convolution between channels in and out, its weights left out."""
    from onnx import TensorProto, helper

    read, written = channels
    name = f"{result}/convolution"
    for part, shape in (("weight", [written, read, 1, 1]), ("bias", [written])):
        graph.initializer.append(
            TensorProto(name=f"{name}/{part}", data_type=TensorProto.FLOAT, dims=shape)
        )
    sources = [source, f"{name}/weight", f"{name}/bias"]
    graph.node.append(
        helper.make_node(
            "Conv", sources, [result], name, kernel_shape=[1, 1], strides=[stride, stride]
        )
    )


def _value(name: str, channels: int, size: Size) -> ValueInfoProto:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, *size])
