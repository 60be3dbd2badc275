"""Files with words read back to what was written, and have every key's sentence above it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasterseg.config import Recipe, build_recipe
from fasterseg.config.named_recipes import named_recipes, recipe_file
from fasterseg.datasets.data_files.reading import read_data_file
from fasterseg.foreign.strict_yaml import load_yaml
from fasterseg.reference.commented import WIDTH, commented
from fasterseg.reference.keys import keys_of


@pytest.mark.parametrize("name", named_recipes())
def test_a_whole_recipe_reads_back_to_what_it_is(name: str, tmp_path: Path) -> None:
    recipe = build_recipe(recipe_file(name))
    path = tmp_path / "recipe.yaml"
    path.write_text(commented("recipe", recipe.content()))
    assert Recipe.model_validate(load_yaml(path.read_bytes())) == recipe


def test_a_few_keys_have_their_sentences_above_them_and_are_read(tmp_path: Path) -> None:
    text = commented(
        "recipe",
        {"budget": "12ms", "target": {"threads": 4}},
        head="One line.\n\nAnother.",
    )
    sentences = {key.name: key.sentence for key in keys_of("recipe")}
    lines = text.splitlines()
    assert lines[:3] == ["# One line.", "#", "# Another."]
    assert lines[-1] == "  threads: 4"
    told = " ".join(line.strip().removeprefix("# ") for line in lines)
    for key in ("budget", "target", "target.threads"):
        assert sentences[key] in told
    assert max(map(len, lines)) <= WIDTH
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    assert build_recipe(path) == build_recipe(base={"budget": "12ms", "target": {"threads": 4}})


def test_a_data_file_with_many_names_has_a_line_for_each(tmp_path: Path) -> None:
    names = [f"class of things number {number}" for number in range(20)]
    values = {
        "train": "images/train",
        "masks_dir": "a: b",
        "names": names,
        "palette": {name: [[0, 0, index]] for index, name in enumerate(names)},
    }
    path = tmp_path / "data.yaml"
    path.write_text(commented("data", values))
    read = read_data_file(path)
    assert (read.names, read.masks_dir) == (tuple(names), "a: b")
    assert read.colours_by_name[names[3]] == ((0, 0, 3),)
    assert "  - class of things number 3\n" in path.read_text()


def test_names_by_their_ids_are_numbers_in_the_file() -> None:
    assert "{0: road, 1: car}" in commented("data", {"names": {"0": "road", "1": "car"}})
