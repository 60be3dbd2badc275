from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from every_kind import ALONE, CHAIN, ODD
from onnx import numpy_helper
from torch import Tensor, nn

from fasterseg.deploy.exporting.bordering import SizedBlock, made_up
from fasterseg.deploy.exporting.export import export_module
from fasterseg.deploy.exporting.tracing import traced
from fasterseg.errors import EnvironmentFault
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.kinds import KINDS

Numbers = np.ndarray[Any, Any]
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)


class Chained(nn.Module):
    """Each block reads what the one before it wrote, as often as it has inputs."""

    def __init__(self, specs: tuple[BlockSpec, ...]) -> None:
        super().__init__()
        self.specs = specs
        self.blocks = nn.ModuleList(SizedBlock(spec) for spec in specs)

    def forward(self, x: Tensor) -> Tensor:
        for spec, block in zip(self.specs, self.blocks, strict=True):
            x = block(*[x] * len(spec.in_channels))
        return x


def inputs_of(spec: BlockSpec) -> list[Tensor]:
    generator = torch.Generator().manual_seed(2)
    if spec.kind == "input":
        return [torch.randint(0, 256, (1, *spec.in_size, 3), generator=generator).byte()]
    return [torch.randn(1, count, *spec.in_size, generator=generator) for count in spec.in_channels]


def computed(module: nn.Module, inputs: list[Tensor]) -> Numbers:
    with torch.inference_mode():
        return module.eval()(*inputs).numpy()  # type: ignore[no-any-return]


def run_onnx(model: bytes, inputs: list[Tensor]) -> Numbers:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    feeds = {f"in{index}": x.numpy() for index, x in enumerate(inputs)}
    found: Numbers = session.run(["out"], feeds)[0]
    return found


def outline(model: bytes) -> tuple[object, ...]:
    """All of a model but its weights' numbers and its names' spelling."""
    graph = onnx.load_from_string(model).graph
    numbers: dict[str, int] = {}

    def number(name: str) -> int:
        return numbers.setdefault(name, len(numbers))

    nodes = [
        (
            node.op_type,
            tuple(sorted(attribute.SerializeToString() for attribute in node.attribute)),
            tuple(number(name) if name else None for name in node.input),
            tuple(number(name) for name in node.output),
        )
        for node in graph.node
    ]
    constants = {
        number(tensor.name): (
            tuple(tensor.dims),
            None if tensor.data_type in FLOATS else numpy_helper.to_array(tensor).tolist(),
        )
        for tensor in graph.initializer
    }
    ends = [(value.name, value.type.SerializeToString()) for value in (*graph.input, *graph.output)]
    return nodes, sorted(constants.items()), ends


def weights_read(model: bytes) -> Iterator[Numbers]:
    """The weights and biases that the nodes read, in the nodes' order."""
    graph = onnx.load_from_string(model).graph
    known = {tensor.name: tensor for tensor in graph.initializer if tensor.data_type in FLOATS}
    for node in graph.node:
        yield from (numpy_helper.to_array(known[name]) for name in node.input if name in known)


@pytest.fixture(scope="module")
def chained() -> nn.Module:
    return made_up(lambda: Chained(CHAIN))


def test_every_kind_of_block_is_traced_as_it_is_exported(chained: nn.Module) -> None:
    never_timed = {"auxiliary", "narrow_auxiliary"}
    assert {spec.kind for spec in CHAIN} == KINDS.keys() - never_timed
    (image,) = inputs_of(CHAIN[0])
    program = export_module(chained, (image,), inputs=["in0"], outputs=["out"])
    exported, found = bytes(program.SerializeToString()), traced(chained, [image])
    assert outline(found) == outline(exported)
    for one, other in zip(weights_read(found), weights_read(exported), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert (run_onnx(found, [image]) == run_onnx(exported, [image])).mean() >= 0.999


@pytest.mark.slow
def test_in_float16_every_kind_is_traced_as_it_is_exported_too(chained: nn.Module) -> None:
    half = deepcopy(chained)
    for block in half.modules():
        if isinstance(block, SizedBlock):
            block.halve()
    (image,) = inputs_of(CHAIN[0])
    program = export_module(half, (image,), inputs=["in0"], outputs=["out"])
    exported, found = bytes(program.SerializeToString()), traced(half, [image])
    assert outline(found) == outline(exported)
    kinds = {weights.dtype.name for weights in weights_read(found) if weights.ndim == 4}
    assert kinds == {"float16", "float32"}  # the image is normalised in float32


@pytest.mark.parametrize("spec", ALONE, ids=lambda spec: spec.key)
def test_a_traced_block_computes_what_the_block_computes(spec: BlockSpec) -> None:
    block, inputs = made_up(lambda: SizedBlock(spec)), inputs_of(spec)
    model = traced(block, inputs)
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    found, expected = run_onnx(model, inputs), computed(block, inputs)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("spec", ALONE, ids=lambda spec: spec.key)
def test_a_traced_block_has_its_convolutions_each_with_a_bias_and_no_norm(spec: BlockSpec) -> None:
    nodes = onnx.load_from_string(traced(SizedBlock(spec), inputs_of(spec))).graph.node
    convolutions = [node for node in nodes if node.op_type == "Conv"]
    assert len(convolutions) == len(spec.convolutions())
    assert all(len(node.input) == 3 for node in convolutions)
    assert all(node.op_type != "BatchNormalization" for node in nodes)


def test_pooling_at_a_known_size_is_few_nodes_with_constants() -> None:
    spec = BlockSpec("pyramid_pooling", (8,), 8, 1, ODD, ODD)
    nodes = onnx.load_from_string(traced(SizedBlock(spec), inputs_of(spec))).graph.node
    told = {"MatMul": 5, "Split": 1, "Conv": 5, "Relu": 5, "Resize": 4, "Concat": 1}
    assert Counter(node.op_type for node in nodes) == told


def test_grouped_and_dilated_convolutions_are_traced() -> None:
    depthwise = nn.Conv2d(8, 8, 3, stride=2, padding=2, dilation=2, groups=8, bias=False)
    module = nn.Sequential(depthwise, nn.BatchNorm2d(8), nn.Conv2d(8, 12, 1, groups=4), nn.ReLU())
    made, inputs = made_up(lambda: module), [torch.randn(1, 8, *ODD)]
    program = export_module(made, tuple(inputs), inputs=["in0"], outputs=["out"])
    assert outline(traced(made, inputs)) == outline(bytes(program.SerializeToString()))
    np.testing.assert_allclose(
        run_onnx(traced(made, inputs), inputs), computed(made, inputs), rtol=1e-4, atol=1e-4
    )


def test_tracing_runs_nothing_and_leaves_the_module_as_it_was(chained: nn.Module) -> None:
    before = {name: tensor.clone() for name, tensor in chained.state_dict().items()}
    huge = torch.empty(1, 1 << 20, 1 << 20, 3, dtype=torch.uint8, device="meta")
    assert traced(chained, [huge])
    for name, tensor in chained.state_dict().items():
        torch.testing.assert_close(tensor, before[name])


class Unwritten(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x)


def test_a_call_without_a_writer_is_an_error_and_no_guess() -> None:
    with pytest.raises(NotImplementedError, match="gelu"):
        traced(Unwritten(), [torch.zeros(1, 2)])


def test_made_up_numbers_are_the_same_each_time_and_take_none_from_outside() -> None:
    spec = BlockSpec("conv", (8,), 8, 1, ODD, ODD)
    before = torch.get_rng_state()
    first, second = (made_up(lambda: SizedBlock(spec)).state_dict() for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    for name, tensor in first.items():
        torch.testing.assert_close(tensor, second[name])
    assert first["block.block.norm1.bias"].abs().min() > 0


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(EnvironmentFault) as caught:
        traced(nn.ReLU(), [torch.zeros(1, 2)])
    assert "fasterseg[onnx]" in caught.value.next_step
