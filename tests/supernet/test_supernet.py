"""The supernet: what it holds, what a relaxation makes it use, and what is never random in it."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import torch
from one_network import from_assignment
from small_searches import SmallSearch, small_search
from small_spaces import (
    UNTIED,
    lattice_of,
    make_space,
    make_student,
    make_teacher,
    open_student,
    tied_space,
)
from torch import Tensor

from fasterseg.config import ContenderSettings, SearchSpace
from fasterseg.layers.units import SlimmableConv, Take, taken
from fasterseg.space.choices import FUSION, HEAD, OUTER, STEM
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_assignment
from fasterseg.supernet.folded import FoldedComputation
from fasterseg.supernet.forward import Forward
from fasterseg.supernet.parameters import ArchitectureParameters
from fasterseg.supernet.relaxation import (
    narrowest,
    random_widths,
    uniform,
    widest,
)
from fasterseg.supernet.supernet import Supernet

CLASSES = 3
DEFAULT = (make_teacher(), make_student())
LARGEST_TEACHER = make_teacher(stem_expansion=None, head_expansion=None)


def supernet_for(space: SearchSpace, *contenders: ContenderSettings) -> Supernet:
    options = [Options.of(space, contender) for contender in contenders]
    return Supernet(Lattice(space), CLASSES, contenders=options)


def images(size: tuple[int, int] = (64, 96)) -> Tensor:
    return torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))


class Widths:
    """Notes how much of every slimmable convolution's weight is used."""

    def __init__(self, supernet: Supernet, monkeypatch: pytest.MonkeyPatch) -> None:
        self.used: dict[int, list[tuple[int, int]]] = {}
        self.whole = {
            id(module): tuple(module.weight.shape[:2])
            for module in supernet.modules()
            if isinstance(module, SlimmableConv)
        }
        slice_of = SlimmableConv.sliced_weight

        def noted(conv: SlimmableConv, read: list[int], out: int, take: Take = taken) -> Tensor:
            weight = slice_of(conv, read, out, take)
            self.used.setdefault(id(conv), []).append((weight.shape[0], weight.shape[1]))
            return weight

        monkeypatch.setattr(SlimmableConv, "sliced_weight", noted)


@pytest.mark.parametrize("outer", [{}, UNTIED], ids=["tied", "untied"])
def test_widest_relaxation_uses_every_channel(
    outer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    space = make_space(5, **outer)
    student = open_student()
    supernet, options = supernet_for(space, student), Options.of(space, student)
    widths = Widths(supernet, monkeypatch)
    with torch.no_grad():
        supernet(images(), widest(options, uniform(options)))
    assert widths.used
    for conv, shapes in widths.used.items():
        assert set(shapes) == {widths.whole[conv]}


def test_narrowest_relaxation_uses_the_fewest_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    student = make_student()
    space = make_space(5)
    supernet, options = supernet_for(space, make_teacher(), student), Options.of(space, student)
    widths = Widths(supernet, monkeypatch)
    with torch.no_grad():
        supernet(images(), narrowest(options, uniform(options)))
    cells = {
        id(module): tuple(module.weight.shape[:2])
        for name, module in supernet.named_modules()
        if isinstance(module, SlimmableConv)
        and name.startswith("blocks.cells")
        and "skip" not in name
    }
    used = {conv: set(shapes) for conv, shapes in widths.used.items() if conv in cells}
    assert used
    for conv, shapes in used.items():
        assert shapes == {(cells[conv][0] // 2, cells[conv][1] // 2)}


def test_widths_that_a_contender_fixes_are_neither_widened_nor_narrowed() -> None:
    lattice = lattice_of(3, **UNTIED)
    student = open_student(stem_expansion=2, fusion_expansion=2)
    options = Options.of(lattice.space, student)
    start, offered = uniform(options), lattice.choices
    generator = torch.Generator().manual_seed(0)
    for found, head in ((widest(options, start), [6]), (narrowest(options, start), [1])):
        taken = [offered[name][int(found[name].argmax())] for name in OUTER]
        assert taken == [2, 2, *head]
    heads = set()
    for _ in range(40):
        sampled = random_widths(options, start, generator)
        assert torch.equal(sampled[STEM], start[STEM])
        assert torch.equal(sampled[FUSION], start[FUSION])
        heads.add(offered[HEAD][int(sampled[HEAD].argmax())])
    assert heads == {1, 3, 4, 6}


def test_random_widths_visit_all_widths_about_equally() -> None:
    options = Options.of(make_space(5, expansions=(2, 3, 4)), make_student())
    start = uniform(options)
    generator = torch.Generator().manual_seed(0)
    inner = [name for name in start.section("widths") if name not in OUTER]
    total = torch.zeros(3)
    for _ in range(100):
        sampled = random_widths(options, start, generator)
        total += torch.stack([sampled[name] for name in inner]).sum(0)
    assert float((total / total.sum() - 1 / 3).abs().max()) < 0.03


def untrained(search: SmallSearch, *, steps: int) -> set[str]:
    """The supernet's tensors that so many steps of pre-training give no gradient."""
    batch = images((64, 64))
    missing = dict(search.weights.supernet.named_parameters())
    for step in range(steps):
        for relaxation in search.pretraining.passes.pretraining(step):
            main, auxiliary = search.weights.supernet(batch, relaxation)
            # Squares, since a plain sum behind a batch norm has no gradient.
            squares = [logits.square().sum() for logits in (main, *auxiliary.values())]
            gradients = torch.autograd.grad(sum(squares), missing.values(), allow_unused=True)
            found = dict(zip(missing, gradients, strict=True))
            missing = {
                name: parameter
                for name, parameter in missing.items()
                if found[name] is None or not bool((found[name] != 0).any())
            }
            if not missing:
                return set()
    return set(missing)


def test_one_step_of_pre_training_reaches_all_but_the_skips_between_unequal_widths() -> None:
    """A skip between equal widths has no weights; unequal ones come with the random draws."""
    space = make_space(4)
    search = small_search(space=space, contenders=DEFAULT, random_widths=2, mode="exact")
    left = untrained(search, steps=1)
    assert left
    assert all("keep_skip" in name for name in left)


@pytest.mark.parametrize(
    ("space", "settings"),
    [
        (make_space(4, expansions=(2, 3, 4)), DEFAULT),
        (make_space(4, branches=(32, 16, 8)), DEFAULT),
        (make_space(4, branches=(32, 8)), (make_student(),)),
        (make_space(3, branches=(8,)), (make_teacher(operators=("skip", "conv")),)),
        (make_space(4, expansions=(4,)), (make_student(stem_expansion=4, head_expansion=4),)),
        (make_space(3), (make_teacher(), open_student())),
        (make_space(3, expansions=(2,), **UNTIED), (LARGEST_TEACHER, open_student())),
    ],
    ids=[
        "three widths",
        "three branches",
        "student alone",
        "teacher with skip",
        "one width",
        "open outer widths",
        "untied outer widths",
    ],
)
def test_a_round_of_pre_training_reaches_every_tensor(
    space: SearchSpace, settings: tuple[ContenderSettings, ...]
) -> None:
    search = small_search(space=space, contenders=settings, random_widths=2, mode="exact")
    assert untrained(search, steps=30) == set()


def test_sampled_pre_training_reaches_every_tensor_in_time() -> None:
    search = small_search(space=make_space(3), contenders=DEFAULT, random_widths=2, mode="sampled")
    assert untrained(search, steps=300) == set()


def test_two_passes_with_one_relaxation_give_the_same_logits() -> None:
    lattice = lattice_of(4)
    supernet = Supernet(lattice, CLASSES)
    options = Options.of_space(lattice.space)
    relaxation = from_assignment(lattice, random_assignment(options, Random(0)))
    other = uniform(Options.of(lattice.space, make_student()))
    with torch.no_grad():
        first, _ = supernet(images(), relaxation)
        supernet(images(), widest(options, other))
        again, _ = supernet(images(), relaxation)
    assert torch.equal(first, again)


def test_logits_come_at_the_sizes_of_their_heads_for_any_size() -> None:
    supernet = Supernet(lattice_of(3), CLASSES)
    for size in ((33, 47), (64, 64), (40, 90)):
        main, auxiliary = supernet(
            images(size), uniform(Options.of(supernet.lattice.space, make_student()))
        )
        at = {stride: tuple(-(-length // stride) for length in size) for stride in (8, 16, 32)}
        assert main.shape == (2, CLASSES, *at[8])
        assert {stride: logits.shape for stride, logits in auxiliary.items()} == {
            stride: (2, CLASSES, *at[stride]) for stride in (32, 16)
        }


def test_operators_without_weight_are_not_run() -> None:
    teacher = make_teacher(operators=("conv",))
    supernet = supernet_for(make_space(4), teacher)
    kinds = {name.rpartition("keep_")[2] for name in supernet.blocks if "keep" in name}
    assert kinds == {"conv"}
    main, _ = supernet(images(), uniform(Options.of(supernet.lattice.space, teacher)))
    assert bool(torch.isfinite(main).all())


def test_the_logits_reach_every_searched_architecture_parameter() -> None:
    lattice, student = lattice_of(5), make_student()
    supernet = Supernet(lattice, CLASSES)
    parameters = ArchitectureParameters(
        Options.of(lattice.space, student), torch.Generator().manual_seed(0)
    )
    relaxation = parameters.sampled(1.0, torch.Generator().manual_seed(1))
    main, auxiliary = supernet(images(), relaxation)
    total = torch.stack([logits.square().sum() for logits in (main, *auxiliary.values())]).sum()
    gradients = torch.autograd.grad(total, list(parameters.parameters()))
    assert len(gradients) == 3
    for gradient in gradients:
        assert bool((gradient.abs().sum(1) > 0).all())


def test_a_feature_of_a_tied_width_has_its_gate_once_however_many_cells_pass_it_on() -> None:
    lattice = Lattice(tied_space(5))
    supernet, stage = Supernet(lattice, CLASSES), "widths.stages.8"
    assignment = random_assignment(Options.of_space(lattice.space), Random(0))
    skips = {node.kind_choice: "skip" for node in lattice.nodes}
    paths = {node.path_choice: "down" for node in lattice.forks}
    relaxation = from_assignment(lattice, {**assignment, **skips, **paths, stage: 3})
    share = torch.tensor([0.75, 0.25])
    maps = []
    for mixed in (relaxation, relaxation | {stage: share}):
        forward = Forward(supernet.walk.of(mixed), supernet.block, mixed, FoldedComputation())
        with torch.no_grad():
            forward(images())
        maps.append(forward.maps)
    whole, gated = maps
    last = max(name for name in whole if name.startswith("cells.") and ".8.keep" in name)
    gate = torch.ones(24, 1, 1)
    gate[16:] = 0.25
    torch.testing.assert_close(gated["stem.2"], gate * whole["stem.2"])
    torch.testing.assert_close(gated[last], gated["stem.2"])
