"""A small ONNX file made by hand, of which all is true, and what changes one thing in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fasterseg.datasets.labels import LabelSpace
from fasterseg.deploy.exporting.exported_card import METADATA_KEY, ExportedCard
from fasterseg.deploy.runtimes.onnx.files import sealed_model

HEIGHT, WIDTH, CLASSES = 64, 128, 4
CARD = ExportedCard(
    name="small",
    label_space=LabelSpace.from_names([f"class {index}" for index in range(CLASSES)]),
    mean=(0.4, 0.5, 0.6),
    std=(0.2, 0.25, 0.3),
    height=HEIGHT,
    width=WIDTH,
)
Change = Callable[[onnx.ModelProto], object]


def small_model(size: tuple[int | str, int | str] = (HEIGHT, WIDTH)) -> onnx.ModelProto:
    """From an image to labels, by a convolution; with names for lengths it takes any size."""
    generator = np.random.default_rng(0)
    constants = {
        "scale": 1 / (255 * np.array(CARD.std)).reshape(1, 3, 1, 1),
        "shift": -(np.array(CARD.mean) / np.array(CARD.std)).reshape(1, 3, 1, 1),
        "weight": generator.normal(size=(CLASSES, 3, 1, 1)),
        "bias": generator.normal(size=CLASSES),
    }
    nodes = [
        helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["numbers", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["normal"]),
        helper.make_node("Conv", ["normal", "weight", "bias"], ["logits"]),
        helper.make_node("ArgMax", ["logits"], ["largest"], axis=1, keepdims=0),
        helper.make_node("Cast", ["largest"], ["labels"], to=TensorProto.UINT8),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, *size, 3])],
        [helper.make_tensor_value_info("labels", TensorProto.UINT8, [1, *size])],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@cache
def small_bytes() -> bytes:
    """That model without a card."""
    return bytes(small_model().SerializeToString())


def changed(change: Change, card: ExportedCard = CARD) -> bytes:
    """The file with a change, sealed all the same: a stranger can do that too."""
    model = onnx.ModelProto.FromString(small_bytes())
    change(model)
    return sealed_model(bytes(model.SerializeToString()), card)


def with_card(text: str) -> bytes:
    """The file with another text in place of its card, and no seal."""
    model = onnx.ModelProto.FromString(small_bytes())
    model.metadata_props.add(key=METADATA_KEY, value=text)
    return bytes(model.SerializeToString())


def written(data: bytes, folder: Path) -> Path:
    """A file with these bytes."""
    path = folder / "small.onnx"
    path.write_bytes(data)
    return path


def node(model: onnx.ModelProto, operator: str) -> onnx.NodeProto:
    """The last node of an operator."""
    return [one for one in model.graph.node if one.op_type == operator][-1]


def tensor(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    """A tensor that the graph begins with."""
    return next(one for one in model.graph.initializer if one.name == name)


def put_before_labels(model: onnx.ModelProto, *nodes: onnx.NodeProto) -> None:
    """Put nodes between the logits and the largest of them; the last gives ``other``."""
    place = [one.op_type for one in model.graph.node].index("ArgMax")
    for one in reversed(nodes):
        model.graph.node.insert(place, one)
    node(model, "ArgMax").input[0] = nodes[-1].output[0]
