"""Foreign ONNX files made by hand, with their cards: no line of this package has a part in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from made_up_source import MadeUpSource
from onnx import TensorProto, helper, numpy_helper

from fasterseg.datasets.labels import LabelSpace
from fasterseg.teaching.named import TeacherInputs

CLASSES = 4
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WEIGHT = np.random.default_rng(3).normal(size=(CLASSES, 3)).astype(np.float32)
BIAS = np.random.default_rng(4).normal(size=CLASSES).astype(np.float32)
CARD: dict[str, Any] = {
    "classes": ["street", "human", "bike", "heavens"],
    "mapping": {"street": "road", "human": "person", "bike": "person", "heavens": "sky"},
    "mean": [*MEAN],
    "std": [*STD],
    "output": "logits",
}
OURS = ("sky", "road", "person")


class Pictures(MadeUpSource):
    """Data of these classes, of which nothing but the size is asked."""

    name = "pictures"
    label_space = LabelSpace.from_names(OURS)

    def image_size(self, split: str, index: int) -> tuple[int, int]:
        return 64, 96


ASKED = TeacherInputs(Pictures(), "train")  # type: ignore[arg-type]


def foreign_model(
    size: Sequence[int | str] = ("h", "w"),
    *,
    last: bool = False,
    softmax: bool = False,
    pooled: int = 1,
    largest: bool = False,
    outputs: Sequence[str] = ("scores",),
    number: int = TensorProto.FLOAT,
    batch: int | str = 1,
    classes: int = CLASSES,
) -> onnx.ModelProto:
    """A convolution of 1x1 with means over `pooled` pixels behind it.

    With the channels `last` it is as TensorFlow has it; it may end at a `softmax`, or at labels.
    """
    planes = [batch, 3, *size] if not last else [batch, *size, 3]
    nodes: list[onnx.NodeProto] = []
    name = "picture"

    def then(operator: str, *others: str, **words: Any) -> None:
        nonlocal name
        nodes.append(
            helper.make_node(operator, [name, *others], [f"{operator}{len(nodes)}"], **words)
        )
        name = nodes[-1].output[0]

    if number != TensorProto.FLOAT:
        then("Cast", to=TensorProto.FLOAT)
    if last:
        then("Transpose", perm=[0, 3, 1, 2])
    then("Conv", "weight", "bias")
    if pooled > 1:
        then("AveragePool", kernel_shape=[pooled] * 2, strides=[pooled] * 2)
    if softmax:
        then("Softmax", axis=1)
    if last:
        then("Transpose", perm=[0, 2, 3, 1])
    if largest:
        then("ArgMax", axis=3 if last else 1, keepdims=0)
    for one in outputs:
        nodes.append(helper.make_node("Identity", [name], [one]))
    kind = TensorProto.INT64 if largest else TensorProto.FLOAT
    small = [one // pooled if isinstance(one, int) else f"{one}o" for one in size]
    shape = [batch, *small] if largest else [batch, classes, *small]
    shape = [batch, *small, classes] if last and not largest else shape
    weight, bias = np.resize(WEIGHT, (classes, 3, 1, 1)), np.resize(BIAS, classes)
    constants = {"weight": weight, "bias": bias}
    graph = helper.make_graph(
        nodes,
        "elsewhere",
        [helper.make_tensor_value_info("picture", number, planes)],
        [helper.make_tensor_value_info(one, kind, shape) for one in outputs],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def laid(folder: Path, model: onnx.ModelProto, card: dict[str, Any] | str | None = None) -> Path:
    """The file with its card beside it; a card as text is written as it is."""
    file = folder / "elsewhere.onnx"
    file.write_bytes(model.SerializeToString())
    text = card if isinstance(card, str) else yaml.safe_dump(CARD if card is None else card)
    (folder / "elsewhere.teacher.yaml").write_text(text)
    return file


def without(*keys: str) -> dict[str, Any]:
    """The card without some of its keys."""
    return {key: value for key, value in CARD.items() if key not in keys}


def expected(
    image: np.ndarray[Any, np.dtype[np.uint8]], *, bgr: bool = False
) -> np.ndarray[Any, Any]:
    """(CLASSES, height, width) logits at the picture's own size, by the definition."""
    values = image[..., ::-1] if bgr else image
    normal = (values / 255 - np.array(MEAN)) / np.array(STD)
    return np.asarray(np.einsum("ck,hwk->chw", WEIGHT, normal) + BIAS[:, None, None])
