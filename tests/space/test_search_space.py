"""What a space says of itself: presets, kinds by place, widths by stride, and the earlier keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fasterseg.space.architecture import Architecture, Branch, CellChoice, Geometry, wire
from fasterseg.space.assignment import architecture_of
from fasterseg.space.blocks import Size
from fasterseg.space.choices import Option
from fasterseg.space.lattice import Edge, Lattice, Node
from fasterseg.space.places import STRIDES
from fasterseg.space.presets import PRESETS
from fasterseg.space.search_space import SearchSpace


@pytest.mark.parametrize("preset", PRESETS)
def test_a_space_comes_back_as_it_was_written_without_its_presets_name(preset: str) -> None:
    space = SearchSpace(preset=preset)
    assert "preset" not in space.content()
    again = SearchSpace.model_validate(space.content())
    assert (again, hash(again)) == (space, hash(space))
    assert again.content() == space.content()


def test_without_a_preset_it_is_the_papers_to_the_letter() -> None:
    paper = SearchSpace()
    assert paper == SearchSpace(preset="paper")
    flat = {
        "layers": 16,
        "operators": ("skip", "conv", "conv_x2", "zoomed_conv", "zoomed_conv_x2"),
        "expansions": (4, 6, 8, 10, 12),
        "stem_expansions": (8, 12),
        "fusion_expansions": (),
        "head_expansions": (8, 12),
        "branches": (32, 16),
        "ends_at_fusion_width": True,
        "stem_kinds": ("conv_x2",),
    }
    assert SearchSpace.model_validate(flat) == paper
    assert not paper.is_tied
    assert not paper.is_summed


def test_any_key_goes_over_a_presets_part_by_part() -> None:
    usual = SearchSpace(preset="mobile")
    space = SearchSpace(
        preset="mobile",
        kinds={"cells": {16: ["skip", "conv"]}, "fusion": {"join": ["add"]}, "head": ["head"]},
        widths={"cells": {"8": ["64 channels"]}, "fusion": ["64 channels"]},
        layers=7,
    )
    assert space.kinds.cells == {**usual.kinds.cells, 16: ("skip", "conv")}
    assert space.kinds.at("fusion.join") == ("add",)
    assert space.kinds.at("context") == usual.kinds.at("context")
    assert space.widths.cells == {**usual.widths.cells, 8: ("64 channels",)}
    assert (space.layers, space.is_tied) == (7, True)


def test_the_earlier_keys_go_over_all_of_a_preset() -> None:
    space = SearchSpace(preset="mobile", operators=["skip", "conv"], expansions=[2, 4])
    assert set(space.kinds.cells.values()) == {("skip", "conv")}
    assert set(space.widths.cells.values()) == {(2, 4)}
    assert space.content()["widths"]["cells"] == [2, 4]
    own = SearchSpace(ends_at_fusion_width=False, fusion_expansions=["64 channels"])
    assert (own.widths.ends, own.widths.fusion) == ("own", ("64 channels",))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"preset": "huge"}, "preset: 'huge' is none of paper, mobile, small"),
        ({"kinds": {"fusion.join": ["conv"]}}, "fusion.join: say some of, in order, concatenate"),
        ({"kinds": {"fusion.fuse": ["fuse", "sum"]}}, "fuse and sum write different widths"),
        ({"kinds": {"fusion.fuse": ["sum"]}}, "widths.fusion: what is summed has it"),
        ({"kinds": {"cells": {64: ["conv"]}}}, "there is no stride 64; say 8, 16, 32"),
        ({"kinds": {"cells": {8: ["conv", "skip"]}}}, "cells at stride 8: say some of, in order"),
        ({"kinds": {"tail": ["tail"]}}, "tail\n  Extra inputs are not permitted"),
        ({"widths": {"stem": {0: [8], 1: [12]}}}, "widths.stem: without ties the stem has one"),
        ({"widths": {"stem": {3: [8]}}}, "there is no block 3; say 0, 1"),
        ({"widths": {"cells": {8: []}}}, "cells offers no width"),
        ({"widths": {"head": []}}, "widths.head: the head has no width"),
        ({"widths": {"tied": "branch"}}, "Input should be 'none' or 'stage'"),
        ({"widths": {"cells": {16: [4, "80 channels"]}}}, "cells: widths must all be numbers"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_key(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SearchSpace.model_validate(given)
    assert told in str(caught.value)


LETTERS = {
    "-": "skip",
    "s": "separable_conv",
    "3": "inverted_r3",
    "6": "inverted_r6",
    "C": "conv_x2_residual",
}
DECODER: dict[str, Option] = {
    "kinds.stem.1": "separable_conv",
    "kinds.stem.2": "separable_conv",
    "kinds.context.32": "pyramid_pooling",
    "kinds.fusion.32.join.8": "add",
    "kinds.fusion.32.refine.8": "separable_conv",
    "kinds.head": "separable_head",
}
NETWORKS = Path(__file__).parents[2] / "docs" / "studies" / "networks"
MEMBERS: dict[str, tuple[tuple[int, int, int], tuple[str, str, str], dict[str, Option]]] = {
    "mixed": (
        (8, 7, 5),
        ("s3", "3333-", "CC-"),
        {
            "kinds.fusion.32.join.16": "add",
            "kinds.fusion.32.refine.16": "separable_conv",
            "widths.stem.0": "16 channels",
            "widths.stem.1": "32 channels",
            "widths.fusion": "64 channels",
        },
    ),
    "fast-scnn-wiring": (
        (8, 4, 4),
        ("", "666", "666666-"),
        {
            "kinds.fusion.32.join.16": "pass",
            "kinds.fusion.32.refine.16": "none",
            "widths.stem.0": "32 channels",
            "widths.stem.1": "48 channels",
            "widths.fusion": "128 channels",
        },
    ),
}
"""By file, stage by stage: the widths and the cells, the first of each later one with stride 2."""


@pytest.mark.parametrize("name", MEMBERS)
def test_hand_made_networks_are_members_of_mobile(name: str) -> None:
    lattice = Lattice(SearchSpace(preset="mobile"))
    widths, stages, decoder = MEMBERS[name]
    taken: dict[str, Option] = {n: lattice.choices[n][0] for n in lattice.settled}
    taken |= DECODER | decoder
    node, found = Node(0, 8), []
    for stride, width, stage in zip(STRIDES, widths, stages, strict=True):
        for letter in stage:
            edge = Edge(node, down=stride > node.stride)
            found.append(CellChoice(kind=LETTERS[letter], down=edge.down, expansion=width))
            taken |= {node.kind_choice: LETTERS[letter], f"widths.stages.{stride}": width}
            taken[edge.target.path_choice] = edge.path
            node = edge.target
    taken["widths.stages.8"] = widths[0]
    taken = {one: option for one, option in taken.items() if one in lattice.choices}
    assert all(option in lattice.choices[one] for one, option in taken.items())
    member = architecture_of(lattice, taken)
    assert member.branches == (Branch(stride=32, cells=tuple(found)),)
    assert member.widths["stem.2"] == widths[0]
    assert Architecture.model_validate(member.content()) == member
    assert Architecture.load(NETWORKS / f"{name}.json").content() == member.content()


@pytest.mark.parametrize(
    ("name", "macs", "parameters"),
    [("mixed", 0.538e9, 1.36e6), ("fast-scnn-wiring", 0.562e9, None)],
)
def test_hand_made_members_cost_what_they_were_made_like(
    name: str, macs: float, parameters: float | None
) -> None:
    wiring = wire(Architecture.load(NETWORKS / f"{name}.json"), Geometry(Size(360, 480), 11))
    assert wiring.macs == pytest.approx(macs, rel=0.01)
    if parameters is not None:
        trained = wiring.parameters + sum(step.spec.parameters for step in wiring.auxiliary)
        assert trained == pytest.approx(parameters, rel=0.01)
