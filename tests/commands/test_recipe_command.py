"""The commands recipe and schema, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import fasterseg
from fasterseg import cli
from fasterseg.config import Recipe, build_recipe
from fasterseg.reference.schemas import schema_of


def test_the_whole_recipe_is_one_to_begin_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["recipe"]) == 0
    path = tmp_path / "own.yaml"
    path.write_text(capsys.readouterr().out)
    assert build_recipe(path) == Recipe()


def test_a_named_recipe_is_shown_with_its_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["recipe", "--recipe", "demo", "--set", "search.steps=7"]) == 0
    path = tmp_path / "own.yaml"
    path.write_text(capsys.readouterr().out)
    shown = build_recipe(path)
    assert (shown.name, shown.search.steps) == ("demo", 7)


def test_a_key_is_shown_with_its_value_in_a_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recipe", "search.steps", "--recipe", "demo"]) == 0
    told = capsys.readouterr().out
    assert "here:      100" in told
    assert "default:   300" in told


def test_a_key_is_told_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recipe", "search.lr", "--json"]) == 0
    (key,) = json.loads(capsys.readouterr().out)["keys"]
    assert (key["name"], key["default"], key["here"]) == ("search.lr", "0.05", None)


def test_a_mistyped_key_ends_with_two_and_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recipe", "search.stps"]) == 2
    assert "did you mean 'search.steps'?" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["schema", "recipe"], ["schema", "recipe", "--json"]])
def test_a_schema_is_printed_as_json(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 0
    assert json.loads(capsys.readouterr().out) == schema_of("recipe")


def test_there_is_no_schema_of_other_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema", "bundle"]) == 2
    assert "next:  fasterseg schema --help" in capsys.readouterr().err


def test_both_are_functions_of_the_package() -> None:
    assert fasterseg.recipe("seed").keys[0].name == "seed"
    assert fasterseg.schema("data").root == schema_of("data")
