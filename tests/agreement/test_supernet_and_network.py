"""The supernet at a one-hot relaxation is the derived network with the sliced weights."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import torch
from one_network import from_assignment
from small_spaces import UNTIED, make_space, make_student, make_teacher, open_student
from torch import nn
from unknown_statistics import has_unknown_statistics

from fasterseg.config import ContenderSettings, SearchSpace
from fasterseg.errors import FastersegError
from fasterseg.network.network import Network
from fasterseg.searching.derivation import derive
from fasterseg.space.assignment import architecture_of
from fasterseg.space.choices import SECTIONS
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_architecture, random_assignment
from fasterseg.supernet.parameters import LOGITS, ArchitectureParameters
from fasterseg.supernet.supernet import Supernet

pytestmark = pytest.mark.usefixtures("double_precision")

CLASSES = 3
SIZES = [(32, 64), (35, 67), (33, 40)]


def random_supernet(space: SearchSpace, *contenders: ContenderSettings) -> Supernet:
    """A supernet in which every tensor differs, scales and shifts of the norms included."""
    options = [Options.of(space, contender) for contender in contenders]
    supernet = Supernet(Lattice(space), CLASSES, contenders=options)
    generator = torch.Generator().manual_seed(0)
    for parameter in supernet.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, mean=1.0, std=0.3, generator=generator)
    return supernet


def assert_same_network(supernet: Supernet, options: Options, seed: int) -> None:
    assignment = random_assignment(options, Random(seed))
    architecture = architecture_of(options.lattice, assignment)
    network = supernet.subnet(architecture, Network)
    images = torch.randn(2, 3, *SIZES[seed % len(SIZES)])
    with torch.no_grad():
        main, auxiliary = supernet(images, from_assignment(options.lattice, assignment))
        expected, expected_auxiliary = network.train().heads(images)
    assert main.shape[:2] == (2, CLASSES)
    torch.testing.assert_close(main, expected, rtol=0, atol=1e-9)
    assert auxiliary.keys() == expected_auxiliary.keys()
    for stride, logits in auxiliary.items():
        torch.testing.assert_close(logits, expected_auxiliary[stride], rtol=0, atol=1e-9)


@pytest.mark.parametrize("contender", [make_teacher(), make_student()], ids=lambda c: c.name)
def test_a_one_hot_supernet_is_the_derived_network(contender: ContenderSettings) -> None:
    space = make_space(6)
    supernet = random_supernet(space, make_teacher(), make_student())
    for seed in range(20):
        assert_same_network(supernet, Options.of(space, contender), seed)


@pytest.mark.parametrize("branches", [(32, 16, 8), (32, 8), (16, 8), (32,), (16,), (8,)])
def test_a_one_hot_supernet_is_the_derived_network_for_any_branches(
    branches: tuple[int, ...],
) -> None:
    space = make_space(4, branches=branches)
    supernet = random_supernet(space)
    for seed in range(6):
        assert_same_network(supernet, Options.of_space(space), seed)


@pytest.mark.parametrize("outer", [{}, UNTIED], ids=["tied", "untied"])
@pytest.mark.parametrize("branches", [(32, 16), (32, 16, 8), (8,)])
def test_a_one_hot_supernet_is_the_derived_network_at_every_outer_width(
    outer: dict[str, Any], branches: tuple[int, ...]
) -> None:
    space = make_space(4, branches=branches, **outer)
    student = open_student()
    supernet = random_supernet(space, student)
    options = Options.of(space, student)
    for seed in range(12):
        assert_same_network(supernet, options, seed)


@pytest.mark.parametrize(
    ("student", "outer"), [(make_student(), {}), (open_student(), {}), (open_student(), UNTIED)]
)
def test_parameters_pushed_to_their_arg_max_give_the_derived_network(
    student: ContenderSettings, outer: dict[str, Any]
) -> None:
    """The supernet's own reading of alpha, beta and gamma is the one that is derived."""
    space = make_space(6, **outer)
    teacher = make_teacher(stem_expansion=None, head_expansion=None)
    supernet = random_supernet(space, teacher, student)
    options = Options.of(space, student)
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        parameters = ArchitectureParameters(options, generator)
        with torch.no_grad():
            for section in SECTIONS:
                parameter = parameters.get_parameter(LOGITS[section])
                best = torch.where(parameters.mask(section), parameter, -torch.inf).argmax(1)
                parameter.copy_(nn.functional.one_hot(best, parameter.shape[1]) * 2000.0)
            probabilities = parameters.probabilities()
            network = supernet.subnet(derive(options, probabilities), Network)
            images = torch.randn(2, 3, 64, 96)
            main, _ = supernet(images, probabilities)
            expected, _ = network.train().heads(images)
            torch.testing.assert_close(main, expected, rtol=0, atol=1e-9)


def test_a_network_cut_out_of_the_supernet_has_no_statistics_to_be_scored_with() -> None:
    space = make_space(4)
    supernet = random_supernet(space)
    options = Options.of_space(space)
    architecture = random_architecture(options, Random(0))
    assert not has_unknown_statistics(Network(architecture, CLASSES))
    network = supernet.subnet(architecture, Network)
    assert has_unknown_statistics(network)
    with torch.no_grad():
        assert bool(network.eval()(torch.randn(1, 3, 64, 64)).isnan().all())


def test_the_supernet_itself_cannot_be_scored() -> None:
    supernet = Supernet(Lattice(make_space(3)), CLASSES)
    with pytest.raises(FastersegError) as caught:
        supernet.eval()
    assert supernet.training
    assert "recalibrate" in caught.value.next_step
    assert not any(isinstance(module, nn.BatchNorm2d) for module in supernet.modules())
    assert list(supernet.buffers()) == []
