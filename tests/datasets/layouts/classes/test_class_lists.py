"""Lists of classes: names alone, or names with their ids; what nobody can read is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasterseg.datasets.layouts.classes.class_lists import names_in
from fasterseg.datasets.pairing.pairs import Tree
from fasterseg.errors import DataError


def names_of(folder: Path, text: str) -> tuple[str, ...]:
    (folder / "classes.txt").write_text(text, encoding="utf-8")
    return names_in(Tree(folder), folder / "classes.txt")


@pytest.mark.parametrize(
    "text",
    [
        "background\nroad\ncar\n\n",
        "# id and name\n0: background\n1: road\n2: car\n",
        "0 background\n2 car\n1 road\n",
        "0,background\n1,road\n2,car\n",
        "0\tbackground\n1\troad\n2\tcar\n",
        "0) background\n1) road\n2) car\n",
        "background: 0\nroad: 1\ncar: 2\n",
        "car=2\nroad=1\nbackground=0\n",
    ],
)
def test_names_are_in_the_order_of_their_ids(tmp_path: Path, text: str) -> None:
    assert names_of(tmp_path, text) == ("background", "road", "car")


@pytest.mark.parametrize(
    "names", [("lane 1", "lane 2"), ("4 wheeler", "car", "2 wheeler"), ("1", "2"), ("0 road",)]
)
def test_numbers_that_are_of_the_names_stay(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert names_of(tmp_path, "\n".join(names)) == names


def test_ids_that_leave_one_out_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not name each id") as told:
        names_of(tmp_path, "1: road\n2: car\n")
    assert "no line has 0" in str(told.value)


def test_an_empty_line_between_names_is_refused_and_told_by_its_number(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="an empty line") as told:
        names_of(tmp_path, "background\n\ncar\n")
    assert "classes.txt:2" in str(told.value)
