"""Every model loads, says its terms and its recipe, and scores as it says."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

import fasterseg_models
from fasterseg import load_model, load_network
from fasterseg.commands.evaluate import evaluate
from fasterseg.config import build_recipe
from fasterseg.network.named_models import model_names, model_path, named_card
from fasterseg.packing import LARGEST_BYTES, RECIPE

HERE = Path(__file__).parents[1]
NAMES = model_names()


def test_every_folder_of_the_package_is_a_model_that_has_its_name() -> None:
    folder = Path(fasterseg_models.__file__).parent
    inside = {path.name for path in folder.iterdir() if path.is_dir()} - {"__pycache__"}
    assert {"camvid-4ms", "camvid-8ms"} <= {*NAMES} == inside


def test_every_file_of_a_model_goes_into_the_wheel() -> None:
    project = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["fasterseg_models"]
    for file in (file for name in NAMES for file in model_path(name).iterdir()):
        inside = f"{file.parent.name}/{file.name}"
        assert any(fnmatch.fnmatch(inside, pattern) for pattern in patterns), inside


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_small_has_terms_and_brings_the_recipe_of_its_data(name: str) -> None:
    folder, card = model_path(name), named_card(name)
    assert sum(path.stat().st_size for path in folder.iterdir()) < LARGEST_BYTES
    assert card.name == name
    assert card.training.terms
    assert card.training.pretrained == "nothing pre-trained"
    assert build_recipe(folder / RECIPE).data.source == card.training.data
    assert any(score.split == "test" and not score.seen for score in card.scores)


@pytest.mark.parametrize("name", NAMES)
def test_the_terms_of_a_models_data_stand_in_the_notice(name: str) -> None:
    facts = named_card(name).training
    notice = (HERE / "NOTICE").read_text(encoding="utf-8")
    assert re.search(rf"^{re.escape(facts.data)}$", notice, flags=re.MULTILINE)
    if "NC" in facts.terms:
        assert "non-commercial" in notice.split(f"\n{facts.data}\n")[1]


@pytest.mark.parametrize("name", NAMES)
def test_no_file_of_a_model_has_a_path_of_the_machine_that_made_it(name: str) -> None:
    for path in model_path(name).glob("*.json"):
        content = path.read_text()
        assert not [word for word in content.split('"') if word.startswith(("/", "~"))]


@pytest.mark.parametrize("name", NAMES)
def test_a_model_labels_an_image_of_any_size(name: str) -> None:
    assert all(bool(one.isfinite().all()) for one in load_network(name).parameters())
    model = load_model(name)
    image = np.zeros((90, 131, 3), dtype=np.uint8)
    labels = model(image).labels
    assert labels.shape == (90, 131)
    assert labels.max() < len(model.label_space.names)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_model_scores_what_its_card_says(name: str, camvid: Path, tmp_path: Path) -> None:
    (said,) = (score for score in named_card(name).scores if score.split == "test")
    found = evaluate(name, data=str(camvid), out=tmp_path / "test.json").report
    assert found.mean_iou == pytest.approx(said.mean_iou, abs=5e-4)
