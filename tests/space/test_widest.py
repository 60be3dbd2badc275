"""The widest network has the most multiply-adds of all that a contender may take."""

from __future__ import annotations

from typing import Any

import pytest
from small_spaces import GEOMETRY, every_assignment, make_space, make_teacher, random_architectures

from fasterseg.config import ContenderSettings, SearchSpace
from fasterseg.space.architecture import Architecture, wire
from fasterseg.space.assignment import architecture_of
from fasterseg.space.options import Options
from fasterseg.space.widest import options_of, widest

TEACHER = ContenderSettings(name="teacher", role="teacher")
TINY = make_space(2, branches=(16, 8), operators=("skip", "conv"))
SPACES: dict[str, Any] = {
    "the paper's kinds": make_space(5),
    "several sets of branches and scales": make_space(
        4, branches=((8,), (16, 8)), input_scale=("1", "1/2")
    ),
    "widths by stage": SearchSpace.model_validate({"preset": "small", "layers": 5}),
}


def macs(architecture: Architecture) -> int:
    return wire(architecture, GEOMETRY).macs


def network_of(options: Options) -> Architecture:
    taken = {name: option for name, (option,) in options.choices.items()}
    return architecture_of(options.lattice, taken)


def test_no_network_of_a_small_space_has_more_multiply_adds() -> None:
    options = Options.of_space(TINY)
    most = max(macs(architecture_of(options.lattice, one)) for one in every_assignment(options))
    assert macs(network_of(widest(options))) == most


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_a_teacher_that_is_the_widest_has_one_option_of_each_choice_and_they_are_its_own(
    space: Any,
) -> None:
    searched = options_of(space, TEACHER)
    taken = options_of(space, TEACHER.model_copy(update={"architecture": "widest"}))
    assert taken.searched == ()
    assert searched.allows({name: option for name, (option,) in taken.choices.items()})
    largest = macs(network_of(taken))
    assert all(macs(one) <= largest for one in random_architectures(searched, 20))


def test_who_is_searched_has_the_options_that_its_settings_leave() -> None:
    assert options_of(TINY, make_teacher()) == Options.of(TINY, make_teacher())
