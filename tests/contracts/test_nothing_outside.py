"""Whatever is handed over, and to whichever verb: nothing outside is read, written or removed.

Outside is a folder that neither the command line nor anything in the box names.  What libraries in
C open is not seen here; `tests/hostile` asks the kernel.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fake_run import FakeRun
from PIL import Image
from watched_files import watched_files

from fasterseg.artifacts import digest_of_file, digest_of_value
from fasterseg.cli import main
from fasterseg.stage_folders import CARD, DESCRIPTION, MANIFEST, WEIGHTS

TINY = Path(__file__).parents[1] / "pipeline" / "tiny.yaml"
NAMES = "names: [road, car, sky]\n"
SPLITS = "train: images/train\nval: images/val\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run as it was trained."""
    return FakeRun(until="train", teacher=False, layers=3).write(tmp_path_factory.mktemp("r")).root


@pytest.fixture
def place(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a run and data in it, and one ``outside`` with the same."""
    here = tmp_path / "here"
    for folder in (here, tmp_path / "outside"):
        shutil.copytree(made, folder / "run")
        for shade, split in enumerate(("train", "val")):
            for kind in ("images", "masks"):
                (folder / "data" / kind / split).mkdir(parents=True)
                shape = (8, 8, 3) if kind == "images" else (8, 8)
                pixels = np.full(shape, shade, dtype=np.uint8)
                Image.fromarray(pixels).save(folder / "data" / kind / split / "0.png")
        (folder / "data" / "data.yaml").write_text(SPLITS + NAMES)
        shutil.copy(TINY, folder / "recipe.yaml")
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(tmp_path / "outside"))
    return here


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(p): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def stays_inside(words: list[str], place: Path, *, codes: tuple[int, ...] = (2, 3)) -> None:
    """Run a command; nothing outside is touched, and nothing is written but here."""
    outside = place.parent / "outside"
    before = contents(outside)
    with watched_files() as touched:
        code = main([*words, "--json"])
    assert code in codes
    reached = {path for path in touched.read | touched.changed if path.startswith(str(outside))}
    assert reached == set()
    changed = {path for path in touched.changed if not path.startswith((str(place), "/dev/"))}
    changed = {path for path in changed if "__pycache__" not in path}
    assert changed == set()
    assert contents(outside) == before


def of_a_run(run: str) -> Iterator[list[str]]:
    """What each verb is called with for a run that was handed over."""
    best = f"{run}/training/student/best"
    yield from (["describe", run], ["draw", run, "--out", "x.svg"], ["report", "--run", run])
    yield from ([verb, "--run", run] for verb in ("plan", "profile", "search", "run"))
    yield ["train", "student", "--run", run]
    yield ["evaluate", best, "--split", "test"]
    yield ["export", best, "--out", "x.onnx"]
    yield ["verify", "x.onnx", "--against", best]
    yield ["benchmark", best, "--quick"]


LINKS = ("recipe.json", "lock", "latency", "search", "training", "stages.json")


@pytest.mark.parametrize("name", LINKS)
def test_a_run_folder_of_which_a_part_is_a_link(name: str, place: Path) -> None:
    link = place / "run" / name
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.symlink_to(place.parent / "outside" / "run" / name)
    for words in of_a_run("run"):
        stays_inside(words, place)


DATA: dict[str, str] = {
    "path up": f"path: ../../outside/data\n{SPLITS}{NAMES}",
    "path of a home": f"path: ~/data\n{SPLITS}{NAMES}",
    "folder up": f"train: ../../outside/data/images/train\nval: images/val\n{NAMES}",
    "folder from the root": f"train: OUTSIDE/data/images/train\n{NAMES}",
    "masks up": f"{SPLITS}masks_dir: ../../outside/data/masks\n{NAMES}",
    "masks from the root": f"{SPLITS}masks_dir: OUTSIDE/data/masks\n{NAMES}",
    "suffix up": f"{SPLITS}mask_suffix: /../../../../outside/data/masks/train/0\n{NAMES}",
    "include up": f"include: [../../outside/data/data.yaml]\n{SPLITS}{NAMES}",
    "include through a link": f"include: [link/data.yaml]\n{SPLITS}{NAMES}",
    "path through a link": f"path: link\n{SPLITS}{NAMES}",
    "list elsewhere": f"train: OUTSIDE/recipe.yaml\n{NAMES}",
    "list of files elsewhere": f"train: list.txt\n{NAMES}",
    "list of steps up": f"train: up.txt\n{NAMES}",
    "list of links": f"train: links.txt\n{NAMES}",
    "layout of links": "layout: cityscapes\n",
}


@pytest.mark.parametrize("name", DATA)
def test_data_that_leads_elsewhere(name: str, place: Path) -> None:
    data, outside = place / "data", place.parent / "outside"
    (data / "data.yaml").write_text(DATA[name].replace("OUTSIDE", str(outside)))
    (data / "link").symlink_to(outside / "data")
    (data / "images" / "train" / "1.png").symlink_to(outside / "data/images/train/0.png")
    (data / "list.txt").write_text(f"{outside}/data/images/train/0.png\n")
    (data / "up.txt").write_text("../../outside/data/images/train/0.png\n")
    (data / "links.txt").write_text("images/train/1.png\n")
    for folder in ("leftImg8bit", "gtFine"):
        (data / folder).symlink_to(outside / "data" / "images")
    verbs = (["check-data", "data"], ["train", "--data", "data", "--recipe", str(TINY)])
    for words in (*verbs, ["plan", "--data", "data/data.yaml"]):
        stays_inside(words, place)


def test_a_data_file_that_is_a_link_and_a_folder_that_only_looks_like_data(place: Path) -> None:
    (place / "data" / "data.yaml").unlink()
    (place / "data" / "labels.txt").symlink_to(place.parent / "outside" / "recipe.yaml")
    stays_inside(["check-data", "data"], place)
    (place / "data" / "data.yaml").symlink_to(place.parent / "outside" / "data" / "data.yaml")
    stays_inside(["check-data", "data"], place)


RECIPES: dict[str, dict[str, object]] = {
    "name up": {"name": "../../outside/run"},
    "name from the root": {"name": "OUTSIDE/run"},
    "contender up": {"contenders": [{"name": "../../../outside/run", "role": "student"}]},
    "split up": {"data": {"test_split": "../../../outside/x"}},
    "data up": {"data": {"source": "../outside/data"}},
    "data from the root": {"data": {"source": "OUTSIDE/data"}},
    "data of a home": {"data": {"source": "~/data"}},
    "data through a link": {"data": {"source": "link"}},
    "data that allow themselves": {"data": {"source": "data", "outside": True}},
    "a budget's model": {"budget": "OUTSIDE/run/training/student/best"},
    "a student's budget's model": {
        "contenders": [{"name": "a", "role": "student", "budget": "../outside/x.onnx"}]
    },
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_that_leads_elsewhere(name: str, place: Path) -> None:
    (place / "link").symlink_to(place.parent / "outside" / "data")
    text = json.dumps(RECIPES[name]).replace("OUTSIDE", str(place.parent / "outside"))
    (place / "evil.yaml").write_text(text)
    for verb in ("plan", "profile", "search", "train", "run"):
        stays_inside([verb, "--recipe", "evil.yaml"], place)


def forge_manifest(bundle: Path) -> None:
    """A manifest that names a file outside, with all its digests right."""
    away = "../../../../../outside/recipe.yaml"
    files = {name: digest_of_file(bundle / name) for name in (DESCRIPTION, CARD, away)}
    manifest = {"schema": "fasterseg/bundle/1", "files": files, "digest": digest_of_value(files)}
    (bundle / MANIFEST).write_text(json.dumps(manifest))


def link_of(name: str) -> Callable[[Path], None]:
    def make(bundle: Path) -> None:
        away = bundle.parents[4] / "outside" / bundle.relative_to(bundle.parents[3]) / name
        assert away.is_file()
        (bundle / name).unlink()
        (bundle / name).symlink_to(away)

    return make


BUNDLES = {"a forged manifest": forge_manifest} | {
    f"a link as {name}": link_of(name) for name in (MANIFEST, DESCRIPTION, WEIGHTS, CARD)
}


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_that_leads_elsewhere(name: str, place: Path) -> None:
    bundle = place / "run" / "training" / "student" / "best"
    BUNDLES[name](bundle)
    (place / "run").rename(place / "unpacked")
    best = "unpacked/training/student/best"
    image = "data/images/train/0.png"
    for words in (
        ["describe", best],
        ["predict", best, image, "--out", "out"],
        ["export", best, "--out", "x.onnx"],
        ["report", best],
        ["evaluate", best, "--data", "street"],
    ):
        stays_inside(words, place)


def test_an_earlier_report_beside_a_model_that_is_a_link(place: Path) -> None:
    (place / "run" / "training" / "student" / "best").rename(place / "net")
    (place / "net-test.json").symlink_to(place.parent / "outside" / "run" / "recipe.json")
    stays_inside(["evaluate", "net", "--data", "street"], place)


def test_pictures_that_are_links_and_outputs_that_would_be_written_through_one(
    place: Path,
) -> None:
    photos, outside = place / "photos", place.parent / "outside"
    photos.mkdir()
    (photos / "secret.png").symlink_to(outside / "data/images/train/0.png")
    (photos / "folder").symlink_to(outside / "data")
    shutil.copy(place / "data/images/train/0.png", photos / "own.png")
    (place / "out").mkdir()
    (place / "out" / "own_labels.png").symlink_to(outside / "recipe.yaml")
    best = "run/training/student/best"
    stays_inside(["predict", best, "photos", "--out", "out", "--overwrite"], place, codes=(0,))
    assert not (place / "out" / "own_labels.png").is_symlink()
    assert not (place / "out" / "secret_labels.png").exists()


def test_an_honest_run_is_what_these_are_compared_with(place: Path) -> None:
    """The same commands reach their work where nothing leads elsewhere."""
    stays_inside(["check-data", "data"], place, codes=(0,))
    stays_inside(["describe", "run"], place, codes=(0,))
    stays_inside(["report", "run/training/student/best"], place, codes=(0,))
    stays_inside(["profile", "--run", "run", "--set", "data.source=nowhere"], place, codes=(3,))
