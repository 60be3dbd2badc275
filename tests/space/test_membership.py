"""The way from a network back to the options that make it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from fasterseg.errors import FileError, UsageError
from fasterseg.space.assignment import architecture_of
from fasterseg.space.known_networks import known_names, known_network
from fasterseg.space.membership import assignment_of
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_assignment
from fasterseg.space.search_space import SearchSpace

SPACES = {
    "paper": SearchSpace(preset="paper"),
    "small": SearchSpace(preset="small"),
    "mobile": SearchSpace(
        preset="mobile", branches=((32,), (32, 16), (32, 8)), input_scale=("1", "3/4")
    ),
}


@pytest.mark.parametrize("name", SPACES)
def test_every_network_of_a_space_leads_back_to_itself(name: str) -> None:
    options, dice = Options.of_space(SPACES[name]), Random(0)
    for _ in range(30):
        network = architecture_of(options.lattice, random_assignment(options, dice))
        found = assignment_of(network, options)
        assert found is not None
        assert found.keys() == options.choices.keys()
        assert architecture_of(options.lattice, found) == network


def test_a_network_of_another_space_is_no_member() -> None:
    paper, mobile = (Options.of_space(SPACES[name]) for name in ("paper", "mobile"))
    for one, other in ((paper, mobile), (mobile, paper)):
        network = architecture_of(one.lattice, random_assignment(one, Random(1)))
        assert assignment_of(network, other) is None


def test_a_width_or_a_scale_that_is_not_on_offer_makes_it_no_member() -> None:
    options = Options.of_space(SPACES["mobile"])
    mixed = known_network("mixed", where="here")
    assert assignment_of(mixed, options) is not None
    for changes in (
        {"input_scale": "1/2"},
        {"widths": {**mixed.widths, "fusion": "112 channels", "head": "112 channels"}},
    ):
        other = type(mixed).model_validate({**mixed.model_dump(), **changes})
        assert assignment_of(other, options) is None, changes


@pytest.mark.parametrize("name", known_names())
def test_networks_of_the_package_are_members_of_mobile(name: str) -> None:
    space = SearchSpace(preset="mobile")
    assert assignment_of(known_network(name, where="here"), Options.of_space(space)) is not None


def test_a_network_is_called_by_its_name_or_lies_in_a_file(tmp_path: Path) -> None:
    mixed = known_network("mixed", where="here")
    mixed.save(tmp_path / "own.json")
    assert known_network(str(tmp_path / "own.json"), where="here") == mixed
    with pytest.raises(UsageError, match="no such network") as caught:
        known_network("mixd", where="search.selection.known")
    assert "did you mean 'mixed'?" in caught.value.next_step
    (tmp_path / "none.json").write_text("{}")
    with pytest.raises(FileError):
        known_network(str(tmp_path / "none.json"), where="here")
