"""What a recipe leaves to the data: settled once, when the data is open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fasterseg.config import AUTO, Recipe
from fasterseg.pipeline.opening import open_settled

CITYSCAPES = (("train", "aachen"), ("val", "munster"), ("test", "berlin"))


def own_data(root: Path, *splits: str) -> Path:
    """A folder with one picture in each of its splits."""
    for number, split in enumerate(splits):
        for kind, value in (("images", 40 * number + 40), ("masks", 0)):
            folder = root / kind / split
            folder.mkdir(parents=True)
            Image.fromarray(np.full((8, 8), value, np.uint8)).save(folder / "a.png")
    lines = [f"{split}: images/{split}" for split in splits]
    (root / "data.yaml").write_text("\n".join([*lines, "names: [a, b, c]\n"]))
    return root


def cityscapes(root: Path) -> Path:
    """Cityscapes as it is unpacked, masks of its test split too, which hold no class."""
    for split, city in CITYSCAPES:
        for kind, end, value in (("leftImg8bit", "", 9), ("gtFine", "_labelIds", 7)):
            folder = root / kind / split / city
            folder.mkdir(parents=True)
            picture = Image.fromarray(np.full((8, 8), value, np.uint8))
            picture.save(folder / f"{city}_000000_000019_{kind}{end}.png")
    return root


def recipe_of(data: Path, **changes: str) -> Recipe:
    return Recipe.model_validate({"data": {"source": str(data), **changes}})


@pytest.mark.parametrize(
    ("splits", "scored"),
    [(("train", "val", "test"), "test"), (("train", "val"), "val"), (("train", "test"), "test")],
)
def test_the_test_split_is_scored_where_there_is_one_else_the_one_that_chooses(
    splits: tuple[str, ...], scored: str, tmp_path: Path
) -> None:
    recipe, _ = open_settled(recipe_of(own_data(tmp_path, *splits)))
    assert recipe.data.test_split == scored


def test_of_cityscapes_val_is_scored_for_the_labels_of_its_test_split_are_withheld(
    tmp_path: Path,
) -> None:
    recipe, source = open_settled(recipe_of(cityscapes(tmp_path)))
    assert "test" in source.splits()
    assert recipe.data.test_split == "val"


def test_a_split_that_is_named_is_left_as_it_is(tmp_path: Path) -> None:
    data = own_data(tmp_path, "train", "val", "test")
    assert open_settled(recipe_of(data, test_split="val"))[0].data.test_split == "val"


def test_what_a_run_has_settled_stays_when_its_data_gets_a_test_split(tmp_path: Path) -> None:
    data = own_data(tmp_path, "train", "val", "test")
    before = recipe_of(data, test_split="val")
    again, _ = open_settled(recipe_of(data), known=before)
    assert (again.data.test_split, recipe_of(data).data.test_split) == ("val", AUTO)
