"""Hostile ONNX models: graphs that reach for files, operators and memory, or lie."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from case import HostileFile, Place
from documents import ESCAPE, odd_texts
from odd_exports import CODES, EVERY, FEW, RUN, file_of, resealed_export, specials
from of_cards import cards, with_card
from onnx_graphs import (
    Change,
    add_to_output,
    branch_of,
    constant_far,
    constant_output,
    constant_shape,
    foreign_operator,
    initializer_far,
    label_output,
    microsoft_operator,
    with_external,
    with_if,
    with_loop,
    with_node,
    with_range,
    with_resize,
    with_tile,
)
from stock import Stock
from ways import brought, of_model

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto


def onnx_files(stock: Stock) -> Iterator[HostileFile]:
    """Files in place of an ONNX model."""
    few = of_model(stock, brought("m.onnx"), FEW)
    every = of_model(stock, brought("m.onnx"), EVERY)
    for index, (name, data) in enumerate(odd_texts()):
        yield file_of(
            f"onnx: {name}", "onnx", "m.onnx", lambda data=data: data, every if index < 2 else few
        )
    for name, change in _graphs().items():
        yield HostileFile(
            name=f"onnx {name}",
            kind="onnx",
            write=_changed_onnx(stock, change),
            ways=every if name in _FAR else of_model(stock, brought("m.onnx"), RUN),
            expect="either" if name in _MAY_RUN else "refused",
            codes=CODES,
        )
    for name, text in cards().items():
        yield HostileFile(
            name=f"onnx with a card {name}",
            kind="card",
            write=with_card(stock, text),
            ways=of_model(
                stock, brought("m.onnx"), ("predict", "evaluate", "verify", "load_model")
            ),
            expect="either",
            codes=CODES,
        )
    for share in (0.01, 0.1, 0.5, 0.9, 0.999):
        yield HostileFile(
            name=f"onnx cut at {share:.1%}",
            kind="onnx",
            write=lambda place, share=share: (place.brought / "m.onnx").write_bytes(
                (data := stock.onnx.read_bytes())[: int(len(data) * share)]
            ),
            ways=few,
            codes=CODES,
        )
    for name, put in specials().items():
        yield HostileFile(
            name=f"onnx: {name}",
            kind="onnx",
            write=lambda place, put=put: put(place.brought / "m.onnx", place),
            ways=every,
        )


def _changed_onnx(stock: Stock, change: Change) -> Callable[[Place], object]:
    def write(place: Place) -> None:
        import onnx

        model = onnx.ModelProto.FromString(stock.onnx.read_bytes())
        change(model, place)
        (place.brought / "m.onnx").write_bytes(resealed_export(model.SerializeToString()))

    return write


def _first(attribute: str, **values: Any) -> Change:
    def change(model: ModelProto, _: Place) -> None:
        for key, value in values.items():
            setattr(getattr(model.graph, attribute)[0], key, value)

    return change


def _nan_weights(model: ModelProto, _: Place) -> None:
    for tensor in model.graph.initializer:
        if tensor.data_type == 1 and tensor.raw_data:
            tensor.raw_data = struct.pack("<f", float("nan")) * (len(tensor.raw_data) // 4)


def _deep_ifs(depth: int) -> Change:
    def change(model: ModelProto, _: Place) -> None:
        from onnx import TensorProto, helper

        model.graph.initializer.append(helper.make_tensor("yes", TensorProto.BOOL, [], [True]))

        def last(graph: GraphProto) -> None:
            graph.node.append(helper.make_node("Constant", [], ["y"], value_float=0.0))

        inner = branch_of(last, "last")
        for number in range(depth):
            outer = branch_of(lambda graph: None, f"g{number}")
            outer.node.append(
                helper.make_node("If", ["yes"], ["y"], then_branch=inner, else_branch=inner)
                if number < 8
                else helper.make_node("If", ["yes"], ["y"], then_branch=inner)
            )
            inner = outer
        model.graph.node.append(
            helper.make_node("If", ["yes"], ["branched"], then_branch=inner, else_branch=inner)
        )

    return change


_FAR = {
    *("with weights outside", "with a constant of a branch in the current folder"),
    *("with weights of a branch in the current folder", "with a foreign operator"),
}


_MAY_RUN = {
    *(
        "with a long name",
        "with an escaping name",
        "with an escaping input",
        "with unused weights",
        "with a doc of a megabyte",
    ),
    *(
        "of no producer",
        "with 20,000 nodes more",
        "with a Microsoft operator",
        "with a random node",
    ),
    *("with a foreign operator's import", "with deep conditions", "with a sparse weight"),
    *("of constant labels", "with a loop of three", "of int64 labels", "of int32 labels"),
}


def _graphs() -> dict[str, Change]:
    """Models that are ONNX and hostile."""
    return {
        "with weights outside": with_external("../outside/secret.bin"),
        "with weights outside by a root": with_external("{outside}/secret.bin"),
        "with weights in the current folder": with_external("canary.bin"),
        "with weights of a URL": with_external("file:///etc/passwd"),
        "with weights of an escape": with_external(ESCAPE),
        "with weights of a device": with_external("/dev/zero"),
        "with a constant of a branch in the current folder": with_if(constant_far),
        "with weights of a branch in the current folder": with_if(initializer_far),
        "with a foreign operator": with_node("Run", ["image"], ["x"], domain="com.example"),
        "with a foreign operator of a branch": with_if(foreign_operator),
        "with a Microsoft operator": with_if(microsoft_operator),
        "with an escaping operator": with_node("Run\x1b[2J", ["image"], ["x"]),
        "with an escaping domain": with_node("Run", ["image"], ["x"], domain=ESCAPE),
        "with an unknown operator": with_node("NoSuchThing", ["image"], ["x"]),
        "with an operator of no inputs": with_node("Conv", [], ["x"]),
        "with a random node": with_node("RandomNormal", [], ["x"], shape=[4]),
        "with a random node of 10^12": lambda m, p: (
            with_node("RandomNormal", [], ["x"], shape=[1_000_000, 1_000_000])(m, p),
            add_to_output(m, "x"),
        ),
        "with a dangling input": with_node("Relu", ["nowhere"], ["x"]),
        "with a cycle": lambda m, p: (
            with_node("Relu", ["b"], ["a"])(m, p),
            with_node("Relu", ["a"], ["b"])(m, p),
        ),
        "with an output twice": with_node("Relu", ["image"], ["image"]),
        "without nodes": lambda m, _: m.graph.ClearField("node"),
        "without inputs": lambda m, _: m.graph.ClearField("input"),
        "without outputs": lambda m, _: m.graph.ClearField("output"),
        "without weights": lambda m, _: m.graph.ClearField("initializer"),
        "without a graph": lambda m, _: m.ClearField("graph"),
        "of opset 9999": lambda m, _: setattr(m.opset_import[0], "version", 9999),
        "of opset -1": lambda m, _: setattr(m.opset_import[0], "version", -1),
        "of no opset": lambda m, _: m.ClearField("opset_import"),
        "of format 9999": lambda m, _: setattr(m, "ir_version", 9999),
        "with a foreign operator's import": lambda m, _: m.opset_import.add(
            domain="com.example", version=1
        ),
        "with a function": lambda m, _: m.functions.add(name="f", domain="com.example"),
        "with two inputs": lambda m, _: m.graph.input.add().CopyFrom(m.graph.input[0]),
        "with another input": lambda m, _: setattr(m.graph.input[0], "name", "other"),
        "with a float input": lambda m, _: setattr(
            m.graph.input[0].type.tensor_type, "elem_type", 1
        ),
        "with an input of 2^40": lambda m, _: setattr(
            m.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", 1 << 40
        ),
        "with an input below 0": lambda m, _: setattr(
            m.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", -5
        ),
        "of float labels": label_output(kind=1),
        "of text labels": label_output(kind=8),
        "of int64 labels": label_output(kind=7),
        "of int32 labels": label_output(kind=6),
        "of bool labels": label_output(kind=9),
        "of flat labels": label_output(shape=[-1]),
        "of deep labels": label_output(shape=[1, 1, 1, 1, -1]),
        "of labels of another size": constant_output(0, [1, 3, 5]),
        "of constant labels": constant_output(0, [1, 64, 128]),
        "of labels beyond the classes": constant_output(200, [1, 64, 128]),
        "of labels below 0": constant_output(-3, [1, 64, 128], kind=3),
        "of no labels": constant_output(0, [1, 0, 0]),
        "of 10^12 labels": constant_output(0, [1, 1_000_000, 1_000_000]),
        "of 10^9 labels": constant_output(0, [1, 40_000, 25_000]),
        "with weights of NaN": _nan_weights,
        "with a weight of 2^40": lambda m, _: m.graph.initializer[0].dims.append(1 << 40),
        "with a weight below 0": lambda m, _: m.graph.initializer[0].dims.append(-1),
        "with a weight of half its bytes": lambda m, _: setattr(
            m.graph.initializer[0], "raw_data", m.graph.initializer[0].raw_data[::2]
        ),
        "with a weight of no type": lambda m, _: setattr(m.graph.initializer[0], "data_type", 999),
        "with a huge constant": lambda m, p: (
            constant_shape(m, [1 << 20, 1 << 20]),
            add_to_output(m, "huge"),
        ),
        "with a constant of 4 GB": lambda m, p: (
            constant_shape(m, [1 << 15, 1 << 15]),
            add_to_output(m, "huge"),
        ),
        "with a tile of 2^40": with_tile,
        "with a range of 2^40": with_range,
        "with a resize of 10^6": with_resize,
        "with a loop of 2^40": with_loop(1 << 40),
        "with a loop of three": with_loop(3),
        "with a loop of 10^8": with_loop(10**8),
        "with deep conditions": _deep_ifs(20),
        "with an escaping name": lambda m, _: setattr(m.graph, "name", ESCAPE),
        "with a long name": lambda m, _: setattr(m.graph, "name", "x" * 1_000_000),
        "with an escaping input": _renamed_input,
        "with a doc of a megabyte": lambda m, _: setattr(m, "doc_string", "x" * 1_000_000),
        "of no producer": lambda m, _: m.ClearField("producer_name"),
        "with 20,000 nodes more": lambda m, p: (
            [with_node("Relu", ["image_f"], [f"r{n}"])(m, p) for n in range(20_000)]
            and with_node("Cast", [m.graph.input[0].name], ["image_f"], to=1)(m, p)
        ),
        "with 100,000 texts": lambda m, _: [
            m.metadata_props.add(key=f"k{n}", value="") for n in range(100_000)
        ],
        "with a card twice": lambda m, _: m.metadata_props.add(key="fasterseg", value="{}"),
        "with training information": lambda m, _: m.training_info.add(),
    }


def _renamed_input(model: ModelProto, _: Place) -> None:
    old, new = model.graph.input[0].name, f"image{ESCAPE}"
    model.graph.input[0].name = new
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            if name == old:
                node.input[index] = new
