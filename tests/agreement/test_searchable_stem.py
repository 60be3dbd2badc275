"""A stem whose second and third block are searched: measured, exported, drawn and read again."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from small_spaces import GEOMETRY, make_space, open_student

from fasterseg.config import ContenderSettings, SearchSpace
from fasterseg.deploy.runtimes.onnx.cpu import OnnxRuntimeBackend
from fasterseg.latency.enumeration import specs_of
from fasterseg.reporting.drawing import draw_svg
from fasterseg.space.architecture import Architecture, wire
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_architecture

KINDS = ("conv_x2", "separable_conv")


def stem_space(**changes: object) -> SearchSpace:
    usual = {"operators": ("conv",), "branches": (16, 8), "stem_kinds": KINDS}
    return make_space(3, **{**usual, **changes})


def lean() -> Architecture:
    """A network with a separable block in the stem's second place alone."""
    options = Options.of_space(stem_space())
    drawn = (random_architecture(options, Random(seed)) for seed in range(50))
    return next(one for one in drawn if one.kinds == {"stem.1": "separable_conv"})


def test_the_usual_space_has_the_papers_stem_and_nothing_to_choose_there() -> None:
    options = Options.of_space(SearchSpace())
    assert options.choices["kinds.stem.1"] == options.choices["kinds.stem.2"] == ("conv_x2",)
    assert {"kinds.stem.1", "kinds.stem.2"} <= options.lattice.settled
    assert not random_architecture(options, Random(0)).kinds


def test_teacher_and_student_search_both_blocks() -> None:
    for contender in (open_student(), ContenderSettings(name="t", role="teacher")):
        searched = Options.of(stem_space(), contender).searched
        assert [name for name in searched if "stem" in name][:2] == ["kinds.stem.1", "kinds.stem.2"]


def test_every_block_that_may_stand_in_the_stem_is_timed_and_the_network_runs() -> None:
    backend = OnnxRuntimeBackend(threads=1)
    options = Options.of_space(stem_space())
    stems = [
        spec
        for one in options.lattice.placements(GEOMETRY.classes)
        if one.part == "stem"
        for spec in options.blocks(one, GEOMETRY.size)
    ]
    assert set(stems) <= set(specs_of([options], GEOMETRY))
    assert {spec.kind for spec in stems} == {"conv", *KINDS}
    for _, call in backend.block_calls(stems):
        call()
    session = backend.random_network(lean(), GEOMETRY)
    image = np.zeros((*GEOMETRY.size, 3), dtype=np.uint8)
    assert session.run(image).shape == tuple(GEOMETRY.size)


def test_a_file_says_which_block_is_another_and_the_drawing_shows_it() -> None:
    found = lean()
    assert found.content()["kinds"] == {"stem.1": "separable_conv"}
    assert Architecture.model_validate(found.content()) == found
    kinds = {step.name: step.spec.kind for step in wire(found, GEOMETRY).steps}
    assert (kinds["stem.1"], kinds["stem.2"]) == ("separable_conv", "conv_x2")
    assert "stem.1: separable_conv " in draw_svg(found, GEOMETRY)
    plain = Architecture.model_validate({**found.content(), "kinds": {}})
    assert wire(found, GEOMETRY).macs < wire(plain, GEOMETRY).macs


@pytest.mark.parametrize("kinds", [("separable_conv",), ("skip", "separable_conv")])
def test_a_space_may_leave_the_papers_block_out(kinds: tuple[str, ...]) -> None:
    options = Options.of_space(stem_space(stem_kinds=kinds))
    assert options.choices["kinds.stem.1"] == kinds
    found = random_architecture(options, Random(0))
    assert set(found.kinds) == {"stem.1", "stem.2"}
    assert set(found.kinds.values()) <= set(kinds)
