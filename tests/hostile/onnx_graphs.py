"""Changes of an ONNX graph: files elsewhere, operators elsewhere, endless work, odd labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from case import Place

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

Change = Callable[["ModelProto", Place], object]
"""What is done to an honest model in a case's folder."""


def with_external(location: str) -> Change:
    def change(model: ModelProto, place: Place) -> None:
        import onnx

        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        where = location.format(outside=place.outside)
        tensor.external_data.add(key="location", value=where)

    return change


def far_tensor(location: str) -> Any:
    import onnx

    tensor = onnx.TensorProto(name="far", data_type=onnx.TensorProto.FLOAT, dims=[4])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def branch_of(make: Callable[[GraphProto], object], name: str) -> GraphProto:
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [], name, [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    )
    make(graph)
    return graph


def with_if(make: Callable[[GraphProto], object]) -> Change:
    """A condition whose branches hold something, beside the network."""

    def change(model: ModelProto, _: Place) -> None:
        from onnx import TensorProto, helper

        model.graph.initializer.append(helper.make_tensor("yes", TensorProto.BOOL, [], [True]))
        node = helper.make_node(
            "If",
            ["yes"],
            ["branched"],
            then_branch=branch_of(make, "then"),
            else_branch=branch_of(make, "else"),
        )
        model.graph.node.append(node)

    return change


def constant_far(graph: GraphProto) -> None:
    from onnx import helper

    graph.node.append(helper.make_node("Constant", [], ["y"], value=far_tensor("canary.bin")))


def initializer_far(graph: GraphProto) -> None:
    from onnx import helper

    graph.initializer.append(far_tensor("canary.bin"))
    graph.node.append(helper.make_node("Identity", ["far"], ["y"]))


def foreign_operator(graph: GraphProto) -> None:
    from onnx import helper

    graph.node.append(helper.make_node("Run", [], ["y"], domain="com.example"))


def microsoft_operator(graph: GraphProto) -> None:
    from onnx import helper

    graph.node.append(helper.make_node("BiasGelu", ["image"], ["y"], domain="com.microsoft"))


def with_node(*words: Any, **attributes: Any) -> Change:
    def change(model: ModelProto, _: Place) -> None:
        from onnx import helper

        model.graph.node.append(helper.make_node(*words, **attributes))

    return change


def with_loop(count: int) -> Change:
    """A loop of so many turns, whose result nothing needs but the graph's outputs."""

    def change(model: ModelProto, _: Place) -> None:
        from onnx import TensorProto, helper

        body = helper.make_graph(
            [
                helper.make_node("Identity", ["go"], ["go_out"]),
                helper.make_node("Add", ["v", "v"], ["v_out"]),
            ],
            "body",
            [
                helper.make_tensor_value_info("i", TensorProto.INT64, []),
                helper.make_tensor_value_info("go", TensorProto.BOOL, []),
                helper.make_tensor_value_info("v", TensorProto.FLOAT, [1]),
            ],
            [
                helper.make_tensor_value_info("go_out", TensorProto.BOOL, []),
                helper.make_tensor_value_info("v_out", TensorProto.FLOAT, [1]),
            ],
        )
        graph = model.graph
        graph.initializer.append(helper.make_tensor("turns", TensorProto.INT64, [], [count]))
        graph.initializer.append(helper.make_tensor("go0", TensorProto.BOOL, [], [True]))
        graph.initializer.append(helper.make_tensor("v0", TensorProto.FLOAT, [1], [0.0]))
        graph.node.append(helper.make_node("Loop", ["turns", "go0", "v0"], ["turned"], body=body))
        add_to_output(model, "turned")

    return change


def add_to_output(model: ModelProto, name: str) -> None:
    """Make the graph's output depend on a value."""
    from onnx import TensorProto, helper

    graph, output = model.graph, model.graph.output[0].name
    for node in graph.node:
        for index, one in enumerate(node.output):
            if one == output:
                node.output[index] = "first_output"
    kind = graph.output[0].type.tensor_type.elem_type
    graph.node.append(helper.make_node("Cast", [name], ["as_kind"], to=kind))
    zero = helper.make_tensor("none", TensorProto.INT64, [1], [0])
    graph.initializer.append(zero)
    graph.node.append(helper.make_node("ReduceMin", ["as_kind", "none"], ["least"], keepdims=0))
    graph.node.append(helper.make_node("Sub", ["least", "least"], ["nothing"]))
    graph.node.append(helper.make_node("Add", ["first_output", "nothing"], [output]))


def label_output(kind: int | None = None, shape: Sequence[int | str] | None = None) -> Change:
    """Another type or shape of the labels, computed as it says."""

    def change(model: ModelProto, _: Place) -> None:
        from onnx import helper

        graph, output = model.graph, model.graph.output[0]
        name = output.name
        for node in graph.node:
            for index, one in enumerate(node.output):
                if one == name:
                    node.output[index] = "first_output"
        if kind is not None:
            graph.node.append(helper.make_node("Cast", ["first_output"], [name], to=kind))
            output.type.tensor_type.elem_type = kind
        else:
            from onnx import TensorProto

            sizes = helper.make_tensor("sizes", TensorProto.INT64, [len(shape or ())], shape or ())
            graph.initializer.append(sizes)
            graph.node.append(helper.make_node("Reshape", ["first_output", "sizes"], [name]))
            output.type.tensor_type.ClearField("shape")

    return change


def constant_output(value: int, dims: Sequence[int], kind: int = 2) -> Change:
    """An output that is one value everywhere, whatever the image is."""

    def change(model: ModelProto, _: Place) -> None:
        from onnx import TensorProto, helper

        graph, output = model.graph, model.graph.output[0]
        name = output.name
        del graph.node[:]
        del graph.initializer[:]
        graph.initializer.append(helper.make_tensor("dims", TensorProto.INT64, [len(dims)], dims))
        graph.node.append(
            helper.make_node(
                "ConstantOfShape",
                ["dims"],
                [name],
                value=helper.make_tensor("v", kind, [1], [value]),
            )
        )
        output.type.tensor_type.elem_type = kind
        output.type.tensor_type.ClearField("shape")

    return change


def constant_shape(model: ModelProto, dims: Sequence[int]) -> None:
    from onnx import TensorProto, helper

    model.graph.initializer.append(
        helper.make_tensor("huge_dims", TensorProto.INT64, [len(dims)], dims)
    )
    model.graph.node.append(helper.make_node("ConstantOfShape", ["huge_dims"], ["huge"]))


def with_tile(model: ModelProto, _: Place) -> None:
    from onnx import TensorProto, helper

    graph = model.graph
    graph.initializer.append(helper.make_tensor("one_value", TensorProto.FLOAT, [1], [0.0]))
    graph.initializer.append(helper.make_tensor("times", TensorProto.INT64, [1], [1 << 40]))
    graph.node.append(helper.make_node("Tile", ["one_value", "times"], ["tiled"]))
    add_to_output(model, "tiled")


def with_range(model: ModelProto, _: Place) -> None:
    from onnx import TensorProto, helper

    graph = model.graph
    for name, value in {"r0": 0, "r1": 1 << 40, "r2": 1}.items():
        graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [], [value]))
    graph.node.append(helper.make_node("Range", ["r0", "r1", "r2"], ["ranged"]))
    add_to_output(model, "ranged")


def with_resize(model: ModelProto, _: Place) -> None:
    from onnx import TensorProto, helper

    graph = model.graph
    graph.initializer.append(helper.make_tensor("small", TensorProto.FLOAT, [1, 1], [0.0]))
    graph.initializer.append(
        helper.make_tensor("scales", TensorProto.FLOAT, [2], [1_000_000.0, 1_000_000.0])
    )
    graph.node.append(helper.make_node("Resize", ["small", "", "scales"], ["grown"]))
    add_to_output(model, "grown")
