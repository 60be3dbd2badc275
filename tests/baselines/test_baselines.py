"""What holds for every baseline: shapes at any size, heads, costs and gradients.

That each is exported to every format is shown by the commands (`test_baseline_commands`).
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fasterseg.baselines.baseline import Baseline
from fasterseg.baselines.bisenet_v2 import BiSeNetV2
from fasterseg.baselines.catalogue import BASELINES
from fasterseg.baselines.ddrnet import DDRNet23Slim
from fasterseg.baselines.efficientnet_lite import EfficientNetLite0, EfficientNetLite2
from fasterseg.baselines.enet import ENet
from fasterseg.baselines.fast_scnn import FastSCNN
from fasterseg.errors import UsageError
from fasterseg.reporting.counting import baseline_costs, evaluated
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size

NAMES = tuple(BASELINES)
KINDS: dict[str, type[Baseline]] = {
    "fast-scnn": FastSCNN,
    "bisenet-v2": BiSeNetV2,
    "ddrnet-23-slim": DDRNet23Slim,
    "enet": ENet,
    "efficientnet-lite0": EfficientNetLite0,
    "efficientnet-lite2": EfficientNetLite2,
}
STRIDES = {**dict.fromkeys(KINDS, 8), "enet": 1}
AUXILIARY_STRIDES = {
    "fast-scnn": (8, 32),
    "bisenet-v2": (4, 8, 16, 32),
    "ddrnet-23-slim": (8,),
    "enet": (8,),
    "efficientnet-lite0": (16, 32),
    "efficientnet-lite2": (16, 32),
}
SIZES = ((64, 128), (31, 33), (97, 131), (32, 200), (9, 8), (1, 1))
# A batch norm's shift is lost where it is followed, on a map of one pixel, by another batch norm.
IDLE_IN_TRAINING = {"bisenet-v2": {"semantic.context.norm.bias"}}


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def network(name: str) -> Baseline:
    """With fresh weights, in evaluation mode."""
    return KINDS[name](7).eval()


def test_the_catalogue_makes_these() -> None:
    assert {name: type(make(2)) for name, make in BASELINES.items()} == KINDS


@pytest.mark.parametrize("size", SIZES)
def test_logits_have_the_input_s_size_and_a_part_of_it(
    name: str, network: Baseline, size: tuple[int, int]
) -> None:
    images = torch.randn(1, 3, *size)
    part = tuple(-(-length // STRIDES[name]) for length in size)
    with torch.inference_mode():
        assert network(images).shape == (1, 7, *size)
        assert network.low_resolution(images).shape == (1, 7, *part)


def test_all_heads_are_at_input_size_and_the_main_one_is_the_forward_s(
    name: str, network: Baseline
) -> None:
    images = torch.randn(2, 3, 45, 70)
    with torch.inference_mode():
        main, auxiliary = network.with_auxiliary(images)
        assert torch.equal(main, network(images))
    assert {stride: logits.shape for stride, logits in auxiliary.items()} == dict.fromkeys(
        AUXILIARY_STRIDES[name], torch.Size((2, 7, 45, 70))
    )


def test_each_head_s_own_logits_are_at_its_output_stride(name: str, network: Baseline) -> None:
    with torch.inference_mode():
        main, auxiliary = network.heads(torch.randn(1, 3, 45, 70))
    sizes = {stride: tuple(logits.shape[2:]) for stride, logits in auxiliary.items()}
    assert sizes == {s: (-(-45 // s), -(-70 // s)) for s in AUXILIARY_STRIDES[name]}
    assert main.shape[2:] == (-(-45 // STRIDES[name]), -(-70 // STRIDES[name]))


def test_without_auxiliary_heads_the_rest_is_the_same(name: str, network: Baseline) -> None:
    plain = KINDS[name](7, auxiliary_heads=False).eval()  # type: ignore[call-arg]
    kept = {k: v for k, v in network.state_dict().items() if not k.startswith("auxiliary.")}
    plain.load_state_dict(kept)
    images = torch.randn(1, 3, 40, 56)
    with torch.inference_mode():
        main, auxiliary = plain.with_auxiliary(images)
        assert torch.equal(main, network(images))
    assert auxiliary == {}


# Multiply-adds of convolutions at the size, and parameters: as the papers publish them, but for
# what none of them says.  BiSeNetV2's has no parameters; Fast-SCNN's and ENet's count otherwise
# (`test_fast_scnn`, `test_enet`).
PUBLISHED = {
    "bisenet-v2": (Size(512, 1024), 21.15e9, None),
    "ddrnet-23-slim": (Size(1024, 2048), 36.3e9, 5.7e6),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_cost_is_the_published_one(name: str) -> None:
    size, macs, parameters = PUBLISHED[name]
    found = evaluated(baseline_costs(name, Geometry(size, 19)))
    assert found.macs == pytest.approx(macs, rel=0.03)
    if parameters is not None:
        assert found.parameters == pytest.approx(parameters, rel=0.03)


def test_costs_are_what_the_built_network_does(name: str) -> None:
    network, written, done = KINDS[name](5, auxiliary_heads=False).eval(), [0], [0]  # type: ignore[call-arg]

    def convolution(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        assert isinstance(module, nn.Conv2d)
        read = module.in_channels // module.groups
        kernel = module.kernel_size[0] * module.kernel_size[1]
        done[0] += output[0].numel() * read * kernel

    def transposed(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        assert isinstance(module, nn.ConvTranspose2d)
        kernel = module.kernel_size[0] * module.kernel_size[1]
        done[0] += inputs[0][0].numel() * module.out_channels * kernel

    def norm(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        written[0] += output[0].numel()

    hooks = {nn.Conv2d: convolution, nn.ConvTranspose2d: transposed, nn.BatchNorm2d: norm}
    for module in network.modules():
        for kind, hook in hooks.items():
            if isinstance(module, kind):
                module.register_forward_hook(hook)
    with torch.inference_mode():
        network(torch.zeros(1, 3, 47, 65))
    total = evaluated(baseline_costs(name, Geometry(Size(47, 65), 5)))
    assert total.macs == done[0]
    assert total.macs_with_normalisation == done[0] + 4 * written[0]
    assert total.parameters == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_finite_gradients_reach_every_parameter(name: str, precision: torch.dtype) -> None:
    torch.manual_seed(0)
    network = KINDS[name](4).train()
    with torch.autocast("cpu", precision, enabled=precision != torch.float32):
        main, auxiliary = network.heads(torch.randn(2, 3, 93, 61))
    means = [logits.float().square().mean() for logits in (main, *auxiliary.values())]
    torch.stack(means).sum().backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert bool(parameter.grad.isfinite().all()), parameter_name
        idle = parameter_name in IDLE_IN_TRAINING.get(name, ())
        assert idle or bool((parameter.grad != 0).any()), parameter_name


def test_batches_of_one_image_are_refused_in_training_where_means_are_normalised(
    name: str, network: Baseline
) -> None:
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        network(images)
    learner = KINDS[name](2).train()
    if learner.needs_pairs:
        with pytest.raises(UsageError, match=f"{learner.name} cannot learn from batches of one"):
            learner(images)
    else:
        learner(images)
