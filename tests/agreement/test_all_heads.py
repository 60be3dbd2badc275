"""All heads in one pass, and contenders that share the cells alone: the networks are the same."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import torch
from given_logits import segmentation_loss
from one_network import from_assignment
from small_searches import random_batch, small_search
from small_spaces import (
    make_space,
    make_student,
    make_teacher,
    tied_space,
)
from torch import Tensor, nn

from fasterseg.config import ContenderSettings, SearchSpace
from fasterseg.network.network import Network
from fasterseg.space.assignment import architecture_of
from fasterseg.space.choices import BRANCHES, INPUT_SCALE, VARIANT
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_assignment
from fasterseg.supernet.parameters import ArchitectureParameters
from fasterseg.supernet.plain import PlainComputation
from fasterseg.supernet.relaxation import Relaxation, one_option
from fasterseg.supernet.supernet import Supernet

CLASSES = 3
SETS = ((32, 8), (32, 16))
EVERY = ("32+8", "32+16", "32", "16", "8")
SPACE = make_space(5, branches=SETS)
CONTENDERS = (make_teacher(), make_student())
CONTEXTS = {"kinds": {"context": ("none", "image_pooling"), "fusion.refine": ("none", "conv")}}


def owned(relaxation: Relaxation, owner: str) -> Relaxation:
    return Relaxation(relaxation.weights, owner)


def supernet_of(
    space: SearchSpace,
    *contenders: ContenderSettings,
    shared: bool = False,
    all_heads: bool = True,
) -> Supernet:
    """In double precision, every tensor another one."""
    torch.manual_seed(0)
    found = Supernet(
        Lattice(space),
        CLASSES,
        contenders=[Options.of(space, one) for one in contenders],
        owners=() if shared else [one.name for one in contenders],
        all_heads=all_heads,
    ).double()
    for parameter in found.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, mean=1.0, std=0.3)
    return found


def images(size: tuple[int, int] = (35, 67)) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 3, *size, generator=generator, dtype=torch.float64)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda one: one.name)
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "apart"])
def test_each_head_of_a_one_hot_pass_is_that_of_the_network_with_its_branches(
    contender: ContenderSettings, shared: bool
) -> None:
    supernet = supernet_of(SPACE, *CONTENDERS, shared=shared)
    options, known = Options.of(SPACE, contender), images()
    for seed in range(4):
        assignment = random_assignment(options, Random(seed))
        relaxation = owned(from_assignment(options.lattice, assignment), contender.name)
        with torch.no_grad():
            found = supernet.heads(known, relaxation)
        assert tuple(found) == EVERY
        for told in options.choices[BRANCHES]:
            architecture = architecture_of(options.lattice, {**assignment, BRANCHES: told})
            network = supernet.subnet(architecture, Network, owner=contender.name)
            with torch.no_grad():
                wanted, _ = network.train().heads(known)
            torch.testing.assert_close(found[str(told)], wanted, rtol=0, atol=1e-9)


def alone(assignment: dict[str, Any], branch: int) -> Any:
    """The same network with one branch, which no set of the space has."""
    lattice = Lattice(SPACE.model_copy(update={"branches": (branch,)}))
    return architecture_of(lattice, {n: o for n, o in assignment.items() if n not in VARIANT})


@pytest.mark.usefixtures("double_precision")
def test_the_head_of_one_branch_is_that_of_the_network_with_this_branch_alone() -> None:
    supernet, options, known = (
        supernet_of(SPACE, *CONTENDERS),
        Options.of(SPACE, make_student()),
        images(),
    )
    for seed in range(3):
        assignment = dict(random_assignment(options, Random(seed)))
        relaxation = owned(from_assignment(options.lattice, assignment), "student")
        with torch.no_grad():
            found = supernet.heads(known, relaxation)
            for branch in (32, 16, 8):
                network = supernet.subnet(alone(assignment, branch), Network, owner="student")
                wanted, _ = network.train().heads(known)
                torch.testing.assert_close(found[str(branch)], wanted, rtol=0, atol=1e-9)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize(
    "space",
    [
        SPACE,
        make_space(4, branches=SETS, input_scale=("1", "3/4")),
        make_space(4, branches=(32, 16, 8), **CONTEXTS),
        tied_space(4, branches=((32,), (32, 16))),
    ],
    ids=["paper", "scales", "context", "summed"],
)
def test_a_soft_pass_gives_each_set_what_a_supernet_of_that_set_alone_would(
    space: SearchSpace,
) -> None:
    student = make_student(stem_expansion=None, head_expansion=None)
    supernet, known = supernet_of(space, student), images()
    options = Options.of(space, student)
    parameters = ArchitectureParameters(options, torch.Generator().manual_seed(3), owner="student")
    for parameter in parameters.parameters():
        nn.init.normal_(parameter)
    soft = parameters.sampled(1.0, torch.Generator().manual_seed(4)).detached()
    found = supernet.heads(known, soft, PlainComputation())
    quick = supernet.heads(known, soft)
    for told in options.choices.get(BRANCHES, EVERY[:0]):
        one = soft | {BRANCHES: one_option(options.lattice, BRANCHES, told)}
        main, auxiliary = supernet(known, one, PlainComputation())
        assert auxiliary == {}
        torch.testing.assert_close(found[str(told)], main, rtol=0, atol=1e-9)
    for told, logits in found.items():
        torch.testing.assert_close(quick[told], logits, rtol=1e-7, atol=1e-7)


def test_a_supernet_with_all_heads_has_a_head_for_each_and_shares_all_up_to_what_joins() -> None:
    every, pairs = supernet_of(SPACE, shared=True), supernet_of(SPACE, shared=True, all_heads=False)
    own = {name for name in every.blocks if name.startswith(("head", "fusion_fuse"))}
    assert own == {
        f"{at}_{told}_{kind}"
        for told in EVERY
        for at, kind in (("head", "head"), ("fusion_fuse", "fuse"))
    }
    rest = {n for n in pairs.blocks if not n.startswith(("head", "fusion_fuse", "auxiliary"))}
    assert {*every.blocks} - own == rest


def test_contenders_that_share_the_cells_alone_have_a_stem_and_heads_of_their_own() -> None:
    apart = supernet_of(SPACE, *CONTENDERS)
    cells = {name for name in apart.blocks if name.startswith("cells")}
    own = {
        one: {n for n in apart.blocks if n.startswith(f"{one}/")} for one in ("teacher", "student")
    }
    assert {*apart.blocks} == cells.union(*own.values())
    names = [{name.partition("/")[2] for name in own[one]} for one in own]
    assert names[0] == names[1]
    assert {name.partition("_")[0] for name in names[0]} == {"stem", "fusion", "head"}
    widths = {one: apart.blocks[f"{one}/stem_0_conv"].conv1.weight.shape[0] for one in own}
    assert widths == {"teacher": 16, "student": 8}


@pytest.mark.parametrize("mode", ["exact", "sampled"])
@pytest.mark.parametrize("shared", ["all", "cells"])
def test_a_round_of_pre_training_reaches_every_tensor(mode: str, shared: str) -> None:
    """In the authors' code the student's stem, refines and heads stay as they were drawn."""
    space = make_space(3, operators=("conv", "zoomed_conv"), branches=SETS)
    contenders = (make_teacher(operators=None), make_student())
    search = small_search(
        space=space, contenders=contenders, mode=mode, heads="all", shared=shared, random_widths=2
    )
    supernet, seen = search.weights.supernet, set[str]()
    named = dict(supernet.named_parameters())
    for index in range(60):
        for relaxation in search.search.passes.pretraining(index):
            batch = random_batch(index, size=32)
            (loss,) = search.weights.objective.parts(supernet, batch, relaxation)
            found = torch.autograd.grad(loss, [*named.values()], allow_unused=True)
            pairs = zip(named, found, strict=True)
            seen |= {name for name, one in pairs if one is not None and bool(one.any())}
        if len(seen) == len(named):
            break
    assert named.keys() - seen == set()


def test_a_pass_runs_all_sets_of_branches_at_one_scale() -> None:
    space = make_space(3, branches=((32,), (16,)), input_scale=("1", "1/2"))
    passes = small_search(space=space, heads="all").search.passes
    rows = [one for index in range(8) for one in passes.pretraining(index)]
    assert {tuple(one[BRANCHES].tolist()) for one in rows} == {(0.5, 0.5)}
    assert {tuple(one[INPUT_SCALE].tolist()) for one in rows} == {(1.0, 0.0), (0.0, 1.0)}


def test_all_heads_count_alike() -> None:
    search = small_search(space=SPACE, mode="exact", heads="all", auxiliary_weight=0.2)
    weights, batch = search.weights, random_batch("heads")
    relaxation = search.contenders[1].parameters.probabilities().detached()
    with torch.no_grad():
        found = weights.objective.value(weights.supernet, batch, relaxation)
        logits = weights.supernet.heads(batch.images, relaxation)
        losses = [
            segmentation_loss(
                one,
                {},
                batch.labels,
                ignore=255,
                auxiliary_weight=0.0,
                hard_pixels=weights.objective.hard_pixels,
            )
            for one in logits.values()
        ]
    assert len(losses) == 5
    torch.testing.assert_close(found, torch.stack(losses).sum(), rtol=1e-4, atol=1e-5)
