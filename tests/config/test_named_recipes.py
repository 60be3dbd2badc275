"""A recipe of the package is asked for by its name, and what lies here goes first."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasterseg.config import Recipe
from fasterseg.config.named_recipes import FOLDER, named_recipes, recipe_file
from fasterseg.console.options import Common
from fasterseg.errors import UsageError
from fasterseg.pipeline.settings.recipes import resolve_recipe


def test_a_recipe_is_called_by_its_name_and_has_that_name() -> None:
    assert {"demo", "camvid-cpu", "paper-cityscapes"} <= {*named_recipes()}
    for name in named_recipes():
        assert resolve_recipe(Common(recipe=name)).name == name


def test_a_file_goes_before_a_name_and_a_folder_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    assert recipe_file("demo") == FOLDER / "demo.yaml"
    (tmp_path / "demo").rmdir()
    (tmp_path / "demo").write_text("name: mine\n")
    assert resolve_recipe(Common(recipe="demo")).name == "mine"


@pytest.mark.parametrize(
    ("asked", "meant"), [("dmeo", "demo"), ("recipes/camvid-cpu.yaml", "camvid-cpu")]
)
def test_a_misspelt_recipe_is_answered_with_the_nearest_and_the_list(
    asked: str, meant: str
) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_recipe(Common(recipe=asked))
    assert caught.value.where == f"--recipe {asked}"
    assert f"did you mean {meant!r}?" in caught.value.next_step
    for name in named_recipes():
        assert name in caught.value.next_step


def test_a_recipe_made_in_python_is_no_name() -> None:
    recipe = Recipe(name="demo")
    assert resolve_recipe(Common(recipe=recipe)) == recipe
