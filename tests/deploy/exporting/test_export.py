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
from fasterseg.deploy.exporting.export import OPSET, export_module, export_network
from fasterseg.deploy.exporting.folding import folded
from fasterseg.deploy.exporting.tracing import traced
from fasterseg.errors import EnvironmentFault
from fasterseg.layers.building import build_block
from fasterseg.network.network import Network, WholeJob
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_architecture

STRIDED_SKIP = BlockSpec("skip", (8,), 11, 2, Size(15, 13), Size(8, 7))


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


def run_onnx(model: bytes, *inputs: torch.Tensor) -> np.ndarray[Any, Any]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    feeds = {name: x.numpy() for name, x in zip(names, inputs, strict=True)}
    found: np.ndarray[Any, Any] = session.run(None, feeds)[0]
    return found


def test_folding_a_strided_skip_changes_nothing() -> None:
    module = with_statistics(build_block(STRIDED_SKIP))
    x = torch.randn(1, 8, 15, 13, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        np.testing.assert_allclose(module(x), folded(module)(x), rtol=1e-5, atol=1e-5)
    assert any(isinstance(part, nn.BatchNorm2d) for part in module.modules()), "a copy was folded"


@pytest.fixture(scope="module")
def network() -> tuple[Geometry, WholeJob]:
    geometry = Geometry(Size(47, 65), 5)
    options = Options.of_space(SearchSpace(layers=3, expansions=(2, 3)))
    architecture = random_architecture(options, Random(4))
    job = WholeJob(Network(architecture, 5), (0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
    with_statistics(job)
    return geometry, job


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


def test_exports_have_no_batch_norm_and_an_opset_that_older_runtimes_load(shipped: bytes) -> None:
    model = onnx.load_from_string(shipped)
    onnx.checker.check_model(model, full_check=True)
    assert "BatchNormalization" not in kinds_of_nodes(shipped)
    assert [(o.domain, o.version) for o in model.opset_import if not o.domain] == [("", OPSET)]
    assert OPSET <= 18


def test_a_traced_network_is_the_exported_network(
    network: tuple[Geometry, WholeJob], shipped: bytes
) -> None:
    geometry, job = network
    image = noise(geometry.size)
    whole = traced(job, [image])
    onnx.checker.check_model(onnx.load_from_string(whole), full_check=True)
    assert kinds_of_nodes(whole) == kinds_of_nodes(shipped)
    assert (run_onnx(whole, image) == run_onnx(shipped, image)).mean() >= 0.999


def kinds_of_nodes(model: bytes) -> Counter[str]:
    """How often each operator is there; equal resizes of one feature count once, as they run."""
    graph = onnx.load_from_string(model).graph
    unique = {
        (node.op_type, tuple(node.input)[:1] if node.op_type == "Resize" else node.name)
        for node in graph.node
    }
    return Counter(kind for kind, _ in unique)


def export_a_block() -> None:
    x = torch.zeros(1, 8, 15, 13)
    export_module(build_block(STRIDED_SKIP), (x,), inputs=["in0"], outputs=["out"])


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(EnvironmentFault) as caught:
        export_a_block()
    assert "fasterseg[onnx]" in caught.value.next_step


def test_exporting_is_silent_and_leaves_logging_as_it_was(
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = logging.root.manager.disable
    export_a_block()
    assert capfd.readouterr() == ("", "")
    assert logging.root.manager.disable == before
