"""A teacher that is the widest network: nothing of it is searched; it is landed like others."""

from __future__ import annotations

from pathlib import Path

import torch
from made_up_search import RECIPE, search_in
from small_searches import OPERATORS, small_search
from small_spaces import GEOMETRY, make_student, make_teacher

from fasterseg.config import Recipe
from fasterseg.runs import RunFolder
from fasterseg.searching.derivation import derive
from fasterseg.space.architecture import Architecture, wire

STUDENT = make_student(operators=OPERATORS)
WIDEST = make_teacher(operators=OPERATORS[1:], architecture="widest")
CONTENDERS = [
    {**one, "architecture": "widest"} if one["role"] == "teacher" else one
    for one in RECIPE.content()["contenders"]
]


def test_it_takes_no_part_in_the_search() -> None:
    beside, alone = small_search(contenders=(WIDEST, STUDENT)), small_search(contenders=(STUDENT,))
    assert not [*beside.contenders[0].parameters.parameters()]
    for search in (beside, alone):
        search.pretraining.step(0)
    events = [search.cosearch.step(0) for search in (beside, alone)]
    assert events[0] == events[1]
    weights = [search.weights.supernet.state_dict() for search in (beside, alone)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_it_is_the_network_with_the_most_multiply_adds_of_its_options() -> None:
    searched = make_teacher(operators=OPERATORS[1:])
    teachers = [small_search(contenders=(t, STUDENT)).contenders[0] for t in (WIDEST, searched)]
    widest, other = (derive(one.options, one.parameters.probabilities()) for one in teachers)
    assert wire(widest, GEOMETRY).macs > wire(other, GEOMETRY).macs
    assert {cell.kind for branch in widest.branches for cell in branch.cells} == {"conv"}


def test_a_search_ends_with_it_measured_recorded_and_not_scored(tmp_path: Path) -> None:
    content = {**RECIPE.content(), "contenders": CONTENDERS}
    content["search"] |= {"pretrain_steps": 2, "steps": 2}
    summary = search_in(tmp_path, recipe=Recipe.model_validate(content))
    teacher, student = summary.contenders
    assert teacher.architecture == "widest"
    assert teacher.measured_ms == teacher.estimated_ms == teacher.derived_ms
    assert teacher.subnet_miou is None
    assert teacher.choices == ()
    assert student.subnet_miou == 0.5
    assert "teacher: the widest network, not searched, estimated" in summary.describe()
    assert Architecture.load(RunFolder(tmp_path).architecture("teacher")).branches
    assert {visited.stage for visited in summary.visits} == {"pre-training", "search"}
