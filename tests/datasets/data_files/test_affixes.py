from __future__ import annotations

import unicodedata

import pytest

from fasterseg.datasets.data_files.affixes import NO_AFFIXES, Affixes


@pytest.mark.parametrize(
    "affixes", [NO_AFFIXES, Affixes("a_", "_b"), Affixes("a"), Affixes("", "b")]
)
@pytest.mark.parametrize("name", ["x", "north/x", "a_b", ""])
def test_a_name_is_what_is_inside_of_what_is_around_it(affixes: Affixes, name: str) -> None:
    assert affixes.inside(affixes.around(name)) == name


@pytest.mark.parametrize("file", ["x_b", "a_x", "a_/x_b", "a_b"])
def test_a_file_that_is_called_otherwise_has_no_name_inside(file: str) -> None:
    assert Affixes("a_", "_b").inside(file) is None


def test_letters_taken_apart_are_the_same() -> None:
    apart = unicodedata.normalize("NFD", "Fläche_1")
    assert Affixes("Fläche_").inside(apart) == "1"
    assert Affixes(unicodedata.normalize("NFD", "Fläche_")).inside("Fläche_1") == "1"
