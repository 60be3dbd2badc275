"""ONNX files of strangers: one change each to a good one, and cards of which nothing is true."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from small_onnx import (
    CARD,
    CLASSES,
    HEIGHT,
    WIDTH,
    Change,
    changed,
    node,
    put_before_labels,
    small_bytes,
    tensor,
    with_card,
)

from fasterseg.datasets.labels import LabelSpace

ANY_CARD = CARD.model_copy(update={"height": None, "width": None})
FLOAT, UINT8 = TensorProto.FLOAT, TensorProto.UINT8


def external(location: str) -> onnx.TensorProto:
    """A tensor whose numbers lie in another file."""
    found = TensorProto(name="far", data_type=FLOAT, dims=[1])
    found.data_location = TensorProto.EXTERNAL
    found.external_data.add(key="location", value=location)
    return found


def inner(*nodes: onnx.NodeProto, tensors: tuple[onnx.TensorProto, ...] = ()) -> onnx.GraphProto:
    """A graph for the attribute of a node."""
    output = helper.make_tensor_value_info(nodes[-1].output[0], FLOAT, None)
    return helper.make_graph(nodes, "inner", [], [output], [*tensors])


def branch(graph: onnx.GraphProto) -> Change:
    """An If whose branches are such a graph."""

    def change(model: onnx.ModelProto) -> None:
        yes = numpy_helper.from_array(np.array(True), "yes")
        model.graph.initializer.append(yes)
        one = helper.make_node("If", ["yes"], ["other"], then_branch=graph, else_branch=graph)
        put_before_labels(model, one)

    return change


def deep(levels: int) -> onnx.GraphProto:
    """Branches within branches, at whose end a file is read."""
    graph = inner(helper.make_node("Constant", [], ["x"], value=external("canary.bin")))
    for level in range(levels):
        one = helper.make_node("If", ["yes"], [f"x{level}"], then_branch=graph, else_branch=graph)
        graph = inner(one)
    return graph


def loop(model: onnx.ModelProto) -> None:
    """A loop of 2^40 rounds."""
    model.graph.initializer.append(numpy_helper.from_array(np.array(2**40), "rounds"))
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Identity", ["x"], ["y"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", FLOAT, None),
        ],
    )
    put_before_labels(
        model, helper.make_node("Loop", ["rounds", "", "logits"], ["other"], body=body)
    )


def scan(model: onnx.ModelProto) -> None:
    """A scan over the rows."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "body",
        [helper.make_tensor_value_info("x", FLOAT, None)],
        [helper.make_tensor_value_info("y", FLOAT, None)],
    )
    put_before_labels(
        model, helper.make_node("Scan", ["logits"], ["other"], body=body, num_scan_inputs=1)
    )


def operator(name: str, *inputs: str, domain: str = "", **attributes: object) -> Change:
    """An operator between logits and labels."""

    def change(model: onnx.ModelProto) -> None:
        read = inputs or ("logits",)
        put_before_labels(
            model, helper.make_node(name, [*read], ["other"], domain=domain, **attributes)
        )

    return change


def numbers(name: str, values: object, kind: type = np.float32) -> Change:
    """Other numbers in one of the tensors."""

    def change(model: onnx.ModelProto) -> None:
        tensor(model, name).CopyFrom(numpy_helper.from_array(np.array(values, dtype=kind), name))

    return change


def both(*changes: Change) -> Change:
    """One change after another."""

    def change(model: onnx.ModelProto) -> None:
        for one in changes:
            one(model)

    return change


def setting(path: str, value: object) -> Change:
    """A field of the model, by its names, set to a value."""

    def change(model: onnx.ModelProto) -> None:
        *names, last = path.split(".")
        place: object = model
        for name in names:
            place = place[int(name)] if name.isdigit() else getattr(place, name)  # type: ignore[index]
        if last.isdigit():
            place[int(last)] = value  # type: ignore[index]
        else:
            setattr(place, last, value)

    return change


def clearing(path: str) -> Change:
    """A field of the model, by its names, cleared."""

    def change(model: onnx.ModelProto) -> None:
        *names, last = path.split(".")
        place: object = model
        for name in names:
            place = place[int(name)] if name.isdigit() else getattr(place, name)  # type: ignore[index]
        place.ClearField(last)  # type: ignore[attr-defined]

    return change


def function(model: onnx.ModelProto) -> None:
    """A function of the model's own, that calls itself."""
    one = helper.make_node("Again", ["x"], ["y"], domain="own")
    model.functions.append(
        helper.make_function("own", "Again", ["x"], ["y"], [one], [helper.make_opsetid("own", 1)])
    )
    model.opset_import.append(helper.make_opsetid("own", 1))
    operator("Again", domain="own")(model)


def unused_function(model: onnx.ModelProto) -> None:
    """A function that nobody calls, which reads a file."""
    one = helper.make_node("Constant", [], ["y"], value=external("canary.bin"))
    model.functions.append(
        helper.make_function("", "Unused", ["x"], ["y"], [one], [helper.make_opsetid("", 18)])
    )


def training(model: onnx.ModelProto) -> None:
    """Instructions for training, with weights in a file."""
    graph = inner(helper.make_node("Identity", ["far"], ["y"]), tensors=(external("canary.bin"),))
    model.training_info.add().algorithm.CopyFrom(graph)


def sparse(model: onnx.ModelProto) -> None:
    """A sparse tensor whose numbers lie in a file."""
    found = onnx.SparseTensorProto(dims=[1])
    found.values.CopyFrom(external("canary.bin"))
    model.graph.sparse_initializer.append(found)


def sparse_constant(model: onnx.ModelProto) -> None:
    """The same within a node."""
    found = onnx.SparseTensorProto(dims=[1])
    found.values.CopyFrom(external("canary.bin"))
    model.graph.node.insert(0, helper.make_node("Constant", [], ["far"], sparse_value=found))


def tensors_within(model: onnx.ModelProto) -> None:
    """A list of tensors in an attribute, of which one lies in a file."""
    attribute = node(model, "Conv").attribute.add(name="more")
    attribute.type = onnx.AttributeProto.TENSORS
    attribute.tensors.append(external("canary.bin"))


def untold_graph(model: onnx.ModelProto) -> None:
    """A graph in an attribute that says it is a number."""
    attribute = node(model, "Conv").attribute.add(name="group", i=1)
    attribute.type = onnx.AttributeProto.INT
    attribute.g.CopyFrom(deep(0))


def external_initialiser(location: str) -> Change:
    """A weight of the graph in another file."""

    def change(model: onnx.ModelProto) -> None:
        model.graph.initializer.append(external(location))

    return change


def told_external(model: onnx.ModelProto) -> None:
    """A weight that is there, and says where else it would be."""
    tensor(model, "weight").external_data.add(key="location", value="canary.bin")


def cycle(model: onnx.ModelProto) -> None:
    """Two nodes that wait for each other."""
    put_before_labels(
        model,
        helper.make_node("Add", ["logits", "other"], ["round"]),
        helper.make_node("Relu", ["round"], ["other"]),
    )


def without(field: str) -> Change:
    """Nothing of one kind."""

    def change(model: onnx.ModelProto) -> None:
        model.graph.ClearField(field)

    return change


def another(field: str) -> Change:
    """One more input or output."""

    def change(model: onnx.ModelProto) -> None:
        getattr(model.graph, field).append(
            helper.make_tensor_value_info("normal" if field == "output" else "more", FLOAT, [1])
        )

    return change


def declared(name: str, dims: list[int], kind: int = FLOAT) -> Change:
    """A tensor that says it is large, and holds nothing."""

    def change(model: onnx.ModelProto) -> None:
        model.graph.initializer.append(TensorProto(name=name, data_type=kind, dims=dims))

    return change


def many_nodes() -> bytes:
    """A model of a million nodes."""
    one = onnx.NodeProto(op_type="Relu", input=["image"], output=["x"])
    graph = onnx.GraphProto(node=[one]).SerializeToString() * 1_000_000
    length = len(graph)
    digits = [length >> shift & 127 | 128 for shift in (0, 7, 14)] + [length >> 21]
    return b"\x3a" + bytes(digits) + graph


def sized_by_pixels(model: onnx.ModelProto) -> None:
    """A map whose length is the sum of all pixels."""
    put_before_labels(
        model,
        helper.make_node("ReduceSum", ["image"], ["sum"], keepdims=0),
        helper.make_node("Cast", ["sum"], ["length"], to=TensorProto.INT64),
        helper.make_node("Range", ["length", "length", "length"], ["row"]),
        helper.make_node("Add", ["logits", "row"], ["other"]),
    )


def retype(what: str, kind: int) -> Change:
    """Another type of the input or the output."""

    def change(model: onnx.ModelProto) -> None:
        getattr(model.graph, what)[0].type.tensor_type.elem_type = kind

    return change


def reshape(what: str, dims: list[int | str]) -> Change:
    """Another shape of the input or the output."""

    def change(model: onnx.ModelProto) -> None:
        value = getattr(model.graph, what)[0]
        kind = value.type.tensor_type.elem_type
        value.CopyFrom(helper.make_tensor_value_info(value.name, kind, dims))

    return change


def float_labels(model: onnx.ModelProto) -> None:
    """Labels that are no whole numbers."""
    node(model, "Cast").attribute[0].i = FLOAT
    retype("output", FLOAT)(model)


CHANGES: dict[str, Change] = {
    "weights elsewhere": external_initialiser("canary.bin"),
    "weights above": external_initialiser("../../secret"),
    "weights at the root": external_initialiser("/etc/passwd"),
    "weights in a link": external_initialiser("sub/../../secret"),
    "weights that say where else they would be": told_external,
    "a constant elsewhere": lambda m: put_before_labels(
        m, helper.make_node("Constant", [], ["other"], value=external("canary.bin"))
    ),
    "a constant elsewhere, unused": lambda m: m.graph.node.insert(
        0, helper.make_node("Constant", [], ["far"], value=external("canary.bin"))
    ),
    "a branch with a constant elsewhere": branch(deep(0)),
    "a branch with weights elsewhere": branch(
        inner(helper.make_node("Identity", ["far"], ["x"]), tensors=(external("canary.bin"),))
    ),
    "a branch in a branch in a branch": branch(deep(3)),
    "branches without end": branch(deep(12)),
    "a branch with a foreign operator": branch(
        inner(helper.make_node("Run", [], ["x"], domain="x"))
    ),
    "a branch of plain operators": branch(inner(helper.make_node("Identity", ["logits"], ["x"]))),
    "a loop": loop,
    "a scan": scan,
    "a graph in an attribute that says it is a number": untold_graph,
    "graphs in an attribute": operator("Relu", bodies=[deep(0)]),
    "a graph in a plain operator": operator("Relu", body=deep(0)),
    "a list of tensors in an attribute": tensors_within,
    "sparse weights": sparse,
    "a sparse constant": sparse_constant,
    "instructions for training": training,
    "a function that calls itself": function,
    "a function that nobody calls": unused_function,
    "an operator of its own": operator("Run", domain="com.example"),
    "an operator of ONNX Runtime's own": operator("Gelu", domain="com.microsoft"),
    "an operator for trees": operator("TreeEnsemble", domain="ai.onnx.ml"),
    "an operator for training": operator("Gradient", domain="ai.onnx.preview.training"),
    "an operator that nobody knows": operator("Exec"),
    "an operator without a name": operator(""),
    "chance": operator("RandomNormalLike"),
    "chance with a seed": operator("RandomUniformLike", seed=1.0),
    "dice": operator("Multinomial"),
    "a coin": operator("Bernoulli"),
    "a state": operator("LSTM", hidden_size=1),
    "sequences": operator("SequenceConstruct"),
    "an optional": operator("Optional"),
    "texts": operator("StringNormalizer"),
    "a decoder of images": operator("ImageDecoder"),
    "sizes by what is in the image": operator("NonZero"),
    "boxes": operator("NonMaxSuppression", "logits", "logits"),
    "a size that the image's content decides": sized_by_pixels,
    "a cycle": cycle,
    "a node that waits for itself": operator("Relu", "other"),
    "a node that reads what is not there": operator("Add", "logits", "nowhere"),
    "nodes in the wrong order": lambda m: m.graph.node.insert(0, m.graph.node.pop()),
    "two nodes that give the same": lambda m: m.graph.node.append(m.graph.node[-1]),
    "a node that gives a weight's name": setting("graph.node.4.output.0", "bias"),
    "a node that gives nothing": lambda m: m.graph.node.append(onnx.NodeProto(op_type="Relu")),
    "no nodes": without("node"),
    "no inputs": without("input"),
    "no outputs": without("output"),
    "no weights": without("initializer"),
    "no graph": clearing("graph"),
    "two inputs": another("input"),
    "two outputs": another("output"),
    "an output that does not come from the image": setting("graph.output.0.name", "bias"),
    "an output that nobody gives": setting("graph.output.0.name", "nowhere"),
    "an input that is no tensor": clearing("graph.input.0.type"),
    "an output that is a sequence": lambda m: m.graph.output[0].CopyFrom(
        helper.make_tensor_sequence_value_info("labels", FLOAT, None)
    ),
    "opset 9999": setting("opset_import.0.version", 9999),
    "opset 0": setting("opset_import.0.version", 0),
    "opset -1": setting("opset_import.0.version", -1),
    "no opset": clearing("opset_import"),
    "two opsets": lambda m: m.opset_import.append(helper.make_opsetid("ai.onnx", 11)),
    "version 9999": setting("ir_version", 9999),
    "version -1": setting("ir_version", -1),
    "no version": clearing("ir_version"),
    "a very long name": setting("graph.node.0.name", "x" * 2_000_000),
    "a very long output": both(
        setting("graph.node.6.output.0", "x" * 5000), setting("graph.output.0.name", "x" * 5000)
    ),
    "a tensor that says it is huge": declared("huge", [2**20, 2**20]),
    "a tensor of more numbers than there are": declared("huge", [2**62, 2**62]),
    "a tensor of negative size": declared("huge", [-1]),
    "a tensor of texts": declared("texts", [0], TensorProto.STRING),
    "a tensor of complex numbers": declared("complex", [0], TensorProto.COMPLEX64),
    "a tensor of no type": declared("none", [0], 0),
    "a tensor of type 999": lambda m: m.graph.initializer.append(
        TensorProto(name="x", data_type=999)
    ),
    "a tensor that is a part": lambda m: tensor(m, "weight").segment.SetInParent(),
    "a weight that is cut": lambda m: setattr(tensor(m, "weight"), "raw_data", b"\0" * 8),
    "a weight that is too long": lambda m: setattr(tensor(m, "bias"), "raw_data", b"\0" * 800),
    "a weight written twice over": lambda m: tensor(m, "bias").float_data.extend([1.0] * CLASSES),
    "a weight that is there twice": lambda m: m.graph.initializer.append(tensor(m, "bias")),
    "weights that are no numbers": numbers("bias", [np.nan] * CLASSES),
    "one weight that is no number": numbers("bias", [0, 0, np.nan, 0]),
    "endless weights": numbers("bias", [np.inf, 0, 0, 0]),
    "endless weights of half precision": numbers("bias", [-np.inf, 0, 0, 0], np.float16),
    "an attribute twice": lambda m: node(m, "Conv").attribute.extend(
        [helper.make_attribute("group", 1), helper.make_attribute("group", 3)]
    ),
    "an attribute of no type": lambda m: setattr(node(m, "ArgMax").attribute[0], "type", 0),
    "an attribute by reference": lambda m: setattr(
        node(m, "ArgMax").attribute[0], "ref_attr_name", "x"
    ),
    "floats for an image": retype("input", FLOAT),
    "texts for an image": retype("input", TensorProto.STRING),
    "float labels": float_labels,
    "labels that say they are texts": retype("output", TensorProto.STRING),
    "labels that say they are true or false": retype("output", TensorProto.BOOL),
    "an image of another size": reshape("input", [1, 32, WIDTH, 3]),
    "an image of any size": reshape("input", [1, "h", "w", 3]),
    "an image of four colours": reshape("input", [1, HEIGHT, WIDTH, 4]),
    "an image with channels first": reshape("input", [1, 3, HEIGHT, WIDTH]),
    "an image of three axes": reshape("input", [HEIGHT, WIDTH, 3]),
    "an image without a shape": lambda m: m.graph.input[0].type.tensor_type.ClearField("shape"),
    "many images": reshape("input", [8, HEIGHT, WIDTH, 3]),
    "an image of huge size": reshape("input", [1, 2**40, 2**40, 3]),
    "an image of negative size": reshape("input", [1, -HEIGHT, WIDTH, 3]),
    "labels of another size": reshape("output", [1, 8, 16]),
    "labels of four axes": reshape("output", [1, CLASSES, HEIGHT, WIDTH]),
    "another deviation": numbers("scale", np.full((1, 3, 1, 1), 0.01)),
    "another mean": numbers("shift", np.zeros((1, 3, 1, 1))),
    "fewer classes": both(numbers("weight", np.ones((2, 3, 1, 1))), numbers("bias", np.ones(2))),
    "more classes": both(numbers("weight", np.ones((9, 3, 1, 1))), numbers("bias", np.ones(9))),
    "half precision that is not told": lambda m: m.graph.initializer.append(
        numpy_helper.from_array(np.ones(3, np.float16), "half")
    ),
}

LYING_CARDS = {
    "any size": ANY_CARD,
    "another height": CARD.model_copy(update={"height": 32}),
    "a height and no width": CARD.model_copy(update={"width": None}),
    "no pixels": CARD.model_copy(update={"height": 0, "width": 0}),
    "a size beyond all images": CARD.model_copy(update={"height": 2**40, "width": 2**40}),
    "a negative size": CARD.model_copy(update={"height": -HEIGHT}),
    "another mean": CARD.model_copy(update={"mean": (0.5, 0.5, 0.5)}),
    "another deviation": CARD.model_copy(update={"std": (0.5, 0.5, 0.5)}),
    "no deviation": CARD.model_copy(update={"std": (0.0, 0.25, 0.3)}),
    "logits": CARD.model_copy(update={"output": "logits"}),
    "logits of low resolution": CARD.model_copy(update={"output": "low-resolution-logits"}),
    "half precision": CARD.model_copy(update={"precision": "float16"}),
    "more classes": CARD.model_copy(
        update={"label_space": LabelSpace.from_names([f"{index}" for index in range(40)])}
    ),
    "one class": CARD.model_copy(update={"label_space": LabelSpace.from_names(["all"])}),
}

IMPOSSIBLE = {
    *("no pixels", "a size beyond all images", "a negative size", "no deviation"),
}
"""Cards that no file can have."""

BYTES: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "a zero": lambda: b"\0",
    "text": lambda: b"an image, please",
    "half": lambda: changed(lambda m: None)[:600],
    "more behind": lambda: small_bytes() + b"\x08\x0a",
    "a field that nobody knows": lambda: small_bytes() + b"\xba\x3e\x01x",
    "a group": lambda: small_bytes() + b"\x0b\x0c",
    "a length beyond the end": lambda: small_bytes() + b"\x3a\xff\xff\xff\xff\x0f",
    "a number without end": lambda: b"\xff" * 4000,
    "two graphs": lambda: small_bytes() + b"\x3a\x00",
    "a million nodes": many_nodes,
    "messages of two bytes each": lambda: b"\x72\x00" * 2_000_000,
    "the card twice": lambda: (
        with_card(CARD.to_text())
        + onnx.ModelProto(
            metadata_props=[onnx.StringStringEntryProto(key="fasterseg", value="{}")]
        ).SerializeToString()
    ),
    "no card": small_bytes,
    "a card that is no JSON": lambda: with_card("{{{{"),
    "a card nested without end": lambda: with_card("[" * 100_000),
    "a card of another kind": lambda: with_card('{"schema": "x/1", "content": {}}'),
    "a sealed card without a seal": lambda: with_card(CARD.to_text()),
}
