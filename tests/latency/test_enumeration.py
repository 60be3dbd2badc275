from __future__ import annotations

from every_spec import all_specs

from fasterseg.config import ContenderSettings, SearchSpace
from fasterseg.latency.enumeration import specs_of
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size
from fasterseg.space.options import Options

GEOMETRY = Geometry(Size(1024, 2048), 19)
TEACHER = ContenderSettings(
    name="teacher", role="teacher", stem_expansion=12, head_expansion=12, operators=("conv",)
)
STUDENT = ContenderSettings(name="student", role="student", stem_expansion=8, head_expansion=8)


def test_the_papers_space_has_as_many_blocks_as_its_choices_say() -> None:
    # Five kinds of edge, five operators, five widths on either side, less the fifteen identities;
    # joins at two strides: one for the teacher, whose widths are fixed, five for the student.
    specs = all_specs(SearchSpace(), [TEACHER, STUDENT], GEOMETRY)
    cells = [s for s in specs if s.kind in SearchSpace().operators and s.in_size.height <= 128]
    assert len(cells) == 5 * 5 * 25 - 15
    assert sum(s.kind == "concatenate" for s in specs) == 2 * (1 + 5)


def test_the_list_is_in_a_fixed_order_without_repeats_and_identities() -> None:
    specs = all_specs(SearchSpace(layers=6), [TEACHER, STUDENT], GEOMETRY)
    assert specs == all_specs(SearchSpace(layers=6), [TEACHER, STUDENT], GEOMETRY)
    assert len(set(specs)) == len(specs)
    assert not any(spec.is_identity for spec in specs)
    assert (specs[0].kind, specs[1].kind) == ("input", "conv")


def test_stem_and_head_are_combined_only_as_contenders_have_them() -> None:
    space = SearchSpace(layers=5, expansions=(4, 6))
    stems = {s for s in all_specs(space, [STUDENT], GEOMETRY) if s.in_channels == (3,)}
    assert {s.out_channels for s in stems} == {3, 8 * 4}
    joins = {
        s.in_channels
        for s in all_specs(space, [TEACHER, STUDENT], GEOMETRY)
        if s.kind == "concatenate" and s.stride == 1 and s.in_size == Size(128, 256)
    }
    assert (8 * 8, 8 * 12) not in joins, "no contender has head 8 and stem 12"
    assert (8 * 12, 8 * 12) in joins


def test_open_stem_and_head_widths_are_all_listed() -> None:
    space = SearchSpace(layers=5, stem_expansions=(4, 6, 8), head_expansions=(4, 10))
    specs = specs_of([Options.of_space(space)], GEOMETRY)
    assert {s.out_channels for s in specs if s.in_channels == (3,)} == {3, 16, 24, 32}
    assert {s.in_channels for s in specs if s.kind == "fuse"} == {(32, 32), (80, 80)}


def test_operators_that_no_contender_takes_are_not_timed() -> None:
    specs = all_specs(SearchSpace(layers=5), [TEACHER], GEOMETRY)
    assert not any(spec.kind in ("skip", "zoomed_conv", "zoomed_conv_x2") for spec in specs)
