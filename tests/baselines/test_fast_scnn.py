"""Fast-SCNN: its cost, what it sees, and the graph that is exported of it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from fasterseg.baselines.fast_scnn import FastSCNN
from fasterseg.baselines.units import Bottleneck, NormalisedConv, depthwise
from fasterseg.deploy.exporting.export import export_network
from fasterseg.network.network import WholeJob
from fasterseg.reporting.counting import baseline_costs, evaluated
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size

CAMVID = Size(360, 480)


@pytest.fixture(scope="module")
def network() -> FastSCNN:
    """With fresh weights, in evaluation mode."""
    return FastSCNN(11).eval()


@pytest.mark.parametrize(
    ("size", "macs"), [(Size(512, 1024), 1.677565952e9), (CAMVID, 0.5649296e9)]
)
def test_the_cost_is_that_of_the_paper_s_network(size: Size, macs: float) -> None:
    parts = baseline_costs("fast-scnn", Geometry(size, 19))
    assert evaluated(parts).macs == macs
    assert evaluated(parts).parameters == 1_137_795
    assert [part.name for part in parts] == [
        "downsampling",
        "bottlenecks",
        "pyramid",
        "fusion",
        "classifier",
        "auxiliary",
    ]


def test_the_global_features_lie_at_a_32nd_and_see_the_whole_image(network: FastSCNN) -> None:
    images = torch.randn(1, 3, 320, 320, requires_grad=True)
    coarse = network.pyramid(network.bottlenecks(network.downsampling(images)))
    assert coarse.shape == (1, 128, 10, 10)
    (gradient,) = torch.autograd.grad(coarse[..., 0, 0].sum(), images)
    assert bool((gradient[..., -32:, -32:] != 0).any())


def test_a_bottleneck_adds_its_input_only_where_the_shape_stays() -> None:
    features = torch.randn(2, 16, 9, 9)
    for out, stride, adds in ((16, 1, True), (24, 1, False), (16, 2, False)):
        block = Bottleneck(16, out, stride=stride, expansion=6).eval()
        for layer in block.layers:
            assert isinstance(layer, NormalisedConv)
            nn.init.zeros_(layer.conv.weight)
        assert torch.equal(block(features), features) is adds


def test_a_dilated_depthwise_convolution_is_trained_in_float32() -> None:
    features = torch.randn(2, 8, 12, 12)
    kinds = {}
    for dilation in (1, 4):
        unit = depthwise(8, dilation=dilation).train()
        unit.conv.register_forward_hook(
            lambda _m, _i, output, dilation=dilation: kinds.update({dilation: output.dtype})
        )
        with torch.autocast("cpu", torch.bfloat16):
            unit(features)
    assert kinds == {1: torch.bfloat16, 4: torch.float32}


@pytest.fixture(scope="module")
def job() -> WholeJob:
    """A whole job whose statistics and scales are as after some training."""
    generator = torch.Generator().manual_seed(1)
    job = WholeJob(FastSCNN(11), (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)).eval()
    for part in job.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.2, generator=generator)  # type: ignore[union-attr]
            part.running_var.uniform_(0.5, 2, generator=generator)  # type: ignore[union-attr]
            part.weight.data.uniform_(0.5, 2, generator=generator)
            part.bias.data.normal_(0, 0.3, generator=generator)
    return job


@pytest.fixture(scope="module")
def exported(job: WholeJob) -> bytes:
    return export_network(job, CAMVID)


def test_the_exported_graph_computes_the_same_labels(job: WholeJob, exported: bytes) -> None:
    generator = torch.Generator().manual_seed(3)
    image = torch.randint(0, 256, (1, *CAMVID, 3), generator=generator).byte()
    with torch.inference_mode():
        wanted = job(image).numpy()
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": image.numpy()})
    assert len(np.unique(wanted)) > 1
    assert (found == wanted).mean() >= 0.999


def test_the_exported_graph_has_few_nodes_for_pooling_and_computes_no_constants(
    exported: bytes,
) -> None:
    graph = onnx.load_from_string(exported).graph
    assert Counter(node.op_type for node in graph.node) == {
        "Transpose": 1,  # the input's layout, type and normalisation
        "Mul": 1,
        "Add": 1 + 6 + 1,  # six bottlenecks with a residual, and the fusion
        "Conv": 45,  # batch norms are folded, auxiliary heads are gone
        "Relu": 30,
        "MatMul": 1 + 4,
        "Split": 1,
        "Resize": 4 + 1 + 1,
        "Concat": 1,
        "ArgMax": 1,
        "Cast": 2,
    }
