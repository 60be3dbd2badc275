"""Architectures: values that people can read and edit, and the wiring that they stand for."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from published import PUBLISHED_STUDENT, PUBLISHED_TEACHER
from pydantic import ValidationError
from small_spaces import GEOMETRY, UNTIED, make_space, random_architectures

from fasterseg.artifacts import digest_of_value
from fasterseg.config import STRIDES, Operator
from fasterseg.errors import FileError
from fasterseg.space.architecture import Architecture, Branch, CellChoice, Geometry, wire
from fasterseg.space.blocks import Size
from fasterseg.space.options import Options
from fasterseg.space.placements import IMAGE

CITYSCAPES = Geometry(Size(1024, 2048), 19)


def cells(*choices: tuple[Operator, bool, int]) -> tuple[CellChoice, ...]:
    return tuple(CellChoice(kind=op, down=down, expansion=e) for op, down, e in choices)


def architecture(*branches: Branch) -> Architecture:
    return Architecture(widths={"stem": 2, "head": 3}, branches=branches)


TWO_BRANCHES = architecture(
    Branch(
        stride=32,
        cells=cells(("conv", False, 2), ("conv", True, 4), ("skip", True, 4), ("conv", False, 3)),
    ),
    Branch(
        stride=16,
        cells=cells(("conv", False, 2), ("conv", True, 4), ("conv", False, 2), ("skip", False, 3)),
    ),
)


def test_random_architectures_survive_json(tmp_path: Path) -> None:
    for layers, changes in (
        (3, {}),
        (5, {"branches": (32, 16, 8)}),
        (4, {"branches": (16,)}),
        (6, UNTIED),
    ):
        options = Options.of_space(make_space(layers, **changes))
        for index, found in enumerate(random_architectures(options, 20)):
            path = found.save(tmp_path / f"{layers}-{index}.json")
            again = Architecture.load(path)
            assert again == found
            assert again.digest() == found.digest()
            assert wire(again, GEOMETRY) == wire(found, GEOMETRY)


def test_a_file_without_a_width_of_the_fusion_means_the_heads() -> None:
    assert "fusion" not in TWO_BRANCHES.content()["widths"]
    assert TWO_BRANCHES.widths["fusion"] == 3
    told = Architecture.model_validate(
        {**TWO_BRANCHES.content(), "widths": {"stem": 2, "fusion": 3, "head": 3}}
    )
    assert told == TWO_BRANCHES
    assert told.digest() == TWO_BRANCHES.digest()


FIRST_FORM = {
    "stem_expansion": 2,
    "head_expansion": 3,
    "branches": [
        {
            "stride": 16,
            "cells": [
                {"operator": "conv", "down": True, "expansion": 4},
                {"operator": "skip", "expansion": 3},
            ],
        }
    ],
}


def in_file(content: dict[str, Any], path: Path, tag: str) -> Path:
    path.write_text(json.dumps({"schema": tag, "content": content, "provenance": {}}))
    return path


def test_a_file_in_the_first_form_reads_as_the_same_value_with_the_same_digest(
    tmp_path: Path,
) -> None:
    old = Architecture.load(in_file(FIRST_FORM, tmp_path / "old.json", "fasterseg/architecture/1"))
    assert old.widths == {"stem": 2, "fusion": 3, "head": 3}
    assert [cell.kind for cell in old.branches[0].cells] == ["conv", "skip"]
    first = {**FIRST_FORM["branches"][0]["cells"][1], "down": False}  # type: ignore[index]
    whole = json.loads(json.dumps(FIRST_FORM))
    whole["branches"][0]["cells"][1] = first
    assert old.digest() == digest_of_value(whole)
    again = Architecture.load(old.save(tmp_path / "new.json"))
    assert json.loads((tmp_path / "new.json").read_text())["schema"] == "fasterseg/architecture/2"
    assert again == old
    assert again.digest() == old.digest()


def test_what_is_wrong_in_the_first_form_is_said_in_its_words(tmp_path: Path) -> None:
    cells = FIRST_FORM["branches"][0]["cells"]  # type: ignore[index]
    for wrong, told in (
        ({**FIRST_FORM, "head_expansion": 4}, "branch 16 must end at the fusion's expansion"),
        ({**FIRST_FORM, "fusion_expansion": 0}, "fusion_expansion: Input should be greater"),
        ({**FIRST_FORM, "branches": 3}, "branches: Input should be a valid tuple"),
        ({"stem_expansion": 2, "branches": []}, "head_expansion: Field required"),
        ({**FIRST_FORM, "branches": [{"stride": 16, "cells": [*cells, 3]}]}, "branches.0.cells.2"),
    ):
        with pytest.raises(FileError) as caught:
            Architecture.load(in_file(wrong, tmp_path / "a.json", "fasterseg/architecture/1"))
        assert told in caught.value.why


def test_a_kind_outside_the_cells_is_told_where_it_is_not_the_papers(
    tmp_path: Path,
) -> None:
    content = TWO_BRANCHES.content()
    usual = Architecture.model_validate({**content, "kinds": {"stem.1": "conv_x2"}})
    assert usual == TWO_BRANCHES
    lean = Architecture.model_validate({**content, "kinds": {"stem.1": "conv"}})
    assert lean.content()["kinds"] == {"stem.1": "conv"}
    assert len({lean.digest(), usual.digest()}) == 2
    assert len({lean, usual, TWO_BRANCHES}) == 2
    assert Architecture.load(lean.save(tmp_path / "lean.json")) == lean
    kinds = {step.name: step.spec.kind for step in wire(lean, GEOMETRY).steps}
    assert (kinds["stem.1"], kinds["stem.2"]) == ("conv", "conv_x2")


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        ({"stem.1": "head"}, "'head' cannot stand at stem.1: conv_x2 or skip or"),
        (
            {"stem.7": "conv"},
            "there is no 'stem.7'; the places are stem.0, stem.1, stem.2, context",
        ),
        ({"cells.0.8": "conv"}, "there is no 'cells.0.8'"),
    ],
)
def test_a_kind_where_it_cannot_stand_is_refused_in_one_sentence(
    kinds: dict[str, str], told: str
) -> None:
    with pytest.raises(ValidationError, match=told):
        Architecture.model_validate({**TWO_BRANCHES.content(), "kinds": kinds})


def test_a_width_in_words_is_a_plain_count_whatever_the_stride() -> None:
    branch = Branch(
        stride=32,
        cells=cells(("conv", True, 4), ("conv", True, 2)),
    )
    widths = {"stem": "24 channels", "fusion": "64 channels", "head": "48 channels"}
    found = Architecture(widths=widths, branches=(branch,))
    steps = {step.name: step.spec for step in wire(found, GEOMETRY).steps}
    assert steps["stem.0"].out_channels == steps["stem.2"].out_channels == 24
    assert steps["cells.0.8.down"].in_channels == (24,)
    assert steps["fusion.32.arm.16"].in_channels == (2 * 32,)
    assert steps["fusion.32.arm.16"].out_channels == steps["fusion.32.arm.8"].out_channels == 64
    assert steps["fusion.32.join.8"].in_channels == (64, 24)
    assert (steps["fusion.fuse"].in_channels, steps["fusion.fuse"].out_channels) == ((64,), 48)
    assert Architecture.model_validate(found.content()) == found


def test_a_branch_may_end_at_a_width_of_its_own_where_an_arm_follows() -> None:
    branches = (
        Branch(stride=16, cells=cells(("conv", True, 4), ("conv", False, 6))),
        Branch(stride=8, cells=cells(("conv", False, 4), ("conv", False, 3))),
    )
    found = Architecture(widths={"stem": 2, "head": 3}, branches=branches)
    steps = {step.name: step.spec for step in wire(found, GEOMETRY).steps}
    assert steps["fusion.16.arm.8"].in_channels == (6 * 16,)
    assert steps["fusion.16.arm.8"].out_channels == 3 * 8
    assert "fusion.8.arm.8" not in steps
    fine = Branch(stride=8, cells=cells(("conv", False, 4), ("conv", False, 4)))
    other = Architecture(widths={"stem": 2, "head": 3}, branches=(branches[0], fine))
    steps = {step.name: step.spec for step in wire(other, GEOMETRY).steps}
    lift = steps["fusion.8.arm.8"]
    assert (lift.kind, lift.in_channels, lift.out_channels) == ("lift", (4 * 8,), 3 * 8)
    assert steps["fusion.fuse"].in_channels == (3 * 8, 3 * 8)
    assert Architecture.model_validate(other.content()) == other


def test_fusion_and_head_may_have_widths_of_their_own() -> None:
    branch = Branch(stride=16, cells=cells(("conv", True, 4), ("conv", False, 5)))
    found = Architecture(widths={"stem": 2, "fusion": 5, "head": 3}, branches=(branch,))
    steps = {step.name: step.spec for step in wire(found, GEOMETRY).steps}
    assert steps["fusion.16.arm.8"].in_channels == (5 * 16,)
    assert steps["fusion.16.arm.8"].out_channels == 5 * 8
    assert steps["fusion.16.join.8"].in_channels == (5 * 8, 2 * 8)
    assert (steps["fusion.fuse"].in_channels, steps["fusion.fuse"].out_channels) == ((40,), 24)
    assert steps["head"].in_channels == (24,)
    assert found.content()["widths"]["fusion"] == 5


def test_a_hand_edited_architecture_is_read_as_edited(tmp_path: Path) -> None:
    path = TWO_BRANCHES.save(tmp_path / "architecture.json")
    document = json.loads(path.read_text())
    document["content"]["branches"][0]["cells"][1]["kind"] = "zoomed_conv_x2"
    path.write_text(json.dumps(document))
    with pytest.raises(FileError, match='if you changed it yourself, delete its line "digest"'):
        Architecture.load(path)
    del document["digest"]
    path.write_text(json.dumps(document))
    assert Architecture.load(path).branches[0].cells[1].kind == "zoomed_conv_x2"


def test_a_flipped_bit_of_an_architecture_is_noticed_or_says_the_same(tmp_path: Path) -> None:
    path = TWO_BRANCHES.save(tmp_path / "architecture.json")
    whole = path.read_bytes()
    for at in range(0, 8 * len(whole), 5):
        flipped = bytearray(whole)
        flipped[at // 8] ^= 1 << at % 8
        path.write_bytes(flipped)
        with suppress(FileError):
            assert Architecture.load(path) == TWO_BRANCHES


@pytest.mark.parametrize("tag", [1, 2])
def test_an_architecture_of_more_cells_or_branches_than_can_be_is_refused(tag: int) -> None:
    content = TWO_BRANCHES.content() if tag == 2 else FIRST_FORM
    branch = content["branches"][0]  # type: ignore[index]
    for branches in ([branch] * 1000, [{**branch, "cells": branch["cells"] * 1000}]):
        with pytest.raises(ValueError, match=r"at most|once each"):
            Architecture.model_validate({**content, "branches": branches})


def _end_elsewhere(content: dict[str, Any]) -> None:
    content["branches"][0]["cells"][1]["down"] = False


def _unknown_operator(content: dict[str, Any]) -> None:
    content["branches"][0]["cells"][0]["kind"] = "conv_x3"


def _unknown_key(content: dict[str, Any]) -> None:
    content["branches"][0]["cells"][0]["dilation"] = 2


def _no_head(content: dict[str, Any]) -> None:
    del content["widths"]["head"]


def _unknown_width(content: dict[str, Any]) -> None:
    content["widths"]["tail"] = 4


def _width_in_other_words(content: dict[str, Any]) -> None:
    content["widths"]["fusion"] = "64"


def _kind_nowhere(content: dict[str, Any]) -> None:
    content["kinds"]["fusion.8.arm.8"] = "arm"


def _larger_input(content: dict[str, Any]) -> None:
    content["input_scale"] = "3/2"


def _scale_not_reduced(content: dict[str, Any]) -> None:
    content["input_scale"] = "2/4"


def _finest_first(content: dict[str, Any]) -> None:
    content["branches"].reverse()


def _same_branch_twice(content: dict[str, Any]) -> None:
    content["branches"][1] = content["branches"][0]


def _no_branch(content: dict[str, Any]) -> None:
    content["branches"] = []


def _no_cell(content: dict[str, Any]) -> None:
    content["branches"][0]["cells"] = []


def _no_channels(content: dict[str, Any]) -> None:
    content["branches"][0]["cells"][0]["expansion"] = 0


def _no_stem(content: dict[str, Any]) -> None:
    content["widths"]["stem"] = 0


@pytest.mark.parametrize(
    "edit",
    [
        _end_elsewhere,
        _unknown_operator,
        _unknown_key,
        _no_head,
        _unknown_width,
        _width_in_other_words,
        _kind_nowhere,
        _larger_input,
        _scale_not_reduced,
        _finest_first,
        _same_branch_twice,
        _no_branch,
        _no_cell,
        _no_channels,
        _no_stem,
    ],
)
def test_a_wrongly_edited_architecture_is_refused_in_one_sentence(
    tmp_path: Path, edit: Callable[[dict[str, Any]], None]
) -> None:
    path = TWO_BRANCHES.save(tmp_path / "architecture.json")
    document = json.loads(path.read_text())
    edit(document["content"])
    path.write_text(json.dumps(document))
    with pytest.raises(FileError) as caught:
        Architecture.load(path)
    assert str(path) in caught.value.where
    assert caught.value.why


def test_architectures_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        TWO_BRANCHES.branches = ()  # type: ignore[misc]


def test_a_cell_that_two_branches_share_is_wired_once() -> None:
    names = [step.name for step in wire(TWO_BRANCHES, GEOMETRY).steps]
    assert names.count("cells.0.8.keep") == 1
    assert names.count("cells.1.8.down") == 1
    assert len(names) == len(set(names))


def test_namesakes_behind_different_cells_are_wired_apart() -> None:
    late = architecture(
        Branch(
            stride=32,
            cells=cells(
                ("conv", True, 4), ("conv", False, 4), ("skip", True, 4), ("conv", False, 3)
            ),
        ),
        Branch(
            stride=16,
            cells=cells(
                ("conv", False, 4), ("conv", True, 4), ("conv", False, 4), ("conv", False, 3)
            ),
        ),
    )
    same_again = architecture(
        late.branches[0],
        Branch(
            stride=16,
            cells=cells(
                ("conv_x2", True, 4), ("conv", False, 4), ("conv", False, 4), ("conv", False, 3)
            ),
        ),
    )
    names = [step.name for step in wire(same_again, GEOMETRY).steps]
    assert {"cells.0.8.down", "cells.0.8.down.16"} <= set(names)
    assert {"cells.1.16.keep", "cells.1.16.keep.16"} <= set(names)
    assert "cells.1.16.keep.16" not in [step.name for step in wire(late, GEOMETRY).steps]


def test_cells_that_only_the_finer_two_of_three_branches_share_are_wired_once() -> None:
    fine = cells(("zoomed_conv", False, 2), ("conv", False, 4))
    three = architecture(
        Branch(
            stride=32,
            cells=cells(
                ("conv", False, 2), ("conv", False, 4), ("conv", True, 2), ("conv", True, 3)
            ),
        ),
        Branch(stride=16, cells=(*fine, *cells(("conv", True, 4), ("conv", False, 3)))),
        Branch(stride=8, cells=(*fine, *cells(("conv", False, 4), ("conv", False, 3)))),
    )
    names = [step.name for step in wire(three, GEOMETRY).steps]
    assert sum(name.startswith("cells.0.8.keep") for name in names) == 2
    assert sum(name.startswith("cells.1.8.keep") for name in names) == 2


def test_every_step_reads_steps_that_came_before_with_the_channels_that_it_expects() -> None:
    for branches in ((32, 16), (32, 8), (32, 16, 8), (16,), (8,)):
        options = Options.of_space(make_space(5, branches=branches))
        for found in random_architectures(options, 10):
            wiring = wire(found, Geometry(Size(45, 77), 3))
            written = {IMAGE: (3, Size(45, 77))}
            for step in (*wiring.steps, *wiring.auxiliary):
                sources = [written[name] for name in step.inputs]
                assert step.spec.in_channels == tuple(count for count, _ in sources)
                assert {size for _, size in sources} == {step.spec.in_size}
                written[step.name] = (step.spec.out_channels, step.spec.out_size)


def test_only_blocks_that_do_something_are_timed_and_the_auxiliary_heads_are_not() -> None:
    wiring = wire(TWO_BRANCHES, GEOMETRY)
    timed = wiring.timed_specs()
    assert timed[0].kind == "input"
    assert timed[-1].kind == "tail"
    assert not [spec for spec in timed if spec.is_identity or spec.kind == "auxiliary"]
    idle = sum(step.spec.is_identity for step in wiring.steps)
    assert len(timed) == len(wiring.steps) + 2 - idle


def test_auxiliary_heads_read_every_branch_that_passes_their_stride() -> None:
    options = Options.of_space(make_space(5, branches=(32, 16, 8)))
    for found in random_architectures(options, 5):
        by_name = {step.name: step for step in wire(found, GEOMETRY).auxiliary}
        assert list(by_name) == ["auxiliary.32", "auxiliary.16"]
        assert len(by_name["auxiliary.32"].inputs) == 1
        assert len(by_name["auxiliary.16"].inputs) == 2


@pytest.mark.parametrize(
    ("published", "gmacs", "with_heads", "evaluated", "unused"),
    [
        (PUBLISHED_STUDENT, 27.770, 4_385_689, 3_454_643, 32_768),
        (PUBLISHED_TEACHER, 107.779, 23_524_137, 22_188_931, 73_728),
    ],
    ids=["student", "teacher"],
)
def test_published_networks_have_the_published_costs(
    published: Architecture, gmacs: float, with_heads: int, evaluated: int, unused: int
) -> None:
    """The authors count the weights of an attention that they build and never use."""
    wiring = wire(published, CITYSCAPES)
    assert round(wiring.macs / 1e9, 3) == gmacs
    assert wiring.parameters == evaluated - unused
    auxiliary = sum(step.spec.parameters for step in wiring.auxiliary)
    assert wiring.parameters + auxiliary == with_heads - unused


def test_strides_of_the_published_student_are_those_of_its_scales() -> None:
    coarse, fine = PUBLISHED_STUDENT.branches
    assert [STRIDES.index(stride) for stride in coarse.strides()] == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    assert [STRIDES.index(stride) for stride in fine.strides()] == [0, 0, 0, 0, 0, 0, 1, 1, 1]
