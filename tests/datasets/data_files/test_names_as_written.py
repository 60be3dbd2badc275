"""Names in a data file arrive as they are written, or are to be put in quotes."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasterseg.datasets.data_files.reading import read_data_file
from fasterseg.errors import DataError


@pytest.mark.parametrize("name", ["001", "1.0e+3", "12:30:45", "0x1F", "1.50"])
def test_names_of_classes_arrive_as_they_are_written(name: str, tmp_path: Path) -> None:
    in_list = f"[{name}, b, c]"
    by_id = f"{{0: {name}, 1: b, 2: c}}"
    palette = f"palette: {{{name}: [0, 0, 0], b: [1, 1, 1], c: [2, 2, 2]}}"
    file = tmp_path / "data.yaml"
    for text in (in_list, by_id, f"{in_list}\n{palette}"):
        file.write_text(f"names: {text}\n")
        data = read_data_file(file)
        assert data.names == (name, "b", "c")
        assert data.palette is None or list(data.palette) == [name, "b", "c"]


@pytest.mark.parametrize(
    ("key", "text"),
    [("masks_dir", "001"), ("terms", "yes"), ("train", "1.50"), ("unlabelled", "[12:30:45]")],
)
def test_a_text_that_yaml_takes_for_something_else_is_to_be_put_in_quotes(
    key: str, text: str, tmp_path: Path
) -> None:
    file = tmp_path / "data.yaml"
    file.write_text(f"names: [a, b]\n{key}: {text}\n")
    with pytest.raises(DataError, match=f"the key '{key}' is wrong") as caught:
        read_data_file(file)
    assert "it was read as" in caught.value.why
    assert caught.value.next_step == "put it in quotes"


def test_an_id_with_two_names_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "data.yaml"
    file.write_text("names: {0: a, 00: b}\n")
    with pytest.raises(DataError, match="two names"):
        read_data_file(file)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[a: x, b, c]", ("a: x", "b", "c")),
        ("\n  - 0: a\n  - 1: b", ("a", "b")),
        ("\n  - 1: b\n  - 0: a", ("a", "b")),
    ],
)
def test_names_that_were_read_as_keys_and_values_are_answered_with_a_line_of_names(
    text: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "data.yaml"
    file.write_text(f"names: {text}\n")
    with pytest.raises(DataError, match="is wrong") as told:
        read_data_file(file)
    file.write_text(told.value.next_step.splitlines()[-1].strip())
    assert read_data_file(file).names == names
