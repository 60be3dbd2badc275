from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from fasterseg.deploy.exporting.bordering import Bordered, SizedBlock, bare, made_up
from fasterseg.deploy.exporting.borders import (
    OUTSIDE_CHANNELS,
    Border,
    bare_input,
    border_shares,
    bordered_inputs,
)
from fasterseg.deploy.exporting.tracing import traced
from fasterseg.space.blocks import BlockSpec, Size

ODD, HALF, WHOLE = Size(15, 13), Size(8, 7), Size(31, 33)
INPUT = BlockSpec("input", (3,), 3, 1, WHOLE, WHOLE)
STEM = BlockSpec("conv", (3,), 16, 2, WHOLE, Size(16, 17))
CONV = BlockSpec("conv", (32,), 48, 2, ODD, HALF)
ZOOMED = BlockSpec("zoomed_conv", (32,), 32, 1, ODD, ODD)
INVERTED = BlockSpec("inverted_r3", (32,), 32, 1, ODD, ODD)
PYRAMID = BlockSpec("pyramid_pooling", (32,), 32, 1, ODD, ODD)
ADD = BlockSpec("add", (16, 32), 16, 1, ODD, ODD)
REFINE = BlockSpec("concatenate", (16, 32), 32, 1, ODD, ODD)
FUSE = BlockSpec("fuse", (16, 16), 16, 1, ODD, ODD)
HEAD = BlockSpec("head", (16,), 5, 1, ODD, ODD)
TAIL = BlockSpec("tail", (5,), 1, 1, Size(4, 5), WHOLE)
SPECS = (INPUT, STEM, CONV, ZOOMED, INVERTED, PYRAMID, ADD, REFINE, FUSE, HEAD, TAIL)
PRODUCERS = {INPUT: 0, STEM: 0, CONV: 1, ZOOMED: 1, INVERTED: 1, PYRAMID: 1, ADD: 2}
PRODUCERS |= {REFINE: 2, FUSE: 2, HEAD: 1, TAIL: 1}

Numbers = np.ndarray[Any, Any]


def model_of(module: nn.Module, inputs: list[Numbers]) -> bytes:
    return traced(module, [torch.from_numpy(value) for value in inputs])


def run_onnx(model: bytes, inputs: list[Numbers]) -> Numbers:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found: Numbers = session.run(
        ["out"], {f"in{index}": value for index, value in enumerate(inputs)}
    )[0]
    return found


def computed(module: nn.Module, inputs: list[Numbers]) -> Numbers:
    with torch.inference_mode():
        return module.eval()(*map(torch.from_numpy, inputs)).numpy()  # type: ignore[no-any-return]


def operators_of(model: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(model).graph.node]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.key)
def test_both_runtimes_time_the_same_bordered_block(spec: BlockSpec) -> None:
    module, inputs = made_up(lambda: Bordered(spec)), bordered_inputs(spec)
    model = model_of(module, inputs)
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    found, expected = run_onnx(model, inputs), computed(module, inputs)
    assert found.shape == expected.shape
    if spec.kind == "tail":
        assert (found == expected).mean() > 0.99
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.key)
def test_images_have_no_producer_and_labels_no_consumer(spec: BlockSpec) -> None:
    model = model_of(Bordered(spec), bordered_inputs(spec))
    around = PRODUCERS[spec] + (spec.kind != "tail")
    assert operators_of(model).count("Conv") == len(spec.convolutions()) + around
    assert len(onnx.load_from_string(model).graph.input) == len(spec.in_channels)


def test_features_are_rectified_and_logits_are_not() -> None:
    for spec, rectified in ((CONV, True), (TAIL, False)):
        model = model_of(Bordered(spec), bordered_inputs(spec))
        assert (operators_of(model)[:2] == ["Conv", "Relu"]) == rectified


@pytest.mark.parametrize(
    ("border", "operators"),
    [
        (Border(32, ODD), ["Conv", "Relu", "Conv"]),
        (Border(5, ODD, "logits"), ["Conv", "Conv"]),
        (Border(3, ODD, "image"), ["Conv"]),
    ],
    ids=lambda value: getattr(value, "key", ""),
)
def test_a_bare_border_is_a_producer_and_its_consumer(border: Border, operators: list[str]) -> None:
    module, inputs = made_up(lambda: bare(border)), [bare_input(border)]
    model = model_of(module, inputs)
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    assert operators_of(model) == operators
    found = run_onnx(model, inputs)
    size = border.size.strided(2) if border.content == "image" else border.size
    assert found.shape == (1, OUTSIDE_CHANNELS, *size)
    np.testing.assert_allclose(found, computed(module, inputs), rtol=1e-3, atol=1e-3)


def test_half_a_bare_border_is_taken_off_for_each_convolution() -> None:
    assert border_shares(CONV) == {Border(32, ODD): 0.5, Border(48, HALF): 0.5}
    assert border_shares(ZOOMED) == {Border(32, ODD): 1.0}
    assert border_shares(INVERTED) == {Border(32, ODD): 1.0}, "though no ReLU is behind it"
    assert border_shares(ADD) == {Border(16, ODD): 1.0, Border(32, ODD): 0.5}
    assert border_shares(REFINE) == {Border(16, ODD): 0.5, Border(32, ODD): 1.0}
    assert border_shares(FUSE) == {Border(16, ODD): 1.5}
    assert border_shares(HEAD) == {Border(16, ODD): 0.5, Border(5, ODD, "logits"): 0.5}
    assert border_shares(TAIL) == {Border(5, Size(4, 5), "logits"): 0.5}


def test_the_convolution_behind_the_image_is_taken_off_whole() -> None:
    assert border_shares(INPUT) == {Border(3, WHOLE, "image"): 1.0}
    assert border_shares(STEM) == {Border(16, Size(16, 17)): 0.5}


def test_a_bordered_module_computes_the_block_of_its_producers() -> None:
    module = Bordered(REFINE).eval()
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
    tmp_path: Path, spec: BlockSpec
) -> None:
    model = model_of(made_up(lambda: Bordered(spec)), bordered_inputs(spec))
    changes = [
        node for node in optimised(model, tmp_path).node if node.op_type.startswith("Reorder")
    ]
    ends = {f"in{index}" for index in range(len(spec.in_channels))} | {"out"}
    assert {(*node.input, *node.output)[i] for node in changes for i in (0, 1)} >= ends
    assert len(changes) == len(ends), "none between a producer and the block, none behind it"
    features = [np.zeros((1, count, *spec.in_size), dtype=np.float32) for count in spec.in_channels]
    alone = optimised(model_of(made_up(lambda: SizedBlock(spec)), features), tmp_path)
    at_block = [node.input[0] for node in alone.node if node.op_type == "ReorderInput"]
    assert at_block, "timed alone, the block changes the layout of all its channels"


def test_a_change_of_layout_inside_a_network_shows_inside_the_convolutions(
    tmp_path: Path,
) -> None:
    model = model_of(made_up(lambda: Bordered(ZOOMED)), bordered_inputs(ZOOMED))
    graph = optimised(model, tmp_path)
    outputs = [node.output[0] for node in graph.node if node.op_type == "ReorderOutput"]
    assert len(outputs) > 1, "a resize reads the plain layout, which its producer did not write"
