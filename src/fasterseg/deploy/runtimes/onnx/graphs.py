"""ONNX models of unknown origin: looked at whole before any runtime sees them.

One walk over all that a model may hold: no part of it names another file, another library or a
graph within the graph, every tensor has the numbers that it says, and what remains is a plain
graph (`plain_graphs`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from fasterseg.deploy.runtimes.onnx.tensors import numbers_of, require_tensor, type_name
from fasterseg.deploy.runtimes.untrusted.plain_graphs import Array, Graph, Node, Value
from fasterseg.deploy.runtimes.untrusted.plain_operators import ONNX
from fasterseg.deploy.runtimes.untrusted.wire import NotPlain, require_bounded

if TYPE_CHECKING:
    from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

MOST_NAME = 1000
STANDARD = ("", "ai.onnx")
OPSETS, IR_VERSIONS = range(7, 27), range(3, 14)

_ABSENT = {
    "functions": "operators of its own",
    "training_info": "instructions for training",
    "configuration": "instructions for several devices",
}
_ABSENT_IN_GRAPHS = {"sparse_initializer": "sparse weights", "quantization_annotation": "notes"}
_PLAIN_KINDS = ("FLOAT", "INT", "STRING", "FLOATS", "INTS", "STRINGS", "TENSOR")


def parsed(data: bytes) -> ModelProto:
    """The model in a file's bytes; raises `NotPlain` for what is none, or is too much of one."""
    import onnx

    require_bounded(data, onnx.ModelProto.DESCRIPTOR)
    try:
        model: ModelProto = onnx.ModelProto.FromString(data)
    except Exception as error:  # what protobuf raises is not its public face
        raise NotPlain("it is not an ONNX model, or only a part of one") from error
    return model


def plain_graph(model: ModelProto, *, output: str = "") -> Graph:
    """The graph of a model; raises `NotPlain`, with the reason, for one that is not run.

    Of several outputs `output` is the one that is meant.
    """
    _require_versions(model)
    for name, said in _ABSENT.items():
        if getattr(model, name, None):
            raise NotPlain(f"it holds {said}")
    for name, said in _ABSENT_IN_GRAPHS.items():
        if getattr(model.graph, name):
            raise NotPlain(f"it holds {said}")
    nodes = [_node(node) for node in model.graph.node]
    tensors = _tensors(model)
    types = set()
    for tensor in tensors.values():
        require_tensor(tensor)
        types.add(type_name(tensor.data_type))
    graph = Graph(
        image=_only([v for v in model.graph.input if v.name not in tensors], "input"),
        output=_only([v for v in model.graph.output if output in ("", v.name)], "output"),
        nodes=[node for node in nodes if node.operator != "Constant"],
        constants={
            **{name: tuple(tensor.dims) for name, tensor in tensors.items()},
            **{node.output[0]: () for node in _constants(model)},
        },
        constant=partial(_numbers, tensors),
        types=frozenset(types),
    )
    graph.require_plain(ONNX)
    return graph


def texts_of(model: ModelProto) -> dict[str, str]:
    """What the model says of itself, by key; raises `NotPlain` for a key that is there twice."""
    texts = {entry.key: entry.value for entry in model.metadata_props}
    if len(texts) < len(model.metadata_props):
        raise NotPlain("its metadata holds a key twice")
    return texts


def _require_versions(model: ModelProto) -> None:
    opsets = [entry.version for entry in model.opset_import if entry.domain in STANDARD]
    if len(opsets) != 1 or opsets[0] not in OPSETS:
        raise NotPlain(f"it is of opset {', '.join(map(str, opsets)) or 'none'}")
    if model.ir_version not in IR_VERSIONS:
        raise NotPlain(f"it is of ONNX's version {model.ir_version}")


def _node(node: NodeProto) -> Node:
    """A node as all graphs have them, its attributes looked at."""
    names = (node.name, node.op_type, *node.input, *node.output)
    if any(len(name) > MOST_NAME for name in names):
        raise NotPlain(f"a name in it has more than {MOST_NAME:,} letters")
    if node.domain not in STANDARD or node.overload:
        raise NotPlain(f"it has operators of its own: {ascii(node.domain or node.op_type)[:60]}")
    attributes = {attribute.name: attribute for attribute in node.attribute}
    if len(attributes) < len(node.attribute):
        raise NotPlain(f"its operator {node.op_type} says the same twice")
    for attribute in node.attribute:
        _require_plain_attribute(node.op_type, attribute)
    if node.op_type == "Constant" and (node.input or len(node.output) != 1):
        raise NotPlain("it has a constant that reads something")
    axis = attributes.get("axis")
    return Node(
        node.op_type, tuple(node.input), tuple(node.output), None if axis is None else axis.i
    )


def _require_plain_attribute(operator: str, attribute: AttributeProto) -> None:
    """No graph, sparse tensor or type within; and only what its kind says is filled in."""
    from onnx import AttributeProto

    kind = AttributeProto.AttributeType.Name(attribute.type)
    if kind not in _PLAIN_KINDS or attribute.ref_attr_name or len(attribute.name) > MOST_NAME:
        raise NotPlain(f"its operator {operator[:60]} has a {kind.lower()} within")
    filled = {field.name for field, _ in attribute.ListFields()}
    holder = {"FLOAT": "f", "INT": "i", "STRING": "s", "TENSOR": "t"}.get(kind, kind.lower())
    if filled - {"name", "type", "doc_string", holder}:
        raise NotPlain(f"its operator {operator[:60]} has an attribute of two kinds")


def _tensors(model: ModelProto) -> dict[str, TensorProto]:
    """All tensors of the graph by name: what it begins with, and what its nodes hold."""
    found: dict[str, TensorProto] = {}
    for index, (name, tensor) in enumerate(_named_tensors(model)):
        if name in found:
            raise NotPlain(f"two of its tensors are called {ascii(name)[:60]}")
        found[name or f"\0{index}"] = tensor
    return found


def _named_tensors(model: ModelProto) -> Iterator[tuple[str, TensorProto]]:
    for tensor in model.graph.initializer:
        yield tensor.name, tensor
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                constant = node.op_type == "Constant" and attribute.name == "value"
                yield node.output[0] if constant else "", attribute.t


def _constants(model: ModelProto) -> Iterator[Any]:
    """The constants that are nodes, and no tensors."""
    for node in model.graph.node:
        if node.op_type == "Constant" and not any(one.HasField("t") for one in node.attribute):
            yield node


def _numbers(tensors: dict[str, TensorProto], name: str) -> Array:
    return numbers_of(tensors[name])


def _only(values: list[ValueInfoProto], what: str) -> Value:
    """The one input or output, which is a tensor; raises `NotPlain` for none, or for more."""
    if len(values) != 1:
        raise NotPlain(f"it has {len(values)} {what}s, and 1 is wanted: an image, or its labels")
    (value,) = values
    if not value.type.HasField("tensor_type") or len(value.name) > MOST_NAME:
        raise NotPlain(f"its {what} is no tensor")
    kind = value.type.tensor_type
    dims = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
    return Value(value.name, type_name(kind.elem_type), tuple(dims))
