"""The one walk of a space, and the names and options of its choices."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from small_spaces import GEOMETRY, UNTIED, lattice_of, make_space, make_teacher, open_student

from fasterseg.space.choices import FUSION, HEAD, STEM, Option, place, section
from fasterseg.space.options import Options
from fasterseg.space.placements import IMAGE, Placement


def first_of_each(choices: Mapping[str, tuple[Option, ...]]) -> dict[str, Option]:
    return {name: options[0] for name, options in choices.items()}


@pytest.mark.parametrize("branches", [(32, 16), (32, 16, 8), (16,), (8,)])
def test_a_place_reads_only_places_that_came_before(branches: tuple[int, ...]) -> None:
    known = {IMAGE}
    for one in lattice_of(5, branches=branches).placements(3):
        assert set(one.sources) <= known, one.name
        known.add(one.name)


def test_every_choice_of_a_place_is_a_choice_of_the_space() -> None:
    for changes in ({}, UNTIED, {"branches": (32, 16, 8)}):
        lattice = lattice_of(5, **changes)
        for one in lattice.placements(3):
            assert set(one.choices) <= lattice.choices.keys()
            assert one.kinds == lattice.choices[one.kind_choice]
            assert one.spec(first_of_each(lattice.choices), GEOMETRY.size).kind == one.kinds[0]


def test_choices_are_named_by_section_and_place_paths_first_then_kinds_then_widths() -> None:
    names = [*lattice_of(3, **UNTIED).choices]
    assert [section(name) for name in names] == sorted(
        (section(name) for name in names), key=["paths", "kinds", "widths"].index
    )
    assert names[0] == "paths.cells.2.16"
    cells = ["kinds.cells.0.8", "kinds.cells.1.8", "kinds.cells.1.16"]
    assert [name for name in names if name.startswith("kinds.cells")][:3] == cells
    assert [n for n in names if section(n) == "widths"][:2] == [STEM, "widths.cells.1.8"]
    assert names[-2:] == [FUSION, HEAD]
    assert place("kinds.fusion.32.join.16") == "fusion.32.join.16"


def test_keep_and_down_of_a_cell_share_one_choice_of_kind() -> None:
    by_choice: dict[str, set[str]] = {}
    for one in lattice_of(4).placements(3):
        by_choice.setdefault(one.kind_choice, set()).add(one.name)
    assert by_choice["kinds.cells.0.8"] == {"cells.0.8.keep", "cells.0.8.down"}


def test_what_stands_outside_the_cells_is_settled_until_two_kinds_are_on_offer() -> None:
    lattice = lattice_of(4, operators=("conv",))
    assert {"kinds.stem.1", "kinds.head", "kinds.tail"} <= lattice.settled
    assert "kinds.cells.0.8" not in lattice.settled
    lattice = lattice_of(4, stem_kinds=("conv", "conv_x2"))
    assert not {"kinds.stem.1", "kinds.stem.2"} & lattice.settled
    assert lattice.choices["kinds.stem.1"] == ("conv", "conv_x2")


def test_a_contender_takes_of_each_choice_what_its_settings_leave() -> None:
    space = make_space(4, **UNTIED)
    free, held = Options.of(space, open_student()), Options.of(space, make_teacher())
    assert (free.choices[STEM], free.choices[FUSION], free.choices[HEAD]) == (
        (1, 2, 3),
        (2, 5),
        (1, 3, 4, 6),
    )
    assert held.choices["kinds.cells.1.8"] == ("conv", "conv_x2", "zoomed_conv", "zoomed_conv_x2")
    assert (held.choices["widths.cells.1.8"], held.choices[STEM]) == ((4,), (4,))
    assert STEM in free.searched
    assert STEM not in held.searched
    assert "kinds.head" not in free.searched
    assert held.allows({STEM: 4, "kinds.cells.1.8": "conv"})
    assert not held.allows({"kinds.cells.1.8": "skip"})


def test_a_refine_is_used_where_its_branch_goes_down_and_a_cell_where_any_branch_does() -> None:
    places: list[Placement] = list(lattice_of(4).placements(3))
    refines = [one for one in places if one.name == "fusion.32.join.16"]
    assert [one.used[0].block for one in refines] == ["cells.1.16.down", "cells.2.16.down"]
    assert {one.used[0].branches for one in refines} == {(32,)}
    (cell,) = [one for one in places if one.name == "cells.0.8.down"]
    assert cell.used == (("cells.0.8.down", (32, 16)),)
    assert all(not one.used for one in places if one.part in ("stem", "head"))
    assert {one.used for one in places if one.name.startswith("fusion.32.arm")} == {()}


def test_an_auxiliary_head_has_a_place_for_every_mixture_of_widths_that_it_may_read() -> None:
    heads = [one for one in lattice_of(4).placements(3) if one.name == "auxiliary.16"]
    refines = [one for one in lattice_of(4).placements(3) if one.name == "fusion.32.join.16"]
    assert len(heads) == len(refines)
    assert [len(one.slot.inputs) for one in heads] == [2] * len(heads)
