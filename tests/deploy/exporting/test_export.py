from __future__ import annotations

import logging
import sys
from collections import Counter
from random import Random
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from fasterseg.config import SearchSpace
from fasterseg.deploy.exporting.export import (
    OPSET,
    example_inputs,
    export_modules,
    export_network,
    run_block,
)
from fasterseg.deploy.exporting.folding import folded
from fasterseg.deploy.exporting.graphs import joined
from fasterseg.errors import EnvironmentFault
from fasterseg.layers.building import build_block
from fasterseg.network.network import Network, WholeJob, module_name
from fasterseg.space.architecture import Geometry, wire
from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_architecture

ODD, HALF = Size(15, 13), Size(8, 7)
SPECS = (
    BlockSpec("input", (3,), 3, 1, Size(31, 33), Size(31, 33)),
    BlockSpec("skip", (8,), 12, 1, ODD, ODD),
    BlockSpec("skip", (8,), 11, 2, ODD, HALF),
    BlockSpec("conv", (8,), 12, 1, ODD, ODD),
    BlockSpec("conv", (8,), 12, 2, ODD, HALF),
    BlockSpec("conv_x2", (8,), 12, 2, ODD, HALF),
    BlockSpec("zoomed_conv", (8,), 12, 1, ODD, ODD),
    BlockSpec("zoomed_conv_x2", (8,), 12, 2, ODD, HALF),
    BlockSpec("arm", (16,), 8, 1, HALF, ODD),
    BlockSpec("refine", (8, 6), 8, 1, ODD, ODD),
    BlockSpec("fuse", (8, 8), 16, 1, ODD, ODD),
    BlockSpec("head", (16,), 5, 1, ODD, ODD),
    BlockSpec("tail", (5,), 1, 1, Size(4, 5), Size(31, 33)),
)


def with_statistics(module: nn.Module) -> nn.Module:
    """The module in evaluation mode, its batch norms as after some training."""
    generator = torch.Generator().manual_seed(1)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.2, generator=generator)  # type: ignore[union-attr]
            part.running_var.uniform_(0.5, 2, generator=generator)  # type: ignore[union-attr]
            part.weight.data.uniform_(0.5, 2, generator=generator)
            part.bias.data.normal_(0, 0.3, generator=generator)
    return module.eval()


def inputs_of(spec: BlockSpec) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(2)
    if spec.kind == "input":
        return (torch.randint(0, 256, (1, *spec.in_size, 3), generator=generator).byte(),)
    return tuple(torch.randn(x.shape, generator=generator) for x in example_inputs(spec))


def run_onnx(model: bytes, *inputs: torch.Tensor) -> np.ndarray[Any, Any]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    feeds = {name: x.numpy() for name, x in zip(names, inputs, strict=True)}
    found: np.ndarray[Any, Any] = session.run(None, feeds)[0]
    return found


@pytest.fixture(scope="module")
def exported() -> list[tuple[BlockSpec, nn.Module, bytes]]:
    """Every kind of block, exported in two goes."""
    modules = [(spec, with_statistics(build_block(spec))) for spec in SPECS]
    models = list(export_modules(modules, chunk=8))
    return [
        (spec, module, model) for (spec, module), (_, model) in zip(modules, models, strict=True)
    ]


@pytest.mark.parametrize("index", range(len(SPECS)), ids=[spec.key for spec in SPECS])
def test_a_block_cut_out_of_the_graph_computes_what_the_block_computes(
    exported: list[tuple[BlockSpec, nn.Module, bytes]], index: int
) -> None:
    spec, module, model = exported[index]
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    inputs = inputs_of(spec)
    with torch.inference_mode():
        expected = run_block(spec, module, inputs).numpy()
    found = run_onnx(model, *inputs)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_exported_blocks_have_no_batch_norm_left(
    exported: list[tuple[BlockSpec, nn.Module, bytes]],
) -> None:
    for spec, _, model in exported:
        kinds = {node.op_type for node in onnx.load_from_string(model).graph.node}
        assert "BatchNormalization" not in kinds, spec.key


def test_an_exported_block_holds_nothing_of_its_neighbours(
    exported: list[tuple[BlockSpec, nn.Module, bytes]],
) -> None:
    for spec, _, model in exported:
        graph = onnx.load_from_string(model).graph
        convolutions = sum(node.op_type == "Conv" for node in graph.node)
        assert convolutions == len(spec.convolutions()), spec.key
        assert [value.name for value in graph.output] == ["out"]
        assert len(graph.input) == len(spec.in_channels)


def test_exports_use_an_opset_that_older_runtimes_load(
    exported: list[tuple[BlockSpec, nn.Module, bytes]],
) -> None:
    model = onnx.load_from_string(exported[0][2])
    assert [(o.domain, o.version) for o in model.opset_import if not o.domain] == [("", OPSET)]
    assert OPSET <= 18


def test_folding_a_strided_skip_changes_nothing() -> None:
    module = with_statistics(build_block(SPECS[2]))
    inputs = inputs_of(SPECS[2])
    with torch.inference_mode():
        np.testing.assert_allclose(module(*inputs), folded(module)(*inputs), rtol=1e-5, atol=1e-5)
    assert any(isinstance(part, nn.BatchNorm2d) for part in module.modules()), "a copy was folded"


@pytest.fixture(scope="module")
def network() -> tuple[Geometry, WholeJob]:
    geometry = Geometry(Size(47, 65), 5)
    options = Options.of_space(SearchSpace(layers=3, expansions=(2, 3)))
    architecture = random_architecture(options, Random(4))
    job = WholeJob(Network(architecture, 5), (0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
    with_statistics(job)
    give_equal_blocks_equal_weights(job)
    return geometry, job


def give_equal_blocks_equal_weights(job: WholeJob) -> None:
    """A network joined from blocks has one set of weights for each spec."""
    network, first = job.network, dict[str, nn.Module]()
    assert isinstance(network, Network)
    for step in network.steps:
        block = network.blocks[module_name(step.name)]
        block.load_state_dict(first.setdefault(step.spec.key, block).state_dict())


@pytest.fixture(scope="module")
def shipped(network: tuple[Geometry, WholeJob]) -> bytes:
    geometry, job = network
    return export_network(job, geometry.size)


def noise(size: Size) -> torch.Tensor:
    return torch.randint(0, 256, (1, *size, 3), generator=torch.Generator().manual_seed(3)).byte()


def test_the_exported_job_gives_the_networks_labels(
    network: tuple[Geometry, WholeJob], shipped: bytes
) -> None:
    geometry, job = network
    image = noise(geometry.size)
    with torch.inference_mode():
        expected = job(image).numpy()
    found = run_onnx(shipped, image)
    assert found.shape == (1, 47, 65)
    assert found.dtype == np.uint8
    assert len(np.unique(expected)) > 1
    assert (found == expected).mean() >= 0.999


def test_a_network_joined_from_blocks_is_the_exported_network(
    network: tuple[Geometry, WholeJob], shipped: bytes
) -> None:
    geometry, job = network
    assert isinstance(job.network, Network)
    wiring = wire(job.network.architecture, geometry)
    blocks = [(step.spec, job.network.blocks[module_name(step.name)]) for step in wiring.steps]
    blocks += [(wiring.border[0].spec, job.input), (wiring.border[1].spec, job.tail)]
    unlike = {spec.key: (spec, module) for spec, module in blocks if not spec.is_identity}
    models = {spec.key: model for spec, model in export_modules(unlike.values())}
    whole = joined(wiring, models)
    onnx.checker.check_model(onnx.load_from_string(whole), full_check=True)
    assert kinds_of_nodes(whole) == kinds_of_nodes(shipped)
    image = noise(geometry.size)
    assert (run_onnx(whole, image) == run_onnx(shipped, image)).mean() >= 0.999


def kinds_of_nodes(model: bytes) -> Counter[str]:
    """How often each operator is there; equal resizes of one feature count once, as they run."""
    graph = onnx.load_from_string(model).graph
    unique = {
        (node.op_type, tuple(node.input)[:1] if node.op_type == "Resize" else node.name)
        for node in graph.node
    }
    return Counter(kind for kind, _ in unique)


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(EnvironmentFault) as caught:
        list(export_modules([(SPECS[3], build_block(SPECS[3]))]))
    assert "fasterseg[onnx]" in caught.value.next_step


def test_exporting_is_silent_and_leaves_logging_as_it_was(
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = logging.root.manager.disable
    list(export_modules([(SPECS[3], build_block(SPECS[3]))]))
    assert capfd.readouterr() == ("", "")
    assert logging.root.manager.disable == before
