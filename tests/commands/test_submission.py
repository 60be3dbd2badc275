"""``predict --submission``: what the servers of Cityscapes and BDD100K take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from nineteen_classes import write_bundle
from PIL import Image
from published_trees import (
    BDD100K_NAMES,
    CITYSCAPES_FRAMES,
    CITYSCAPES_SIZE,
    bdd100k_tree,
    cityscapes_tree,
)

from fasterseg.cli import main
from fasterseg.commands.evaluate import evaluate
from fasterseg.commands.export import export
from fasterseg.commands.predict import predict
from fasterseg.datasets.layouts.published.camvid import LABELS as CAMVID
from fasterseg.datasets.layouts.published.cityscapes import raw_meaning
from fasterseg.errors import DataError, UsageError
from fasterseg.network.predicting import load_model

SMALL = (64, 128)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cityscapes_tree(tmp_path_factory.mktemp("city") / "cityscapes", size=SMALL)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("model") / "student")


def files_in(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in found)


def test_the_test_images_are_written_in_raw_ids_under_their_cities(
    city: Path, model: Path, tmp_path: Path
) -> None:
    result = predict(str(model), str(city), submission="cityscapes", out=tmp_path / "out")

    frames = CITYSCAPES_FRAMES["test"]
    wanted = sorted(f"{frame.partition('_')[0]}/{frame}_labelIds.png" for frame in frames)
    assert files_in(tmp_path / "out") == wanted
    assert result.exit_code == 0
    assert "wants the 1,525 images of test, and these are 4" in result.notes[-1]
    image = city / "leftImg8bit/test/berlin/berlin_000000_000019_leftImg8bit.png"
    with Image.open(tmp_path / "out" / "berlin" / "berlin_000000_000019_labelIds.png") as file:
        assert (file.mode, file.size) == ("L", SMALL[::-1])
        written = np.asarray(file)
    labels = load_model(model)(image).labels
    assert (np.vectorize(raw_meaning().get)(written) == labels).all()


def test_the_folder_is_beside_the_data_where_none_is_named(model: Path, tmp_path: Path) -> None:
    city = cityscapes_tree(tmp_path / "cityscapes", size=SMALL)

    assert main(["predict", str(model), str(city), "--submission", "cityscapes"]) == 0

    assert len(files_in(tmp_path / "cityscapes-submission")) == 4


@pytest.mark.slow
def test_an_exported_file_writes_what_its_network_writes(
    city: Path, model: Path, tmp_path: Path
) -> None:
    file = tmp_path / "student.onnx"
    export(str(model), dynamic=True, out=file, data=city, split="val", images=1)

    predict(str(model), str(city), submission="cityscapes", out=tmp_path / "network")
    predict(str(file), str(city), submission="cityscapes", out=tmp_path / "file")

    names = files_in(tmp_path / "network")
    assert names == files_in(tmp_path / "file")
    pairs = [[Image.open(tmp_path / one / name) for one in ("network", "file")] for name in names]
    same = [np.mean(np.asarray(one) == np.asarray(other)) for one, other in pairs]
    assert min(same) > 0.999


# NumPy has lost a name that they still use.
SCRIPT = """
import runpy, numpy
numpy.in1d = numpy.isin
runpy.run_module("cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling", run_name="__main__")
"""


def scripted_score(city: Path, results: Path, out: Path) -> float:
    """What cityscapesScripts' own evaluation says of the files, in a process of its own."""
    pytest.importorskip("cityscapesscripts", reason="cityscapesScripts is not installed")
    places = {"DATASET": city, "RESULTS": results, "EXPORT_DIR": out}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, **{f"CITYSCAPES_{name}": str(path) for name, path in places.items()}},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((out / "resultPixelLevelSemanticLabeling.json").read_text())
    return float(report["averageScoreClasses"])


@pytest.mark.parametrize(
    "size", [SMALL, pytest.param(CITYSCAPES_SIZE, marks=pytest.mark.slow)], ids=["small", "real"]
)
def test_cityscapes_own_scripts_take_the_files_and_score_as_evaluate_does(
    size: tuple[int, int], model: Path, tmp_path: Path
) -> None:
    city = cityscapes_tree(tmp_path / "cityscapes", size=size)
    validation = str(city / "leftImg8bit" / "val")

    predict(str(model), validation, submission="cityscapes", out=tmp_path / "out")
    theirs = scripted_score(city, tmp_path / "out", tmp_path)

    ours = evaluate(str(model), split="val", data=city, out=tmp_path / "val.json").report
    assert theirs == pytest.approx(ours.mean_iou, abs=1e-9)


@pytest.mark.parametrize("early", [False, True])
def test_bdd100k_files_bear_their_images_names_and_hold_train_ids(
    early: bool, model: Path, tmp_path: Path
) -> None:
    root = bdd100k_tree(tmp_path / "bdd100k", size=SMALL, early=early)

    predict(str(model), str(root), submission="bdd100k", out=tmp_path / "out")

    names = BDD100K_NAMES["test"]
    assert files_in(tmp_path / "out") == sorted(f"{name}.png" for name in names)
    folder = root / ("seg/images/test" if early else "images/10k/test")
    written = np.asarray(Image.open(tmp_path / "out" / f"{names[0]}.png"))
    assert (written == load_model(model)(folder / f"{names[0]}.jpg").labels).all()


def test_a_network_of_other_classes_is_refused(city: Path, tmp_path: Path) -> None:
    other = write_bundle(tmp_path / "camvid", space=CAMVID)

    with pytest.raises(UsageError, match="knows other classes than Cityscapes") as caught:
        predict(str(other), str(city), submission="cityscapes", out=tmp_path / "out")

    assert "Bicyclist" in caught.value.why
    assert not (tmp_path / "out").exists()


def test_pictures_that_are_none_of_the_data_set_are_refused_before_anything_is_written(
    city: Path, model: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="8 of 8 images are none of Cityscapes") as caught:
        predict(str(model), str(city / "gtFine/val"), submission="cityscapes", out=tmp_path / "o")
    assert "berlin_000000_000019_leftImg8bit.png" in caught.value.why

    with pytest.raises(DataError, match="none of BDD100K"):
        predict(str(model), str(city), submission="bdd100k", out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_frame_that_is_there_twice_is_refused(model: Path, tmp_path: Path) -> None:
    for place in ("one", "other"):
        path = tmp_path / "images" / place / "ulm_000000_000019_leftImg8bit.png"
        path.parent.mkdir(parents=True)
        Image.new("RGB", (32, 32)).save(path)

    with pytest.raises(DataError, match="two images would have the same file"):
        predict(str(model), str(tmp_path / "images"), submission="cityscapes")


def test_other_pictures_in_the_folder_are_refused_and_its_own_replaced_when_asked(
    city: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    predict(str(model), str(city), submission="cityscapes", out=out)

    with pytest.raises(UsageError, match="are there already"):
        predict(str(model), str(city), submission="cityscapes", out=out)
    predict(str(model), str(city), submission="cityscapes", out=out, overwrite=True)

    Image.new("L", (8, 8)).save(out / "berlin_000000_000019_overlay.png")
    with pytest.raises(UsageError, match="other pictures lie in the folder"):
        predict(str(model), str(city), submission="cityscapes", out=out, overwrite=True)


def test_a_server_that_is_not_known_is_refused(city: Path, model: Path) -> None:
    with pytest.raises(UsageError, match="there is no submission to 'kitti'"):
        predict(str(model), str(city), submission="kitti")  # type: ignore[arg-type]
