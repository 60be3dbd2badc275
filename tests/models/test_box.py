"""What is in the box: every bundle loads, says its terms and its recipe, and scores as it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fasterseg import load_model
from fasterseg.commands.evaluate import evaluate
from fasterseg.config import build_recipe
from fasterseg.models.packing import LARGEST_BYTES, RECIPE
from fasterseg.network.shipped import model_path, shipped_card, shipped_names

NAMES = shipped_names()


def test_the_camvid_students_are_in_the_box() -> None:
    assert NAMES == ("camvid-12ms", "camvid-8ms")


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_is_small_has_terms_and_brings_the_recipe_of_its_data(name: str) -> None:
    folder, card = model_path(name), shipped_card(name)
    assert sum(path.stat().st_size for path in folder.iterdir()) < LARGEST_BYTES
    assert card.name == name
    assert "CC BY-NC" in card.training.terms
    assert card.training.pretrained == "nothing pre-trained"
    assert build_recipe(folder / RECIPE).data.source == card.training.data
    assert any(score.split == "test" and not score.seen for score in card.scores)


@pytest.mark.parametrize("name", NAMES)
def test_no_file_of_a_bundle_has_a_path_of_the_machine_that_made_it(name: str) -> None:
    for path in model_path(name).glob("*.json"):
        content = path.read_text()
        assert not [word for word in content.split('"') if word.startswith(("/", "~"))]


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_labels_an_image_of_any_size(name: str) -> None:
    model = load_model(name)
    image = np.zeros((90, 131, 3), dtype=np.uint8)
    labels = model(image).labels
    assert labels.shape == (90, 131)
    assert labels.max() < len(model.label_space.names)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_scores_what_its_card_says(name: str, camvid: Path, tmp_path: Path) -> None:
    (said,) = (score for score in shipped_card(name).scores if score.split == "test")
    found = evaluate(name, data=str(camvid), out=tmp_path / "test.json").report
    assert found.mean_iou == pytest.approx(said.mean_iou, abs=5e-4)
