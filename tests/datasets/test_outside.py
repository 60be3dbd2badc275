"""Files outside of the data's folder: never read unless allowed, and then by every reader.

It is allowed on the command line, in a recipe or in Python, and never in a data file, which may be
a stranger's.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from watched_files import watched_files

import fasterseg
from fasterseg.cli import main
from fasterseg.config import Recipe, build_recipe
from fasterseg.datasets.checking import check_data
from fasterseg.datasets.checking.data_report import DataReport
from fasterseg.datasets.opening import open_data
from fasterseg.errors import DataError
from fasterseg.pipeline.opening import open_source

MakeFolder = Callable[..., Path]
GOOD = "train: images/train\nval: images/val\nnames: [road, car, sky]\n"


def linked_folders(store: Path, own: Path) -> None:
    """The folders of images and masks are links into a store."""
    for name in ("images", "masks"):
        (own / name).symlink_to(store / name, target_is_directory=True)
    (own / "data.yaml").write_text(GOOD)


def linked_split(store: Path, own: Path) -> None:
    """One folder of a split is a link."""
    for name in ("images", "masks"):
        (own / name).mkdir()
        for split in ("train", "val"):
            (own / name / split).mkdir()
            link = own / name / split / "city"
            link.symlink_to(store / name / split, target_is_directory=True)
    (own / "data.yaml").write_text(GOOD)


def linked_files(store: Path, own: Path) -> None:
    """Each file is a link, as where a hub keeps what it downloaded."""
    for path in [*(store / "images").rglob("*.jpg"), *(store / "masks").rglob("*.png")]:
        link = own / path.relative_to(store)
        link.parent.mkdir(parents=True, exist_ok=True)
        blob = store / f"blob-{path.parent.parent.name}-{path.name}"
        path.rename(blob)
        link.symlink_to(blob)
    (own / "data.yaml").write_text(GOOD)


def named_folders(store: Path, own: Path) -> None:
    """The data file names folders elsewhere."""
    (own / "data.yaml").write_text(GOOD.replace(": images/", ": ../store/images/"))


def listed_files(store: Path, own: Path) -> None:
    """Lists name files elsewhere."""
    for split in ("train", "val"):
        names = sorted((store / "images" / split).iterdir())
        (own / f"{split}.txt").write_text("\n".join(map(str, names)))
    (own / "data.yaml").write_text("train: train.txt\nval: val.txt\nnames: [road, car, sky]\n")


def list_elsewhere(store: Path, own: Path) -> None:
    """The list itself lies elsewhere."""
    shutil.copytree(store, own, dirs_exist_ok=True)
    for split in ("train", "val"):
        names = sorted((own / "images" / split).iterdir())
        lines = [path.relative_to(own).as_posix() for path in names]
        (store / f"{split}.txt").write_text("\n".join(lines))
    text = "train: ../store/train.txt\nval: ../store/val.txt\nnames: [road, car, sky]\n"
    (own / "data.yaml").write_text(text)


def included(store: Path, own: Path) -> None:
    """Another data file is included from elsewhere."""
    shutil.copytree(store, own, dirs_exist_ok=True)
    (store / "images" / "train").rename(store / "images" / "more")
    (store / "masks" / "train").rename(store / "masks" / "more")
    (store / "data.yaml").write_text("train: images/more\nnames: [road, car, sky]\n")
    for path in (store / "images" / "more").iterdir():
        path.write_bytes(next((own / "images" / "train").glob(path.name)).read_bytes())
    (own / "data.yaml").write_text(GOOD + "include: [../store/data.yaml]\n")


def camvid(store: Path, own: Path) -> None:
    """A layout that is found from the folders, which are links."""
    for split in ("train", "val"):
        (own / split).symlink_to(store / "images" / split, target_is_directory=True)
        (own / f"{split}annot").symlink_to(store / "masks" / split, target_is_directory=True)


def path_elsewhere(store: Path, own: Path) -> None:
    """The data file says that its folder is another."""
    (own / "data.yaml").write_text(f"path: ../{store.name}\n{GOOD}")


def path_through_a_link(store: Path, own: Path) -> None:
    """The folder that the data file names is a link."""
    (own / "data").symlink_to(store, target_is_directory=True)
    (own / "data.yaml").write_text(f"path: data\n{GOOD}")


def listed_links(store: Path, own: Path) -> None:
    """A list names files of the folder, which are links."""
    shutil.copytree(store, own, dirs_exist_ok=True)
    for split in ("train", "val"):
        names = [path.name for path in sorted((own / "images" / split).iterdir())]
        for name in names:
            (own / "images" / split / name).unlink()
            (own / "images" / split / name).symlink_to(store / "images" / split / name)
        (own / f"{split}.txt").write_text("\n".join(f"images/{split}/{name}" for name in names))
    (own / "data.yaml").write_text("train: train.txt\nval: val.txt\nnames: [road, car, sky]\n")


def listed_files_with_masks_elsewhere(store: Path, own: Path) -> None:
    """A list names files of the folder, whose masks lie elsewhere."""
    shutil.copytree(store, own, dirs_exist_ok=True)
    for split in ("train", "val"):
        names = [f"images/{split}/{path.name}" for path in (own / "images" / split).iterdir()]
        (own / f"{split}.txt").write_text("\n".join(names))
    text = "train: train.txt\nval: val.txt\nnames: [road, car, sky]\nmasks_dir: ../store/masks\n"
    (own / "data.yaml").write_text(text)


def linked_data_file(store: Path, own: Path) -> None:
    """The folder's data file itself is a link."""
    shutil.copytree(store, own, dirs_exist_ok=True)
    (store / "mine.yaml").write_text(GOOD)
    (own / "data.yaml").unlink()
    (own / "data.yaml").symlink_to(store / "mine.yaml")


WAYS = [
    path_elsewhere,
    path_through_a_link,
    listed_links,
    listed_files_with_masks_elsewhere,
    linked_data_file,
    linked_folders,
    linked_split,
    linked_files,
    named_folders,
    listed_files,
    list_elsewhere,
    included,
    camvid,
]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def data(request: pytest.FixtureRequest, make_folder: MakeFolder) -> Path:
    """A data set of which something lies outside of its folder."""
    store = make_folder()
    store = store.rename(store.with_name("store"))
    own = store.with_name("own")
    own.mkdir()
    request.param(store, own)
    return own


def test_what_leads_outside_is_refused_and_the_switches_that_are_named_allow_it(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError) as caught:
        open_data(data)
    assert "fasterseg check-data PATH --outside" in caught.value.next_step
    assert "--set data.outside=true" in caught.value.next_step

    assert main(["check-data", str(data)]) == 3
    assert "--outside" in capsys.readouterr().err
    assert main(["check-data", str(data), "--outside"]) == 0
    assert main(["check-data", str(data), "--set", "data.outside=true"]) == 0
    report = fasterseg.check_data(str(data), outside=True)
    assert isinstance(report, DataReport)
    assert report.splits["train"].images >= 6

    recipe = build_recipe(None, overrides=[f"data.source={data}", "data.outside=true"])
    source = open_source(recipe)
    assert source.sample("train", 0).image.shape == (20, 30, 3)
    with pytest.raises(DataError):
        open_source(Recipe.model_validate({"data": {"source": str(data)}}))


def test_a_data_file_cannot_allow_it_itself(make_folder: MakeFolder) -> None:
    with pytest.raises(DataError, match="no key 'outside'"):
        open_data(make_folder(GOOD + "outside: true\n"))


def test_a_link_to_a_folder_around_it_is_followed_nowhere(make_folder: MakeFolder) -> None:
    root = make_folder()
    (root / "images" / "train" / "loop").symlink_to(root / "images", target_is_directory=True)
    with pytest.raises(DataError, match="link to a folder") as caught:
        check_data(root, outside=True)
    assert "images/train/loop" in caught.value.why


def test_folders_that_are_linked_twice_are_listed_twice(make_folder: MakeFolder) -> None:
    store = make_folder()
    store = store.rename(store.with_name("store"))
    own = store.with_name("own")
    for name in ("images", "masks"):
        for link in ("a", "b"):
            (own / name / "train").mkdir(parents=True, exist_ok=True)
            (own / name / "train" / link).symlink_to(store / name / "train")
    (own / "data.yaml").write_text("train: images/train\nnames: [road, car, sky]\n")

    assert open_data(own, outside=True).length("train") == 12


def test_data_in_datasets_beside_the_data_files_folder_needs_no_word(
    make_folder: MakeFolder,
) -> None:
    """Where Ultralytics puts what it loads, and its files look for it."""
    store = make_folder()
    datasets = store.parent / "datasets"
    datasets.mkdir()
    store = store.rename(datasets / "mine")
    own = datasets.parent / "project"
    own.mkdir()
    (own / "mine.yaml").write_text(f"path: mine\n{GOOD}")
    assert open_data(own / "mine.yaml").length("train") == 6
    (own / "mine.yaml").write_text(f"path: {store}\n{GOOD}")
    assert open_data(own / "mine.yaml").length("train") == 6


@pytest.mark.parametrize("path", ["'~'", "/", "..", "../..", "/etc", "data/../../.."])
def test_a_data_file_names_no_folder_of_the_users(path: str, make_folder: MakeFolder) -> None:
    root = make_folder(f"path: {path}\n{GOOD}")
    (root / "data").mkdir()
    with pytest.raises(DataError, match="outside of the data file's"):
        open_data(root)


def test_no_folder_elsewhere_is_listed_and_no_file_opened(data: Path) -> None:
    """What is refused is known by where its name leads: nothing there is looked into."""
    with watched_files() as touched, pytest.raises(DataError):
        open_data(data)
    assert touched.outside(data) == set()
