"""Agreement 4: profiling lists every spec that any valid architecture asks for; no key collides."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from every_spec import all_specs

from fasterseg.config import PAPER_CONTENDERS, ContenderSettings, SearchSpace
from fasterseg.latency.enumeration import specs_of
from fasterseg.space.architecture import Geometry, wire
from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_architecture

OUTER: dict[str, Any] = {"stem_expansions": (2, 5), "head_expansions": (6, 8)}
SPACES = {
    "paper": SearchSpace(),
    "small": SearchSpace(layers=4, expansions=(4, 10), stem_expansions=(6,), head_expansions=(5,)),
    "shallowest": SearchSpace(layers=3, expansions=(4, 8)),
    "three branches": SearchSpace(layers=6, expansions=(4, 6), branches=(32, 16, 8)),
    "far branches": SearchSpace(layers=5, expansions=(4, 6), branches=(32, 8)),
    "outer widths": SearchSpace(layers=3, expansions=(4,), **OUTER),
    "untied": SearchSpace(layers=3, expansions=(4,), fusion_expansions=(3, 7), **OUTER),
    "untied coarse": SearchSpace(
        layers=4, expansions=(4,), branches=(32,), fusion_expansions=(3, 7), **OUTER
    ),
    "coarse": SearchSpace(layers=5, expansions=(4, 6), branches=(32,)),
    "fine": SearchSpace(layers=2, expansions=(4, 6), branches=(8,)),
}
SIZES = (Size(1024, 2048), Size(360, 480), Size(31, 33))


def contender(stem: int | None, head: int | None, *, student: bool) -> ContenderSettings:
    if student:
        return ContenderSettings(
            name="student", role="student", stem_expansion=stem, head_expansion=head
        )
    return ContenderSettings(
        name="teacher",
        role="teacher",
        stem_expansion=stem,
        head_expansion=head,
        operators=("conv", "conv_x2", "zoomed_conv", "zoomed_conv_x2"),
    )


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", SPACES)
def test_every_block_of_random_architectures_is_listed(name: str, size: Size) -> None:
    space, geometry = SPACES[name], Geometry(size, 19)
    contenders = (
        contender(12, 10, student=False),
        contender(7, 5, student=True),
        contender(None, None, student=True),
    )
    listed = {spec.key for spec in all_specs(space, contenders, geometry)}
    for index, settings in enumerate(contenders):
        options = Options.of(space, settings)
        for seed in range(40):
            architecture = random_architecture(options, Random(100 * index + seed))
            asked = {spec.key for spec in wire(architecture, geometry).timed_specs()}
            assert asked <= listed, asked - listed


@pytest.mark.parametrize(
    "name", ["shallowest", "coarse", "fine", "outer widths", "untied", "untied coarse"]
)
def test_nothing_is_listed_that_no_architecture_asks_for(name: str) -> None:
    space, geometry = SPACES[name], Geometry(Size(64, 96), 3)
    space = SearchSpace.model_validate({**space.content(), "operators": ("skip", "conv")})
    student = contender(None, None, student=True)
    options = Options.of(space, student)
    asked = {
        spec.key
        for seed in range(1500)
        for spec in wire(random_architecture(options, Random(seed)), geometry).timed_specs()
    }
    assert {spec.key for spec in specs_of([options], geometry)} == asked


def what_is_built(spec: BlockSpec) -> tuple[object, ...]:
    """All that makes a block what it is, told without its key."""
    convolutions = tuple(
        (c.in_channels, c.out_channels, c.form, c.out_size) for c in spec.convolutions()
    )
    return (
        spec.kind,
        spec.in_channels,
        spec.out_channels,
        spec.stride,
        tuple(spec.in_size),
        tuple(spec.out_size),
        convolutions,
    )


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_keys_never_collide_over_the_papers_space(size: Size) -> None:
    specs = all_specs(SearchSpace(), PAPER_CONTENDERS, Geometry(size, 19))
    assert len(specs) > 600
    assert len({spec.key for spec in specs}) == len({what_is_built(spec) for spec in specs})
    assert len({spec.key for spec in specs}) == len(specs)


def test_each_operator_has_a_price_of_its_own_everywhere() -> None:
    # The authors' zoomed double convolution looked up the plain double convolution's entry.
    specs = all_specs(SearchSpace(), PAPER_CONTENDERS, Geometry(Size(1024, 2048), 19))
    places: dict[tuple[object, ...], dict[str, str]] = {}
    for spec in specs:
        if spec.kind in SearchSpace().operators:
            place = (spec.in_channels, spec.out_channels, spec.stride, spec.in_size)
            places.setdefault(place, {})[spec.kind] = spec.key
    complete = [keys for keys in places.values() if len(keys) >= 4]
    assert len(complete) >= 125
    assert all(len(set(keys.values())) == len(keys) for keys in complete)


def test_keys_tell_apart_what_differs_in_one_field() -> None:
    base = BlockSpec("conv", (16, 8), 32, 1, Size(16, 32), Size(16, 32))
    others = [
        BlockSpec("conv_x2", (16, 8), 32, 1, Size(16, 32), Size(16, 32)),
        BlockSpec("conv", (8, 16), 32, 1, Size(16, 32), Size(16, 32)),
        BlockSpec("conv", (24,), 32, 1, Size(16, 32), Size(16, 32)),
        BlockSpec("conv", (16, 8), 24, 1, Size(16, 32), Size(16, 32)),
        BlockSpec("conv", (16, 8), 32, 2, Size(16, 32), Size(16, 32)),
        BlockSpec("conv", (16, 8), 32, 1, Size(32, 16), Size(16, 32)),
        BlockSpec("conv", (16, 8), 32, 1, Size(16, 32), Size(32, 16)),
    ]
    assert len({spec.key for spec in (base, *others)}) == 8
