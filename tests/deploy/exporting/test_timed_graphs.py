"""The graphs that are timed, in each precision."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from tiny_training import tiny_architecture

from fasterseg.deploy.exporting.bordering import Bordered, made_up
from fasterseg.deploy.exporting.borders import Border, input_borders, output_border
from fasterseg.deploy.exporting.float_nodes import Ends
from fasterseg.deploy.exporting.timed_graphs import (
    block_graph,
    block_inputs,
    border_graph,
    border_inputs,
    ends_of_block,
    ends_of_border,
    network_graph,
)
from fasterseg.deploy.exporting.tracing import traced
from fasterseg.deploy.runtimes.onnx.cpu import CPU, computed_in
from fasterseg.space.architecture import Geometry, wire
from fasterseg.space.blocks import BlockSpec, Size

GEOMETRY = Geometry(Size(64, 128), 11)
STEPS = wire(tiny_architecture(), GEOMETRY).steps
SPECS = list({step.spec.key: step.spec for step in STEPS if not step.spec.is_identity}.values())


def in_int8(model: bytes) -> str:
    return computed_in(model, [CPU])


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.key)
def test_every_block_of_a_network_runs_in_int8_as_it_would_in_the_network(spec: BlockSpec) -> None:
    model = block_graph(spec, "int8")
    session = onnxruntime.InferenceSession(model, providers=[CPU])
    inputs = {f"in{index}": x for index, x in enumerate(block_inputs(spec, "int8"))}
    (output,) = session.run(None, inputs)
    (expected,) = onnxruntime.InferenceSession(block_graph(spec, "float32"), providers=[CPU]).run(
        None, inputs
    )
    assert output.shape == expected.shape
    contents = {one.content for one in (*input_borders(spec), output_border(spec)) if one}
    if contents == {"features"}:
        assert in_int8(model) == "int8"


def test_what_reads_the_image_or_stands_around_logits_stays_in_float() -> None:
    stems = [spec for spec in SPECS if spec.in_channels == (3,)]
    assert stems and all(ends_of_block(spec) == Ends(first=1) for spec in stems)
    heads = [spec for spec in SPECS if spec.row.writes == "logits"]
    assert heads and all(ends_of_block(spec).last == 2 for spec in heads)
    tails = [spec for spec in SPECS if spec.row.writes == "labels"]
    assert all(in_int8(block_graph(spec, "int8")) == "float32" for spec in tails)


def test_borders_are_in_int8_where_they_are_within_a_network() -> None:
    features, logits = Border(16, Size(8, 16)), Border(11, Size(8, 16), "logits")
    assert ends_of_border(features) == Ends()
    assert in_int8(border_graph(features, "int8")) == "int8"
    assert in_int8(border_graph(logits, "int8")) == "float32"
    assert in_int8(border_graph(Border(3, Size(16, 32), "image"), "int8")) == "float32"
    assert border_inputs(features, "int8")[0].dtype == np.float32


def test_in_float32_a_block_is_what_it_was() -> None:
    spec = SPECS[1]
    module = made_up(lambda: Bordered(spec))
    inputs = [torch.from_numpy(x) for x in block_inputs(spec, "float32")]
    assert block_graph(spec, "float32") == traced(module, inputs)


def test_a_whole_network_is_in_int8_but_for_its_ends() -> None:
    model = network_graph(tiny_architecture(), GEOMETRY, output="labels", precision="int8")
    assert in_int8(model) == "float32+int8"
    session = onnxruntime.InferenceSession(model, providers=[CPU])
    image = np.zeros((1, 64, 128, 3), np.uint8)
    assert session.run(None, {"in0": image})[0].shape == (1, 64, 128)


def test_weights_can_be_changed_before_they_are_turned_to_int8() -> None:
    seen: list[int] = []
    spec = SPECS[1]
    block_graph(spec, "int8", weights=lambda model: seen.append(len(model.graph.initializer)))
    assert seen and seen[0] > 0
