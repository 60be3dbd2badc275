"""A data file, or what is given as one, may be as long as it can: it is right or refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from own_data import own_data

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.labels import distinct_colours
from fasterseg.datasets.opening import open_data, open_files
from fasterseg.errors import DataError

MANY = 20_000
SPLITS = "train: images/train\nval: images/val\n"
NAMED = SPLITS + "names: [a, b, c]\n"


def several(text: str, *, first: int = 0) -> str:
    """A text for each of many numbers, with commas between."""
    return ", ".join(text.format(number) for number in range(first, MANY))


REFUSED = {
    "many keys": ("".join(f"k{i}: {{}}\n" for i in range(MANY)), "20,000 keys"),
    "a key without end": (f"{NAMED}? {'k' * 500_000}\n: 1\n", r"no key 'k+\.\.\.'"),
    "names from 1": (
        SPLITS + f"names: {{{several('{0}: n{0}', first=1)}}}\n",
        "here they are 1, 2",
    ),
    "one name": (SPLITS + f"names: [{several('n')}]\n", "the same name"),
    "a name without end": (f"{SPLITS}names: [{'n' * 500_000}]\n", "more than 255 characters"),
    "colours of no name": (
        f"{SPLITS}names: [a]\npalette: {{a: [1, 2, 3], {several('n{0}: [1, 2, 4]')}}}\n",
        "n6, n7 and 19,992 more, which is none",
    ),
    "no ids": (
        f"{NAMED}label_mapping: {{{several('a{0}: 1')}}}\n",
        "'label_mapping.a10?' is wrong",
    ),
    "no weights": (f"{NAMED}class_weights: [{several('a')}]\n", "'class_weights.10?' is wrong"),
    "many weights": (f"{NAMED}class_weights: [{several('1')}]\n", "one number for each class"),
    "many folders": (f"train: [{several('images/train')}]\nnames: [a]\n", "256 are the most"),
    "one file often": (f"{NAMED}include: [{'a.yaml, ' * 9} ./a.yaml]\n", "included twice"),
    "many channels": (f"{NAMED}channels: [{several('1')}]\n", "'channels' is wrong"),
    "a tiny deviation": (NAMED + "normalize: [[0, 0, 0], [1e-320, 1, 1]]\n", "positive deviations"),
    "groups without end": (f"{NAMED}groups: '{'a' * 5000}'\n", "1,000 characters at most"),
    "an endless weight": (NAMED + "class_weights: ['1e999', 1, 1]\n", "'class_weights.0' is wrong"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    text, said = REFUSED[name]
    own_data(tmp_path, {"train": 1, "val": 1})
    (tmp_path / "data.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said) as caught:
        open_data(tmp_path)
    assert len(str(caught.value)) < 6000


@pytest.mark.parametrize("first", [0, 5])
def test_many_ids_that_lead_to_one_class_are_right(first: int, tmp_path: Path) -> None:
    mapping = several("{0}: 1", first=first)
    own_data(tmp_path, {"train": 1, "val": 1}, more=f"label_mapping: {{{mapping}}}")
    assert len(check_data(tmp_path).describe()) < 2000


def test_many_classes_have_as_many_colours_and_a_line_each(tmp_path: Path) -> None:
    own_data(tmp_path, {"train": 1, "val": 1})
    (tmp_path / "data.yaml").write_text(f"{SPLITS}names: [{several('n{0}')}]\n", encoding="utf-8")
    assert check_data(tmp_path).describe().count("\nn") == MANY + 4
    colours = distinct_colours(65_535)
    assert len(set(colours)) == 65_535
    assert colours[:300] == distinct_colours(300)


def test_a_long_list_costs_each_line_once(tmp_path: Path) -> None:
    own_data(tmp_path, {"train": 1, "val": 1})
    lines = ["images/train/0.png"] * MANY + [f"images/train/{n}.png" for n in range(1, MANY)]
    (tmp_path / "list.txt").write_text("\n".join([*lines, "\0", "~nobody", "../x.png"]))
    (tmp_path / "data.yaml").write_text("train: list.txt\nval: images/val\nnames: [a, b, c]\n")
    faults = open_files(tmp_path).faults
    assert [fault.detail for fault in faults if "named" in fault.detail] == [f"named {MANY} times"]
    assert len(faults) == 1 + (MANY - 1) + 3


@pytest.mark.parametrize("name", ["labelmap.txt", "_classes.csv"])
def test_a_number_or_a_cell_without_end_is_no_labelling_tools_file(
    name: str, tmp_path: Path
) -> None:
    text = f"a:{'1' * 5000},2,3:\n" if name == "labelmap.txt" else f'0,"{"x" * 200_000}\n'
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="not a data set"):
        open_data(tmp_path / name)
    assert sys.get_int_max_str_digits() == 4300
