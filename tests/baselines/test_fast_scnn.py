"""Fast-SCNN: its shapes, its cost, its heads, and the graph that is exported of it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from fasterseg.baselines.fast_scnn import FastSCNN
from fasterseg.baselines.units import Bottleneck, NormalisedConv, depthwise
from fasterseg.deploy.exporting.export import export_network
from fasterseg.errors import UsageError
from fasterseg.network.network import WholeJob
from fasterseg.reporting.counting import baseline_costs, evaluated
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size

SIZES = ((64, 128), (360, 480), (31, 33), (97, 131), (32, 200), (9, 8))
CAMVID = Size(360, 480)


@pytest.fixture(scope="module")
def network() -> FastSCNN:
    """With fresh weights, in evaluation mode."""
    return FastSCNN(11).eval()


@pytest.mark.parametrize("size", SIZES)
def test_logits_have_the_input_s_size_and_an_eighth_of_it(
    network: FastSCNN, size: tuple[int, int]
) -> None:
    images = torch.randn(1, 3, *size)
    eighth = -(-size[0] // 8), -(-size[1] // 8)
    with torch.inference_mode():
        assert network(images).shape == (1, 11, *size)
        assert network.low_resolution(images).shape == (1, 11, *eighth)


def test_all_heads_are_at_input_size_and_the_main_one_is_the_forward_s(network: FastSCNN) -> None:
    images = torch.randn(2, 3, 45, 70)
    with torch.inference_mode():
        main, auxiliary = network.with_auxiliary(images)
        assert torch.equal(main, network(images))
    assert {stride: logits.shape for stride, logits in auxiliary.items()} == {
        8: (2, 11, 45, 70),
        32: (2, 11, 45, 70),
    }


def test_without_auxiliary_heads_the_rest_is_the_same(network: FastSCNN) -> None:
    plain = FastSCNN(11, auxiliary_heads=False).eval()
    kept = {k: v for k, v in network.state_dict().items() if not k.startswith("auxiliary.")}
    plain.load_state_dict(kept)
    images = torch.randn(1, 3, 40, 56)
    with torch.inference_mode():
        main, auxiliary = plain.with_auxiliary(images)
        assert torch.equal(main, network(images))
    assert auxiliary == {}


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


def test_costs_are_what_the_built_network_does() -> None:
    network, written, done = FastSCNN(5, auxiliary_heads=False).eval(), [0], [0]

    def convolution(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        assert isinstance(module, nn.Conv2d)
        read = module.in_channels // module.groups
        kernel = module.kernel_size[0] * module.kernel_size[1]
        done[0] += output[0].numel() * read * kernel

    def norm(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        written[0] += output[0].numel()

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(convolution)
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(norm)
    with torch.inference_mode():
        network(torch.zeros(1, 3, 47, 65))
    total = evaluated(baseline_costs("fast-scnn", Geometry(Size(47, 65), 5)))
    assert total.macs == done[0]
    assert total.macs_with_normalisation == done[0] + 4 * written[0]
    assert total.parameters == sum(p.numel() for p in network.parameters())


def test_the_global_features_lie_at_a_32nd_and_see_the_whole_image(network: FastSCNN) -> None:
    images = torch.randn(1, 3, 320, 320, requires_grad=True)
    coarse = network.pyramid(network.bottlenecks(network.downsampling(images)))
    assert coarse.shape == (1, 128, 10, 10)
    (gradient,) = torch.autograd.grad(coarse[..., 0, 0].sum(), images)
    assert bool((gradient[..., -32:, -32:] != 0).any())


def test_gradients_reach_every_parameter() -> None:
    network = FastSCNN(4).train()
    main, auxiliary = network.with_auxiliary(torch.randn(4, 3, 64, 96))
    loss = sum((logits.square().mean() for logits in auxiliary.values()), main.square().mean())
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert bool((parameter.grad != 0).any()), name


def test_a_bottleneck_adds_its_input_only_where_the_shape_stays() -> None:
    features = torch.randn(2, 16, 9, 9)
    for out, stride, adds in ((16, 1, True), (24, 1, False), (16, 2, False)):
        block = Bottleneck(16, out, stride=stride, expansion=6).eval()
        for layer in block.layers:
            assert isinstance(layer, NormalisedConv)
            nn.init.zeros_(layer.conv.weight)
        assert torch.equal(block(features), features) is adds


def test_batches_of_one_image_are_refused_in_training_alone(network: FastSCNN) -> None:
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        network(images)
    with pytest.raises(UsageError, match="batches of one"):
        FastSCNN(2).train()(images)


def test_a_dilated_convolution_is_trained_in_float32() -> None:
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


def test_the_exported_graph_has_two_nodes_for_each_pooling_and_computes_no_constants(
    exported: bytes,
) -> None:
    graph = onnx.load_from_string(exported).graph
    assert Counter(node.op_type for node in graph.node) == {
        "Transpose": 1,  # the input's layout, type and normalisation
        "Mul": 1,
        "Add": 1 + 6 + 1,  # six bottlenecks with a residual, and the fusion
        "Conv": 45,  # batch norms are folded, auxiliary heads are gone
        "Relu": 30,
        "MatMul": 2 * 4,
        "Resize": 4 + 1 + 1,
        "Concat": 1,
        "ArgMax": 1,
        "Cast": 2,
    }
