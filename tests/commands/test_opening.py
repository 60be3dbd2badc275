"""A run keeps its recipe: options describe a new one, and may only repeat an old one."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasterseg.commands.opening import open_run, open_source, resolve_recipe
from fasterseg.commands.options import Common
from fasterseg.config import Recipe
from fasterseg.errors import UsageError


def test_a_new_run_stores_the_recipe_that_its_options_describe(tmp_path: Path) -> None:
    common = Common(run=tmp_path, data="street", seed=3, set=("search.steps=7",))
    recipe, run, _ = open_run(common)
    assert (recipe.seed, recipe.data.source, recipe.search.steps) == (3, "street", 7)
    assert Recipe.load(run.recipe) == recipe


def test_a_run_goes_on_with_its_own_recipe(tmp_path: Path) -> None:
    first, _, _ = open_run(Common(run=tmp_path, seed=3, set=("search.steps=7",)))
    again, _, _ = open_run(Common(run=tmp_path))
    repeated, _, _ = open_run(Common(run=tmp_path, seed=3))
    assert again == first == repeated


def test_a_change_that_matters_is_refused_with_the_change(tmp_path: Path) -> None:
    open_run(Common(run=tmp_path, seed=3))
    with pytest.raises(UsageError, match="recipe") as caught:
        open_run(Common(run=tmp_path, seed=4, set=("space.layers=7",)))
    assert caught.value.why == "seed: 3 -> 4; space.layers: 16 -> 7"


def test_how_networks_are_trained_may_change_until_one_is(tmp_path: Path) -> None:
    _, run, _ = open_run(Common(run=tmp_path))
    run.search_plan.parent.mkdir()
    run.search_plan.write_text("{}")
    changes = ("data.training_split=train+val", "student.lr=1", "teacher.steps=3")
    recipe, _, _ = open_run(Common(run=tmp_path, set=changes))
    assert (recipe.data.trained_on, recipe.student.lr, recipe.teacher.steps) == ("train+val", 1, 3)
    assert recipe.data.train_split == "train"
    assert Recipe.load(run.recipe) == recipe
    run.training_plan("teacher").parent.mkdir(parents=True)
    run.training_plan("teacher").write_text("{}")
    assert open_run(Common(run=tmp_path, set=("student.lr=2",)))[0].student.lr == 2
    for change in ("teacher.steps=4", "data.training_split=train", "search.steps=3"):
        with pytest.raises(UsageError, match="recipe"):
            open_run(Common(run=tmp_path, set=(change,)))


def test_workers_and_checkpoints_may_change(tmp_path: Path) -> None:
    open_run(Common(run=tmp_path))
    changed, _, _ = open_run(
        Common(run=tmp_path, set=("data.workers=3", "student.checkpoint_every=7"))
    )
    assert changed.data.workers == 3
    assert changed.student.checkpoint_every == 7


def test_a_recipe_file_is_read_and_options_go_over_it(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("name: mine\nseed: 1\nsearch:\n  steps: 9\n")
    recipe, run, _ = open_run(Common(run=tmp_path / "run", recipe=file, seed=2))
    assert (recipe.name, recipe.seed, recipe.search.steps) == ("mine", 2, 9)
    with pytest.raises(UsageError):
        open_run(Common(run=run.root, recipe=file))


def test_a_run_without_a_folder_is_called_by_its_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, run, _ = open_run(Common(set=("name=demo",)))
    assert run.root == Path("runs/demo")
    assert (tmp_path / "runs" / "demo" / "recipe.json").is_file()


def test_a_data_folder_is_stored_so_that_it_is_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = resolve_recipe(Common(run=tmp_path / "run", data=Path("it's mine")))
    assert recipe.data.source == str(tmp_path / "it's mine")


def test_street_has_the_size_and_counts_of_the_recipe(tmp_path: Path) -> None:
    changes = ("data.street.height=32", "data.street.width=48", "data.street.val=3")
    recipe, _, _ = open_run(Common(run=tmp_path, set=changes))
    source = open_source(recipe)
    assert source.length("val") == 3
    assert source.sample("val", 0).labels.shape == (32, 48)
