"""Label spaces: consistent with themselves, with colours that can be told apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from fasterseg.datasets.labels import LabelSpace, distinct_colours


def test_colours_made_up_from_ids_are_distinct_for_many_classes() -> None:
    colours = distinct_colours(400)
    assert len(set(colours)) == 400
    assert all(0 <= channel <= 255 for colour in colours for channel in colour)


def test_first_colours_do_not_depend_on_how_many_follow() -> None:
    assert distinct_colours(300)[:7] == distinct_colours(7)


def test_ignore_value_moves_up_when_uint8_is_full() -> None:
    assert LabelSpace.from_names([f"c{k}" for k in range(255)]).ignore == 255
    assert LabelSpace.from_names([f"c{k}" for k in range(256)]).ignore == 65535


def test_classes_do_not_count_the_ignore_value() -> None:
    assert LabelSpace.from_names(["a", "b"]).classes == 2


def test_a_space_survives_its_file(tmp_path: Path) -> None:
    space = LabelSpace.from_names(["road", "sky"])
    space.save(tmp_path / "labels.json")
    assert LabelSpace.load(tmp_path / "labels.json") == space


@pytest.mark.parametrize(
    ("names", "colours", "ignore", "message"),
    [
        (("a", "a"), ((1, 2, 3), (3, 2, 1)), 255, "same name"),
        (("a", " "), ((1, 2, 3), (3, 2, 1)), 255, "empty name"),
        (("a", "b"), ((1, 2, 3),), 255, "1 colours"),
        (("a", "b"), ((1, 2, 3), (3, 2, 256)), 255, "outside"),
        (("a", "b"), ((1, 2, 3), (3, 2, 1)), 1, "id of a class"),
    ],
)
def test_contradictions_are_refused(
    names: tuple[str, ...],
    colours: tuple[tuple[int, int, int], ...],
    ignore: int,
    message: str,
) -> None:
    with pytest.raises(ValidationError, match=message):
        LabelSpace(names=names, colours=colours, ignore=ignore)
