"""Shipped names: found everywhere a model is, with their terms said, and nothing written there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_training import train_tiny

from fasterseg import load_model, load_network
from fasterseg.cli import main
from fasterseg.commands.describe import describe
from fasterseg.commands.doctor import doctor
from fasterseg.commands.draw import draw
from fasterseg.commands.evaluate import evaluate
from fasterseg.commands.export import export
from fasterseg.commands.predict import predict
from fasterseg.commands.report import report
from fasterseg.commands.verify import verify
from fasterseg.errors import UsageError
from fasterseg.network import named_models
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.named_models import is_model_name, model_names, model_path, named_card

NAME = "street-1ms"
STREET = ("data.street={height: 32, width: 64, train: 2, val: 1, test: 2}", "threads=1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that was trained in a second."""
    folder = tmp_path_factory.mktemp("training")
    train_tiny(folder)
    return folder / "best"


@pytest.fixture
def box(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A box with one bundle in it; the working folder is another one, and empty."""
    root = tmp_path / "box"
    ModelBundle.load(trained).save(root / NAME, storage="float16")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(named_models, "models_folder", lambda: root)
    named_models._say_terms.cache_clear()
    return root


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_shipped_name_stands_for_its_folder_and_what_lies_here_goes_first(box: Path) -> None:
    assert model_names() == (NAME,)
    assert is_model_name(NAME)
    assert model_path(NAME) == box / NAME
    Path(NAME).mkdir()
    assert not is_model_name(NAME)
    assert model_path(NAME) == Path(NAME)
    assert model_path("elsewhere") == Path("elsewhere")


def test_the_same_network_is_loaded_by_its_name_and_by_its_folder(box: Path) -> None:
    by_name, by_folder = load_network(NAME), load_network(box / NAME)
    for wanted, found in zip(by_folder.parameters(), by_name.parameters(), strict=True):
        assert (wanted == found).all()
    image = np.zeros((32, 64, 3), dtype=np.uint8)
    assert load_model(NAME)(image).labels.shape == (32, 64)


def test_its_terms_are_said_on_stderr_once_in_a_process(
    box: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(np.zeros((32, 64, 3), dtype=np.uint8)).save("photo.png")
    assert main(["predict", NAME, "photo.png", "--json"]) == 0
    load_network(NAME)
    shown = capsys.readouterr()
    said = [line for line in shown.err.splitlines() if line.startswith(f"{NAME}: ")]
    assert said == [
        f"{NAME}: trained on street; its terms hold for the weights: "
        "made by this program; free of any terms"
    ]
    assert NAME + ": " not in shown.out


def test_a_misspelt_name_is_answered_with_the_nearest(box: Path) -> None:
    asked: tuple[Callable[[str], object], ...] = (load_network, load_model, draw, describe)
    for load in asked:
        with pytest.raises(UsageError) as caught:
            load("street-2ms")
        assert f"'{NAME}'" in caught.value.next_step
    with pytest.raises(UsageError, match="no model") as caught:
        load_network("something-else-altogether")
    assert NAME in caught.value.why


def test_every_command_takes_it_and_writes_beside_the_user_not_into_the_box(box: Path) -> None:
    before = files_of(box)
    Image.fromarray(np.zeros((32, 64, 3), dtype=np.uint8)).save("photo.png")
    assert len(predict(NAME, "photo.png", out="pictures").written) == 1
    scored = evaluate(NAME, data="street", set=STREET)
    assert Path(scored.file).resolve() == Path(f"{NAME}-test.json").resolve()
    assert draw(NAME).text.startswith("student (best)")
    assert describe(NAME).networks[0].classes == 9
    assert report(NAME).file == f"{NAME}-report.html"
    assert Path(f"{NAME}-report.html").is_file()
    assert files_of(box) == before


def test_in_a_run_its_score_goes_into_that_run(box: Path, tmp_path: Path) -> None:
    scored = evaluate(NAME, data="street", set=STREET, run=tmp_path / "run")
    assert Path(scored.file) == tmp_path / "run" / "evaluation" / f"{NAME}-test.json"


@pytest.mark.slow
def test_it_is_exported_and_verified_by_its_name(box: Path) -> None:
    before = files_of(box)
    made = export(NAME, size="32x64", data="street", set=STREET, images=2)
    assert Path(made.file).resolve() == Path(f"{NAME}.onnx").resolve()
    assert verify(made.file, against=NAME, data="street", set=STREET, images=2).passed
    assert files_of(box) == before


def test_the_doctor_tells_what_is_in_the_box(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (model,) = doctor(run="runs").models
    assert (model.name, model.data) == (NAME, "street")
    assert f"model        {NAME}: trained on street, mIoU " in doctor(run="runs").describe()
    card = named_card(NAME)
    seen = tuple(score.model_copy(update={"seen": True}) for score in card.scores)
    monkeypatch.setattr(
        "fasterseg.pipeline.diagnosing.named_card",
        lambda name: card.model_copy(update={"scores": seen}),
    )
    assert f"{NAME}: trained on street; terms" in doctor(run="runs").describe()


def test_without_the_package_of_models_a_name_is_refused_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(named_models, "PACKAGE", "no_such_package_of_models")
    Image.fromarray(np.zeros((32, 64, 3), dtype=np.uint8)).save("photo.png")
    for words in (
        ["predict", NAME, "photo.png"],
        ["evaluate", NAME, "--data", "street"],
        ["benchmark", NAME],
        ["export", NAME],
        ["draw", NAME],
        ["describe", NAME],
    ):
        assert main(words) == 2
        said = capsys.readouterr().err
        assert "fasterseg-models, which has models by name, is not installed" in said
        assert "pip install fasterseg-models, or name" in " ".join(said.split())
    assert doctor(run="runs").models == ()
    assert "pip install fasterseg-models" in doctor(run="runs").describe()


def test_models_are_found_in_the_package_that_has_them_and_not_in_a_folder_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(named_models, "PACKAGE", "some_models")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "some_models" / NAME).mkdir(parents=True)
    (tmp_path / "some_models" / NAME / "manifest.json").touch()
    assert model_names() == ()
    (tmp_path / "some_models" / "__init__.py").touch()
    assert model_names() == (NAME,)
