"""Packing a bundle into the package of models: small, complete, and scored beside what it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tiny_training import train_tiny

from fasterseg import packing
from fasterseg.artifacts import digest_of_file
from fasterseg.config import build_recipe
from fasterseg.errors import UsageError
from fasterseg.network import named_models
from fasterseg.network.bundle import ModelBundle

RECIPE = """\
data:
  street: {height: 32, width: 64, train: 2, val: 2, test: 1}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that was trained in a second."""
    folder = tmp_path_factory.mktemp("training")
    train_tiny(folder)
    return folder / "best"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """The recipe that goes with it."""
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(autouse=True)
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty package of models."""
    monkeypatch.setattr(named_models, "models_folder", lambda: tmp_path / "box")
    return tmp_path / "box"


def test_a_packed_bundle_has_its_name_its_recipe_and_half_the_bytes(
    trained: Path, recipe: Path, box: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(trained), "street-1ms", "--recipe", str(recipe), "--data", "street"]
    assert packing.main(words) == 0
    folder = box / "street-1ms"
    packed = ModelBundle.load(folder)
    assert packed.card.name == "street-1ms"
    assert packed.card.training == ModelBundle.load(trained).card.training
    assert build_recipe(folder / "recipe.yaml") == build_recipe(recipe)
    small, large = ((one / "weights.safetensors").stat().st_size for one in (folder, trained))
    assert small < 0.75 * large
    said = capsys.readouterr().out
    assert "mIoU on street/val, 2 images" in said
    assert "points" in said
    assert named_models.model_names() == ("street-1ms",)


def test_the_score_s_difference_is_that_of_the_two_bundles(trained: Path, recipe: Path) -> None:
    packed = packing.pack(trained, "street-1ms", recipe, data="street")
    assert packed.original is not None
    assert packed.packed is not None
    assert packed.packed.mean_iou == pytest.approx(packed.original.mean_iou, abs=0.02)
    unscored = packing.pack(trained, "street-2ms", recipe)
    assert unscored.original is None
    assert "--data" in unscored.describe()


def test_the_packed_one_s_score_is_on_its_card(trained: Path, recipe: Path) -> None:
    packed = packing.pack(trained, "street-1ms", recipe, data="street", split="test")
    before, after = ModelBundle.load(trained).card, ModelBundle.load(packed.folder).card
    assert packed.packed is not None
    assert after.scores[: len(before.scores)] == before.scores
    assert after.scores[-1].mean_iou == packed.packed.mean_iou
    assert (after.scores[-1].split, after.scores[-1].seen) == ("test", False)
    known = packing.pack(trained, "street-2ms", recipe, data="street", split="train")
    assert ModelBundle.load(known.folder).card.scores[-1].seen


def test_what_is_there_is_replaced_only_when_asked(trained: Path, recipe: Path, box: Path) -> None:
    packing.pack(trained, "street-1ms", recipe)
    before = digest_of_file(box / "street-1ms" / "recipe.yaml")
    recipe.write_text("seed: 3\n")
    with pytest.raises(UsageError, match="already"):
        packing.pack(trained, "street-1ms", recipe)
    assert digest_of_file(box / "street-1ms" / "recipe.yaml") == before
    packing.pack(trained, "street-1ms", recipe, overwrite=True)
    assert digest_of_file(box / "street-1ms" / "recipe.yaml") != before


@pytest.mark.parametrize("name", ["", "A", "../x", "a/b", "a b", ".a", "-a"])
def test_a_name_that_is_none_is_refused(trained: Path, recipe: Path, box: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a model's name") as caught:
        packing.pack(trained, name, recipe)
    assert caught.value.next_step
    assert not box.exists()


def test_a_bundle_without_terms_and_one_too_large_are_refused(
    trained: Path, recipe: Path, box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ModelBundle.load(trained)
    facts = whole.card.training.model_copy(update={"terms": ""})
    card = whole.card.model_copy(update={"training": facts})
    silent = replace(whole, card=card).save(tmp_path / "silent")
    with pytest.raises(UsageError, match="terms"):
        packing.pack(silent, "street-1ms", recipe)
    monkeypatch.setattr(packing, "LARGEST_BYTES", 1000)
    with pytest.raises(UsageError, match="too large"):
        packing.pack(trained, "street-1ms", recipe)
    assert not box.exists()
    assert packing.main([str(trained), "x", "--recipe", str(recipe)]) == 2


def test_without_the_package_of_models_there_is_no_place_for_one(
    trained: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(named_models, "models_folder", lambda: None)
    assert packing.main([str(trained), "street-1ms", "--recipe", str(recipe)]) == 4
    assert "pip install -e packages/fasterseg-models" in capsys.readouterr().err
