"""Drawings show what is built: every block once, in its place, whatever the architecture."""

from __future__ import annotations

import re
from random import Random
from xml.etree import ElementTree

import pytest

from fasterseg.config import STRIDES, Recipe, SearchSpace
from fasterseg.reporting.drawing import STYLE, draw_svg, stack_svgs
from fasterseg.reporting.listing import draw_text
from fasterseg.reporting.placing import Layout, scaled
from fasterseg.space.architecture import Architecture, Branch, CellChoice, Geometry
from fasterseg.space.blocks import Size
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_architecture

GEOMETRY = Geometry(Size(100, 203), 7)


def random_members(count: int, **space: object) -> list[Architecture]:
    """Random architectures of a space."""
    recipe = Recipe(space=SearchSpace.model_validate(space))
    options = Options.of(recipe.space, recipe.contenders[1])
    return [random_architecture(options, Random(seed)) for seed in range(count)]


MEMBERS = [
    *random_members(3),
    *random_members(4, layers=5, branches=(32, 16, 8)),
    *random_members(2, layers=3, branches=(16, 8)),
    *random_members(1, layers=2, branches=(8,)),
    *random_members(2, preset="mobile", layers=5, branches=(32, 16, 8)),
]


def namesakes() -> Architecture:
    """Two branches in different cells of the same layer, stride and direction."""
    conv, skip = (
        CellChoice(kind=operator, expansion=4, down=down)
        for operator, down in (("conv", False), ("skip", False))
    )
    down = CellChoice(kind="conv", expansion=4, down=True)
    return Architecture(
        widths={"stem": 4, "head": 4},
        branches=(
            Branch(stride=16, cells=(conv, down, conv)),
            Branch(stride=8, cells=(skip, skip, skip)),
        ),
    )


def crossing() -> Architecture:
    """The finest and the coarsest branch share a cell that the one between them does not."""
    keep, other = (CellChoice(kind=name, expansion=4) for name in ("conv", "zoomed_conv"))
    down = CellChoice(kind="conv", expansion=4, down=True)
    return Architecture(
        widths={"stem": 4, "head": 4},
        branches=(
            Branch(stride=32, cells=(keep, down, down)),
            Branch(stride=16, cells=(other, other, down)),
            Branch(stride=8, cells=(keep, keep, keep)),
        ),
    )


ALL = [*MEMBERS, namesakes(), crossing()]


@pytest.mark.parametrize("architecture", ALL)
def test_every_block_is_drawn_exactly_once(architecture: Architecture) -> None:
    svg = draw_svg(architecture, GEOMETRY)
    drawn = re.findall(r'data-step="([^"]+)"', svg)
    assert drawn == [step.name for step in Layout(architecture, GEOMETRY).wiring.steps]


@pytest.mark.parametrize("architecture", ALL)
def test_no_two_blocks_stand_in_one_place(architecture: Architecture) -> None:
    placed = Layout(architecture, GEOMETRY).placed
    for one in placed:
        near = [
            other
            for other in placed
            if (other.column, other.band) == (one.column, one.band)
            and abs(other.lane - one.lane) < 1
        ]
        assert near == [one]


@pytest.mark.parametrize("architecture", MEMBERS)
def test_lines_lead_to_the_right_and_one_enters_a_block_for_each_input(
    architecture: Architecture,
) -> None:
    layout = Layout(architecture, GEOMETRY)
    columns = {block.step.name: block.column for block in layout.placed}
    for block in layout.placed:
        for name in block.step.inputs:
            assert name == "image" or columns[name] < block.column
    inputs = sum(
        name in columns and not (block.is_pass_through and at > 0)
        for block in layout.placed
        for at, name in enumerate(block.step.inputs)
    )
    paths = re.findall(r'<path class="edge[^"]*" d="M', draw_svg(architecture, GEOMETRY))
    legend_and_ends = 3
    assert len(paths) == inputs + legend_and_ends


@pytest.mark.parametrize("architecture", MEMBERS)
def test_a_shared_block_belongs_to_every_branch_that_it_feeds(architecture: Architecture) -> None:
    for block in Layout(architecture, GEOMETRY).placed:
        if block.step.name.startswith("stem"):
            assert block.owners == tuple(sorted(b.stride for b in architecture.branches))
        if ".arm." in block.step.name:
            assert block.owners == (int(block.step.name.split(".")[1]),)


def test_a_drawing_is_one_whole_element_and_a_stack_holds_them_all() -> None:
    drawings = tuple(draw_svg(one, GEOMETRY, title="<b> & co") for one in MEMBERS[:3])
    for drawing in drawings:
        ElementTree.fromstring(drawing)
    whole = ElementTree.fromstring(stack_svgs(drawings))
    inner = whole.findall(".//{http://www.w3.org/2000/svg}svg")
    assert len(inner) == 3
    assert float(whole.attrib["height"]) == sum(float(one.attrib["height"]) for one in inner)


def test_everything_lies_inside_the_drawing() -> None:
    for architecture in MEMBERS:
        root = ElementTree.fromstring(draw_svg(architecture, GEOMETRY))
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        for box in root.iter("{http://www.w3.org/2000/svg}rect"):
            left, top = float(box.attrib.get("x", 0)), float(box.attrib.get("y", 0))
            assert 0 <= left <= left + float(box.attrib["width"]) <= width
            assert 0 <= top <= top + float(box.attrib["height"]) <= height


def test_a_skip_that_does_nothing_is_drawn_as_a_line_and_told_as_pass() -> None:
    layout = Layout(namesakes(), GEOMETRY)
    passing = [block for block in layout.placed if block.is_pass_through]
    assert len(passing) == 3
    assert draw_svg(namesakes(), GEOMETRY).count("passes through") == 3
    assert draw_text(namesakes(), GEOMETRY).count("pass 32") == 3


def test_every_output_stride_has_its_colour_in_light_and_dark() -> None:
    for stride in STRIDES:
        assert f".owner-{stride} " in STYLE
        assert STYLE.count(f"--b{stride}: #") == 2


@pytest.mark.parametrize("architecture", MEMBERS)
def test_the_text_names_every_operator_and_width_and_fits_plain_terminals(
    architecture: Architecture,
) -> None:
    text = draw_text(architecture, GEOMETRY, title="found")
    assert text.isascii()
    blocks = list(Layout(architecture, GEOMETRY).placed)
    assert len(re.findall(r"\[(?:\*|\d+)\] ", text)) == len(blocks)
    for block in blocks:
        spec = block.step.spec
        name = "pass" if block.is_pass_through else spec.kind
        assert f"{name} {spec.out_channels}" in text


def test_figures_are_those_of_the_wiring_in_both_forms() -> None:
    layout = Layout(MEMBERS[0], GEOMETRY)
    for drawn in (draw_svg(MEMBERS[0], GEOMETRY), draw_text(MEMBERS[0], GEOMETRY)):
        assert f"{scaled(layout.wiring.macs)} multiply-adds" in drawn
        assert f"{scaled(layout.wiring.parameters)} parameters" in drawn
    assert sum(layout.part_macs().values()) == layout.wiring.macs


@pytest.mark.parametrize(
    ("count", "words"),
    [(7, "7"), (7800, "7.80 thousand"), (45.6e6, "45.6 million"), (1.234e9, "1.23 billion")],
)
def test_counts_are_told_in_words_that_suit_them(count: float, words: str) -> None:
    assert scaled(count) == words
