"""ONNX files of strangers: what is no plain network, or not as its card says, is not opened."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from altered_onnx import (
    ANY_CARD,
    BYTES,
    CHANGES,
    FLOAT,
    IMPOSSIBLE,
    LYING_CARDS,
    both,
    numbers,
    operator,
    retype,
)
from onnx import TensorProto, helper, numpy_helper
from refusals import told_of
from small_onnx import (
    CARD,
    CLASSES,
    HEIGHT,
    WIDTH,
    Change,
    changed,
    node,
    put_before_labels,
    small_model,
    tensor,
    written,
)

from fasterseg.deploy.runtimes.onnx.files import looked_at, sealed_model
from fasterseg.deploy.runtimes.onnx.trial_child import try_model
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.errors import FileError


def refused(data: bytes, folder: Path) -> str:
    """The error that opening such a file ends in, which is short and names the file."""
    return told_of(written(data, folder), looked_at)


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_no_plain_network_is_refused(name: str, tmp_path: Path) -> None:
    refused(changed(CHANGES[name]), tmp_path)


@pytest.mark.parametrize("name", LYING_CARDS)
def test_a_card_of_which_the_graph_knows_nothing_is_refused(name: str, tmp_path: Path) -> None:
    told = refused(changed(lambda m: None, LYING_CARDS[name]), tmp_path)
    assert ("its card says" in told) != (name in IMPOSSIBLE)


@pytest.mark.parametrize("name", BYTES)
def test_bytes_that_are_no_model_are_refused(name: str, tmp_path: Path) -> None:
    refused(BYTES[name](), tmp_path)


def test_there_are_more_than_eighty_of_them() -> None:
    assert len(CHANGES) + len(LYING_CARDS) + len(BYTES) > 120


def test_no_other_file_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "canary.bin").write_bytes(b"\0" * 4)
    monkeypatch.chdir(tmp_path)
    opened: list[str] = []
    watching = [True]

    def hook(event: str, words: tuple[object, ...]) -> None:
        if watching and event == "open":
            opened.append(str(words[0]))

    sys.addaudithook(hook)
    for name in (name for name in CHANGES if "elsewhere" in name or "branch" in name):
        refused(changed(CHANGES[name]), tmp_path)
    watching.clear()
    assert [name for name in opened if "canary" in name] == []
    assert any("small.onnx" in name for name in opened)


def without_a_normalisation(model: onnx.ModelProto) -> None:
    """A network that begins in another way, of which no statement on it can be seen."""
    node(model, "Mul").op_type = "Div"
    numbers("scale", np.full((1, 3, 1, 1), 255.0))(model)


def with_constants_as_nodes(model: onnx.ModelProto) -> None:
    """Its weights as constants among the nodes, as older exporters have them."""
    for one in reversed([*model.graph.initializer]):
        model.graph.node.insert(0, helper.make_node("Constant", [], [one.name], value=one))
    model.graph.ClearField("initializer")


def with_weights_among_inputs(model: onnx.ModelProto) -> None:
    """Its weights named among its inputs too, as ONNX's third version has them."""
    for one in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(one.name, FLOAT, one.dims))


PLAIN: dict[str, tuple[Change, object]] = {
    "as it was": (lambda m: None, CARD),
    "whole numbers of 64 bits": (
        both(lambda m: node(m, "Cast").attribute[0].__setattr__("i", 7), retype("output", 7)),
        CARD,
    ),
    "another normalisation": (without_a_normalisation, CARD),
    "constants as nodes": (with_constants_as_nodes, CARD),
    "weights among its inputs": (with_weights_among_inputs, CARD),
    "a softmax": (
        operator("Softmax", axis=1),
        CARD,
    ),
    "float data": (
        lambda m: tensor(m, "bias").CopyFrom(
            helper.make_tensor("bias", FLOAT, [CLASSES], [0.1, 0.2, 0.3, 0.4])
        ),
        CARD,
    ),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_network_of_a_stranger_is_opened(name: str, tmp_path: Path) -> None:
    change, card = PLAIN[name]
    path = written(changed(change, card), tmp_path)  # type: ignore[arg-type]
    assert looked_at(path)[1] == card
    tried(path)


def tried(path: Path, classes: int = CLASSES, sizes: tuple[tuple[int, int], ...] = ()) -> None:
    """What the child does with a file, done here."""
    import hashlib

    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    try_model([str(path)], [digest], sizes or [(HEIGHT, WIDTH)], "labels", classes, 1)


def added_to_labels(model: onnx.ModelProto) -> None:
    """Labels that lie beyond the classes."""
    model.graph.initializer.append(numpy_helper.from_array(np.array(100), "more"))
    model.graph.node.insert(6, helper.make_node("Add", ["largest", "more"], ["beyond"]))
    model.graph.node[-1].input[0] = "beyond"


def negative_labels(model: onnx.ModelProto) -> None:
    """Labels below zero."""
    model.graph.node.insert(6, helper.make_node("Neg", ["largest"], ["below"]))
    model.graph.node[-1].input[0] = "below"
    model.graph.node[-1].attribute[0].i = TensorProto.INT8
    retype("output", TensorProto.INT8)(model)


FAILING: dict[str, Change] = {
    "labels beyond the classes": added_to_labels,
    "labels below zero": negative_labels,
    "labels of another size than it says": lambda m: node(m, "Conv").attribute.append(
        helper.make_attribute("strides", [2, 2])
    ),
    "a convolution that fits nothing": numbers("weight", np.ones((CLASSES, 7, 1, 1))),
    "a kernel larger than the image": numbers("weight", np.ones((CLASSES, 3, 99, 199))),
    "an operator with too few inputs": operator("Where"),
    "an attribute of a wrong kind": lambda m: node(m, "Transpose").attribute[0].ints.append(9),
    "an axis that there is not": lambda m: node(m, "ArgMax").attribute[0].__setattr__("i", -99),
    "negative strides": lambda m: node(m, "Conv").attribute.append(
        helper.make_attribute("strides", [-1, -1])
    ),
    "groups that do not divide": lambda m: node(m, "Conv").attribute.append(
        helper.make_attribute("group", 2**40)
    ),
    "a type that the operator does not take": operator("Conv", "logits", "image"),
}


@pytest.mark.parametrize("name", FAILING)
def test_what_does_not_run_as_it_says_is_refused_by_its_trial(name: str, tmp_path: Path) -> None:
    path = written(changed(FAILING[name]), tmp_path)
    with pytest.raises(FileError) as caught:
        tried(path)
    assert len(str(caught.value).splitlines()) == 4
    assert len(str(caught.value)) < 700


def constant_of(size: list[int]) -> Change:
    """A map of such a size out of nothing, of which the labels take the least."""

    def change(model: onnx.ModelProto) -> None:
        model.graph.initializer.append(numpy_helper.from_array(np.array(size), "size"))
        put_before_labels(
            model,
            helper.make_node("ConstantOfShape", ["size"], ["map"]),
            helper.make_node("ReduceMax", ["map"], ["least"], keepdims=0),
            helper.make_node("Add", ["logits", "least"], ["other"]),
        )

    return change


def test_what_asks_for_more_memory_than_networks_need_is_refused(tmp_path: Path) -> None:
    path = written(changed(constant_of([2**12, 2**20])), tmp_path)
    with pytest.raises(FileError) as caught:
        open_export(path)
    assert "memory" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 4


def test_a_graph_whose_memory_grows_with_the_square_of_the_image_is_refused(
    tmp_path: Path,
) -> None:
    model = small_model(("h", "w"))
    flat = numpy_helper.from_array(np.array([1, CLASSES, -1]), "flat")
    model.graph.initializer.append(flat)
    put_before_labels(
        model,
        helper.make_node("Reshape", ["logits", "flat"], ["row"]),
        helper.make_node("Transpose", ["row"], ["column"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["column", "row"], ["square"]),
        helper.make_node("ReduceMax", ["square"], ["largest of all"], keepdims=0),
        helper.make_node("Add", ["logits", "largest of all"], ["other"]),
    )
    path = written(sealed_model(bytes(model.SerializeToString()), ANY_CARD), tmp_path)
    with pytest.raises(FileError, match=r"memory|took more"):
        open_export(path)


def test_a_graph_of_any_size_that_is_of_one_size_within_is_refused(tmp_path: Path) -> None:
    model = small_model(("h", "w"))
    shape = numpy_helper.from_array(np.array([1, CLASSES, HEIGHT, WIDTH]), "shape")
    model.graph.initializer.append(shape)
    put_before_labels(model, helper.make_node("Reshape", ["logits", "shape"], ["other"]))
    path = written(sealed_model(bytes(model.SerializeToString()), ANY_CARD), tmp_path)
    with pytest.raises(FileError):
        tried(path, sizes=((64, 128), (192, 96)))


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = written(changed(lambda m: None), tmp_path)
    with pytest.raises(FileError, match="changed"):
        try_model([str(path)], ["0" * 64], [(HEIGHT, WIDTH)], "labels", CLASSES, 1)


def test_a_plain_file_of_a_stranger_runs_once_it_was_tried(tmp_path: Path) -> None:
    path = written(changed(lambda m: None), tmp_path)
    session, card = open_export(path)
    labels = session.run(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    assert labels.shape == (HEIGHT, WIDTH)
    assert card == CARD
