"""What TensorRT asks of a graph beyond ONNX: bytes become numbers at once, and numbers bytes last.

Of bytes it takes an input and an output alone, and turns them to float32 or float16 and back; it
neither transposes them nor makes them of whole numbers.  On processors moving bytes is the quicker
way, so that only graphs for TensorRT are changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import GraphProto

NUMBERS = ".numbers"


def fitted(model: bytes) -> bytes:
    """The model with a cast to float32 behind an image of bytes, and before labels of bytes."""
    import onnx

    changed = onnx.ModelProto.FromString(model)
    _begin_with_numbers(changed.graph)
    _end_with_numbers(changed.graph)
    return bytes(changed.SerializeToString())


def _begin_with_numbers(graph: GraphProto) -> None:
    from onnx import TensorProto, helper

    for source in graph.input:
        if source.type.tensor_type.elem_type == TensorProto.UINT8:
            numbers = source.name + NUMBERS
            for node in graph.node:
                node.input[:] = [numbers if name == source.name else name for name in node.input]
            cast = helper.make_node("Cast", [source.name], [numbers], numbers, to=TensorProto.FLOAT)
            graph.node.insert(0, cast)
            del graph.value_info[:]  # of bytes in another order


def _end_with_numbers(graph: GraphProto) -> None:
    from onnx import TensorProto, helper

    for target in graph.output:
        if target.type.tensor_type.elem_type != TensorProto.UINT8:
            continue
        place = next(i for i, node in enumerate(graph.node) if target.name in node.output)
        last = graph.node[place]
        numbers = target.name + NUMBERS
        cast = helper.make_node("Cast", last.input, [numbers], numbers, to=TensorProto.FLOAT)
        last.input[:] = [numbers]
        graph.node.insert(place, cast)
