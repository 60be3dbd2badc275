"""What a recipe's file names lies near it, or is named by who starts the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fasterseg.config import Recipe, build_recipe
from fasterseg.errors import UsageError


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of somebody's recipes, and another as the current one."""
    (tmp_path / "here").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "recipes").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    return tmp_path / "recipes"


def written(folder: Path, **content: object) -> Path:
    file = folder / "recipe.yaml"
    file.write_text(json.dumps(content))
    return file


@pytest.mark.parametrize(
    "source", ["/etc", "..", "../elsewhere", "~", "~/photos", "data/../../elsewhere", "link"]
)
def test_data_elsewhere_is_named_by_the_command_and_not_by_a_file(
    source: str, recipes: Path
) -> None:
    Path("link").symlink_to("../elsewhere")
    file = written(recipes, data={"source": source})
    with pytest.raises(UsageError, match="cannot name what lies outside") as refused:
        build_recipe(file)
    assert refused.value.next_step.endswith(f"--data {source}")
    assert build_recipe(file, overrides=(f"data.source={source!r}",)).data.source == source
    assert build_recipe(file, overrides=("data.outside=true",)).data.source == source


def test_data_near_a_recipe_or_in_the_current_folder_needs_no_word(recipes: Path) -> None:
    for source in ("street", "camvid", "data/../camvid", str(recipes / "camvid")):
        assert build_recipe(written(recipes, data={"source": source})).data.source == source


def test_a_recipes_file_allows_itself_nothing(recipes: Path) -> None:
    file = written(recipes, data={"source": "camvid", "outside": True})
    with pytest.raises(UsageError, match="cannot allow itself"):
        build_recipe(file)
    assert build_recipe(file, overrides=("data.outside=true",)).data.outside
    assert not build_recipe(file, overrides=("data.outside=false",)).data.outside


@pytest.mark.parametrize("model", ["../elsewhere/x.onnx", "/srv/x/best", "2x:~/x.onnx"])
def test_a_budgets_model_elsewhere_is_named_by_the_command(model: str, recipes: Path) -> None:
    for content in (
        {"budget": model},
        {"budget": ["8ms", model]},
        {"contenders": [{"name": "a", "role": "student", "budget": model}]},
    ):
        with pytest.raises(UsageError, match="cannot name what lies outside"):
            build_recipe(written(recipes, **content))
    override = f"budget={json.dumps(model)}"
    assert build_recipe(written(recipes, budget=model), overrides=(override,)).budget == model


def test_a_budgets_model_of_the_box_or_near_needs_no_word(recipes: Path) -> None:
    for budget in ("baseline:fast-scnn", "camvid-8ms", "./x.onnx", str(recipes / "x.onnx")):
        assert build_recipe(written(recipes, budget=budget)).budget == budget


def test_a_kept_recipe_that_is_handed_over_is_a_file_too(recipes: Path) -> None:
    Recipe.model_validate({"data": {"source": "/srv/photos"}}).save(recipes / "recipe.json")
    with pytest.raises(UsageError, match="cannot name what lies outside"):
        build_recipe(recipes / "recipe.json")


def named_by_the_command(file: Path, key: str) -> Recipe:
    """The recipe of a file that is refused for a key, once the command names what that says."""
    with pytest.raises(UsageError, match="cannot name what lies outside") as refused:
        build_recipe(file)
    assert refused.value.where == f"{file}, {key}"
    _, _, option = refused.value.next_step.partition("--set ")
    return build_recipe(file, overrides=(option.strip("'"),))


def test_teachers_elsewhere_are_named_by_the_command(recipes: Path) -> None:
    teachers = ["../elsewhere/x.onnx", "baseline:fast-scnn"]
    file = written(recipes, student={"distillation": {"teachers": teachers}})
    recipe = named_by_the_command(file, "student.distillation.teachers")
    assert recipe.student.distillation.teachers == tuple(teachers)


def test_teachers_near_a_recipe_need_no_word(recipes: Path) -> None:
    near = {"training": {"distillation": {"teachers": [str(recipes / "best"), "camvid-4ms"]}}}
    assert build_recipe(written(recipes, **near)).student.distillation.teachers[1] == "camvid-4ms"


def test_known_networks_elsewhere_are_named_by_the_command(recipes: Path) -> None:
    known = ["mixed", "../elsewhere/own.json"]
    file = written(recipes, search={"selection": {"known": known}})
    recipe = named_by_the_command(file, "search.selection.known")
    assert recipe.search.selection.known == tuple(known)
    near = ["mixed", str(recipes / "own.json")]
    file = written(recipes, search={"selection": {"known": near}})
    assert build_recipe(file).search.selection.known == tuple(near)


def test_images_without_labels_elsewhere_are_named_by_the_command(recipes: Path) -> None:
    places = ["near", "../elsewhere"]
    file = written(recipes, data={"source": "camvid", "unlabelled": places})
    with pytest.raises(UsageError, match="cannot name what lies outside") as refused:
        build_recipe(file)
    assert refused.value.next_step.endswith("--set 'data.unlabelled=[near, ../elsewhere]'")
    override = "data.unlabelled=[near, ../elsewhere]"
    assert build_recipe(file, overrides=(override,)).data.unlabelled == tuple(places)
    near = written(recipes, data={"source": "camvid", "unlabelled": str(recipes / "frames")})
    assert build_recipe(near).data.unlabelled == (str(recipes / "frames"),)
