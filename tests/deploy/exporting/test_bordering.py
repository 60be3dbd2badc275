from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from fasterseg.deploy.exporting.bordering import bare, bordered
from fasterseg.deploy.exporting.borders import (
    OUTSIDE_CHANNELS,
    Border,
    bare_input,
    border_shares,
    bordered_inputs,
)
from fasterseg.deploy.exporting.graphs import with_random_weights
from fasterseg.deploy.exporting.patterns import BlockExporter
from fasterseg.deploy.runtimes.pytorch import Bordered
from fasterseg.layers.building import build_block
from fasterseg.space.blocks import BlockSpec, Size

ODD, HALF, WHOLE = Size(15, 13), Size(8, 7), Size(31, 33)
INPUT = BlockSpec("input", (3,), 3, 1, WHOLE, WHOLE)
STEM = BlockSpec("conv", (3,), 16, 2, WHOLE, Size(16, 17))
CONV = BlockSpec("conv", (32,), 48, 2, ODD, HALF)
ZOOMED = BlockSpec("zoomed_conv", (32,), 32, 1, ODD, ODD)
REFINE = BlockSpec("refine", (16, 32), 32, 1, ODD, ODD)
FUSE = BlockSpec("fuse", (16, 16), 16, 1, ODD, ODD)
HEAD = BlockSpec("head", (16,), 5, 1, ODD, ODD)
TAIL = BlockSpec("tail", (5,), 1, 1, Size(4, 5), WHOLE)
SPECS = (INPUT, STEM, CONV, ZOOMED, REFINE, FUSE, HEAD, TAIL)
PRODUCERS = {INPUT: 0, STEM: 0, CONV: 1, ZOOMED: 1, REFINE: 2, FUSE: 2, HEAD: 1, TAIL: 1}

Numbers = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def blocks() -> dict[BlockSpec, bytes]:
    """Each block's own model."""
    return {spec: with_random_weights(graph) for spec, graph in BlockExporter().graphs(SPECS)}


def run_onnx(model: bytes, inputs: list[Numbers]) -> Numbers:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found: Numbers = session.run(
        ["out"], {f"in{index}": value for index, value in enumerate(inputs)}
    )[0]
    return found


class Convolutions:
    """The 1x1 convolutions at the outside of a model, computed by hand."""

    def __init__(self, model: bytes) -> None:
        self.graph = onnx.load_from_string(model).graph

    def reading(self, name: str, values: Numbers) -> Numbers:
        """What the convolution that reads this value makes of it; rectified if a ReLU follows."""
        (node,) = [node for node in self.graph.node if name in node.input]
        assert node.op_type == "Conv"
        weight, bias = (self._number(part) for part in node.input[1:])
        (stride, _) = next(a.ints for a in node.attribute if a.name == "strides")
        sums = np.einsum("oi,nihw->nohw", weight[:, :, 0, 0], values[..., ::stride, ::stride])
        sums = sums + bias[None, :, None, None]
        after = [n.op_type for n in self.graph.node if node.output[0] in n.input]
        return np.maximum(sums, 0.0) if after == ["Relu"] else sums

    def last_input(self) -> str:
        """The name of what the convolution before the output reads."""
        (node,) = [node for node in self.graph.node if "out" in node.output]
        return str(node.input[0])

    def _number(self, name: str) -> Numbers:
        (tensor,) = [t for t in self.graph.initializer if t.name == name]
        return numpy_helper.to_array(tensor)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.key)
def test_a_bordered_block_is_its_block_between_the_convolutions(
    blocks: dict[BlockSpec, bytes], spec: BlockSpec
) -> None:
    model = bordered(spec, blocks[spec])
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    by_hand, inputs = Convolutions(model), bordered_inputs(spec)
    features = [
        by_hand.reading(f"in{index}", value).astype(np.float32) if PRODUCERS[spec] else value
        for index, value in enumerate(inputs)
    ]
    expected = run_onnx(blocks[spec], features)
    if spec.kind != "tail":
        expected = by_hand.reading(by_hand.last_input(), expected)
    found = run_onnx(model, inputs)
    assert found.shape == expected.shape
    if spec.kind == "tail":
        assert (found == expected).mean() > 0.99
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.key)
def test_images_have_no_producer_and_labels_no_consumer(
    blocks: dict[BlockSpec, bytes], spec: BlockSpec
) -> None:
    graph = onnx.load_from_string(bordered(spec, blocks[spec])).graph
    convolutions = sum(node.op_type == "Conv" for node in graph.node)
    around = PRODUCERS[spec] + (spec.kind != "tail")
    assert convolutions == len(spec.convolutions()) + around
    assert len(graph.input) == len(spec.in_channels)
    module = Bordered(spec, build_block(spec))
    built = sum(weights.dim() == 4 for weights in module.parameters())
    assert built == convolutions, "both runtimes time the same"


def test_features_are_rectified_and_logits_are_not(blocks: dict[BlockSpec, bytes]) -> None:
    for spec, rectified in ((CONV, True), (TAIL, False)):
        graph = onnx.load_from_string(bordered(spec, blocks[spec])).graph
        assert (graph.node[1].op_type == "Relu") == rectified


@pytest.mark.parametrize(
    "border",
    [Border(32, ODD), Border(5, ODD, "logits"), Border(3, ODD, "image")],
    ids=lambda border: border.key,
)
def test_a_bare_border_is_a_producer_and_its_consumer(border: Border) -> None:
    model, values = bare(border), bare_input(border)
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    by_hand = Convolutions(model)
    features = by_hand.reading("in0", values) if border.has_producer else values
    expected = by_hand.reading(by_hand.last_input(), features)
    np.testing.assert_allclose(run_onnx(model, [values]), expected, rtol=1e-3, atol=1e-3)


def test_half_a_bare_border_is_taken_off_for_each_convolution() -> None:
    assert border_shares(CONV) == {Border(32, ODD): 0.5, Border(48, HALF): 0.5}
    assert border_shares(ZOOMED) == {Border(32, ODD): 1.0}
    assert border_shares(REFINE) == {Border(16, ODD): 0.5, Border(32, ODD): 1.0}
    assert border_shares(FUSE) == {Border(16, ODD): 1.5}
    assert border_shares(HEAD) == {Border(16, ODD): 0.5, Border(5, ODD, "logits"): 0.5}
    assert border_shares(TAIL) == {Border(5, Size(4, 5), "logits"): 0.5}


def test_the_convolution_behind_the_image_is_taken_off_whole() -> None:
    assert border_shares(INPUT) == {Border(3, WHOLE, "image"): 1.0}
    assert border_shares(STEM) == {Border(16, Size(16, 17)): 0.5}


def test_a_bordered_module_computes_the_block_of_its_producers() -> None:
    module = Bordered(REFINE, build_block(REFINE)).eval()
    inputs = [torch.from_numpy(value) for value in bordered_inputs(REFINE)]
    with torch.inference_mode():
        read = [producer(x) for producer, x in zip(module.producers, inputs, strict=True)]
        expected = module.consumer(module.block(*read))
        found = module(*inputs)
    assert all((features >= 0).all() for features in read), "features lie behind a ReLU"
    assert found.shape == (1, OUTSIDE_CHANNELS, *REFINE.out_size)
    torch.testing.assert_close(found, expected)


def test_inputs_are_rectified_and_hold_no_denormals() -> None:
    many = bare_input(Border(8, Size(64, 64)))
    assert (many.dtype, many.shape) == (np.float32, (1, OUTSIDE_CHANNELS, 64, 64))
    positive = many[many != 0]
    assert positive.min() >= np.finfo(np.float32).tiny
    assert 0.4 < positive.size / many.size < 0.6
    (image,) = bordered_inputs(INPUT)
    assert (image.shape, image.dtype) == ((1, *WHOLE, 3), np.uint8)
    (normalised,) = bordered_inputs(STEM)
    assert normalised.shape == (1, 3, *WHOLE)
    assert (normalised < 0).any()


def optimised(model: bytes, folder: Path) -> onnx.GraphProto:
    """The graph as ONNX Runtime runs it; the test is skipped where it has no blocked layout."""
    path = folder / "optimised.onnx"
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 3  # it warns that the file suits this machine alone
    onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    graph = onnx.load(path).graph
    if not any(node.domain == "com.microsoft.nchwc" for node in graph.node):
        pytest.skip("ONNX Runtime has no blocked layout on this processor")
    return graph


@pytest.mark.parametrize("spec", [CONV, REFINE], ids=lambda spec: spec.key)
def test_layouts_change_outside_of_the_convolutions_and_not_at_the_blocks_borders(
    blocks: dict[BlockSpec, bytes], tmp_path: Path, spec: BlockSpec
) -> None:
    changes = [
        node
        for node in optimised(bordered(spec, blocks[spec]), tmp_path).node
        if node.op_type.startswith("Reorder")
    ]
    ends = {f"in{index}" for index in range(len(spec.in_channels))} | {"out"}
    assert {(*node.input, *node.output)[i] for node in changes for i in (0, 1)} >= ends
    assert len(changes) == len(ends), "none between a producer and the block, none behind it"
    alone = optimised(blocks[spec], tmp_path)
    at_block = [node.input[0] for node in alone.node if node.op_type == "ReorderInput"]
    assert at_block, "timed alone, the block changes the layout of all its channels"


def test_a_change_of_layout_inside_a_network_shows_inside_the_convolutions(
    blocks: dict[BlockSpec, bytes], tmp_path: Path
) -> None:
    graph = optimised(bordered(ZOOMED, blocks[ZOOMED]), tmp_path)
    outputs = [node.output[0] for node in graph.node if node.op_type == "ReorderOutput"]
    assert len(outputs) > 1, "a resize reads the plain layout, which its producer did not write"
