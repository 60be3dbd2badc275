"""Models in int8 by ONNX Runtime's own quantiser."""

from __future__ import annotations

from functools import cache

import numpy as np
import onnx
import pytest
from tiny_export import FORM, SIZE, origin

from fasterseg.deploy.exporting.export import export_network
from fasterseg.deploy.exporting.exported_card import whole_job
from fasterseg.deploy.exporting.quantisation import Settings
from fasterseg.deploy.exporting.quantising import (
    layers_of,
    made_up_ranges,
    quantised,
    ranges_from,
)
from fasterseg.deploy.runtimes.onnx.cpu import CPU, computed_in
from fasterseg.deploy.runtimes.onnx.graphs import parsed, plain_graph

IMAGES = [np.random.default_rng(k).integers(0, 256, (1, *SIZE, 3), np.uint8) for k in range(2)]


@cache
def in_float() -> bytes:
    return export_network(whole_job(origin().predictor.network, origin().card_like(FORM)), SIZE)


def kinds(model: bytes) -> dict[str, set[str]]:
    """By each convolution's layer, the operators that give it its weights."""
    graph = onnx.ModelProto.FromString(model).graph
    makers = {name: node.op_type for node in graph.node for name in node.output}
    layers = layers_of(in_float())
    names = {node: layer for layer, node in layers.items()}
    return {
        names[node.name]: {makers[one] for one in node.input[1:] if one in makers}
        for node in graph.node
        if node.op_type == "Conv"
    }


def test_all_convolutions_but_the_ends_compute_in_int8() -> None:
    found = kinds(quantised(in_float(), made_up_ranges(in_float())))
    layers = list(layers_of(in_float()))
    assert {layer for layer, by in found.items() if not by} == {layers[0], layers[-1]}
    every = kinds(quantised(in_float(), made_up_ranges(in_float()), Settings(ends="int8")))
    assert all("DequantizeLinear" in by for by in every.values())


def test_the_runtime_says_that_it_computes_in_int8() -> None:
    model = quantised(in_float(), made_up_ranges(in_float()))
    assert computed_in(model, [CPU]) == "float32+int8"
    assert computed_in(in_float(), [CPU]) == "float32"


def test_layers_that_are_kept_stay_in_float_and_one_can_be_tried_alone() -> None:
    layers = list(layers_of(in_float()))
    kept = Settings(kept=(layers[2],))
    assert not kinds(quantised(in_float(), made_up_ranges(in_float()), kept))[layers[2]]
    alone = kinds(quantised(in_float(), made_up_ranges(in_float()), only=layers[2]))
    assert [layer for layer, by in alone.items() if by] == [layers[2]]


@pytest.mark.parametrize("calibration", ["minmax", "percentile"])
def test_ranges_hold_zero_and_nothing_below_it_behind_a_relu(calibration: str) -> None:
    ranges = ranges_from(in_float(), IMAGES, calibration)  # type: ignore[arg-type]
    graph = onnx.ModelProto.FromString(in_float()).graph
    rectified = {node.output[0] for node in graph.node if node.op_type == "Relu"}
    assert rectified <= ranges.keys()
    assert all(low <= 0 < high for low, high in ranges.values())
    assert all(ranges[name][0] == 0 for name in rectified)


def test_what_is_in_int8_is_a_plain_graph_of_the_oldest_version() -> None:
    model = parsed(quantised(in_float(), made_up_ranges(in_float())))
    graph = plain_graph(model)
    assert graph.is_quantised
    assert graph.classes() == origin().bundle.card.label_space.classes
    assert (model.ir_version, [(o.domain, o.version) for o in model.opset_import]) == (
        8,
        [("", 18)],
    )
    assert not plain_graph(parsed(in_float())).is_quantised


def test_the_same_ranges_and_settings_give_the_same_bytes() -> None:
    ranges = made_up_ranges(in_float())
    assert quantised(in_float(), ranges) == quantised(in_float(), ranges)
    seven = quantised(in_float(), ranges, Settings(reduce_range=True))
    weights = [
        onnx.numpy_helper.to_array(one)
        for one in onnx.ModelProto.FromString(seven).graph.initializer
        if one.data_type == onnx.TensorProto.INT8 and one.dims
    ]
    assert weights and all(np.abs(one.astype(int)).max() <= 64 for one in weights)
