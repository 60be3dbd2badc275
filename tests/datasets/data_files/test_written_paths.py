"""Data that was made on another system: Windows' paths, another disk's, letters taken apart."""

from __future__ import annotations

import json
import runpy
import shutil
import sys
import unicodedata
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from PIL import Image
from told_faults import told

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.data_files.written_paths import OtherRoot, as_it_lies
from fasterseg.datasets.faults import FaultKind
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.splits.split_file import Line, written_lines
from fasterseg.errors import DataError

MakeFolder = Callable[..., Path]
ACCENT = "straße_é"
APART, TOGETHER = (unicodedata.normalize(form, ACCENT) for form in ("NFD", "NFC"))
FORMS = [(APART, TOGETHER), (TOGETHER, APART)]
LISTS = "train: train.txt\nval: val.txt\nnames: [road, car, sky]\n"


def images_of(root: Path, split: str) -> list[Path]:
    return sorted((root / "images" / split).iterdir())


def write_lists(root: Path, line: Callable[[Path], str], *, end: str = "\n") -> None:
    for split in ("train", "val"):
        text = end.join(line(one.relative_to(root)) for one in images_of(root, split))
        (root / f"{split}.txt").write_bytes(text.encode())
    (root / "data.yaml").write_text(LISTS)


def renamed(files: Iterable[Path], ending: str) -> None:
    for file in list(files):
        file.rename(file.with_name(f"{file.stem}{ending}{file.suffix}"))


def spelt(root: Path, images: str, masks: str) -> None:
    """Put an accent into all names: of images in one spelling, of masks in another."""
    renamed(root.glob("images/*/*"), images)
    renamed(root.glob("masks/*/*"), masks)


def counts(root: Path) -> tuple[int, int]:
    source = open_data(root)
    return source.length("train"), source.length("val")


@pytest.mark.parametrize(("images", "masks"), FORMS)
def test_names_that_differ_in_how_letters_are_composed_are_one(
    images: str, masks: str, make_folder: MakeFolder
) -> None:
    assert APART != TOGETHER
    root = make_folder()
    plain = open_data(root).sample("train", 2).labels
    spelt(root, images, masks)

    source = open_data(root)

    assert (source.length("train"), source.length("val")) == (6, 3)
    assert source.names("train")[2] == f"train2{TOGETHER}"
    assert (source.sample("train", 2).labels == plain).all()


@pytest.mark.parametrize(("there", "written"), FORMS)
@pytest.mark.parametrize("with_ending", [True, False])
def test_a_list_may_spell_names_otherwise_than_the_disk(
    there: str, written: str, make_folder: MakeFolder, *, with_ending: bool
) -> None:
    root = make_folder()
    spelt(root, there, written)

    def line(path: Path) -> str:
        name = path.as_posix().replace(there, written)
        return name if with_ending else path.stem.replace(there, written)

    write_lists(root, line)
    if not with_ending:  # stems: all images in one folder
        for split in ("train", "val"):
            for kind in ("images", "masks"):
                for file in list((root / kind / split).iterdir()):
                    file.rename(root / kind / file.name)
                (root / kind / split).rmdir()
    assert counts(root) == (6, 3)


def test_a_split_file_may_spell_names_otherwise(make_folder: MakeFolder) -> None:
    root = make_folder()
    spelt(root, APART, TOGETHER)
    lines = [
        Line("train" if number else "val", f"images\\{split}\\{one.name}".replace(APART, TOGETHER))
        for split in ("train", "val")
        for number, one in enumerate(images_of(root, split))
    ]
    (root / "splits.csv").write_bytes(written_lines(lines))
    with (root / "data.yaml").open("a") as file:
        file.write("splits: splits.csv\n")
    assert counts(root) == (7, 2)


def test_folders_of_a_data_file_may_be_written_as_on_windows(make_folder: MakeFolder) -> None:
    root = make_folder()
    (root / "data.yaml").write_text(
        "path: C:\\work\\data\ntrain: images\\train\nval: .\\images\\val\n"
        "masks_dir: .\\masks\nnames: [road, car, sky]\n"
    )
    assert counts(root) == (6, 3)


def test_a_list_may_be_written_as_on_windows(make_folder: MakeFolder) -> None:
    root = make_folder()
    write_lists(root, lambda path: f".\\{path}".replace("/", "\\"), end="\r\n")
    assert counts(root) == (6, 3)
    assert open_data(root).names("train")[0] == "images/train/train0"


def test_a_list_may_name_files_of_the_data_folder_from_the_disks_root(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    root = make_folder()
    write_lists(root, lambda path: str(root / path))
    assert counts(root) == (6, 3)
    names = open_data(root).names("train")
    write_lists(root, lambda path: f"{root / path} {root}/masks/{path.parent.name}/{path.stem}.png")
    assert open_data(root).names("train") == names
    link = tmp_path / "link"
    link.symlink_to(root)
    assert counts(link) == (6, 3)


@pytest.mark.parametrize("before", ["/data/old/", "D:\\old\\", "old place/"])
def test_a_list_of_another_machine_is_told_what_to_take_away(
    before: str, make_folder: MakeFolder
) -> None:
    root = make_folder()
    write_lists(root, lambda path: f"{before}{path}")
    with pytest.raises(DataError, match=told(FaultKind.BAD_LIST)) as caught:
        check_data(root)
    steps = caught.value.next_step.splitlines()
    assert f"take {before} away from each line: paths are as seen from the data folder" in steps
    for split in ("train", "val"):
        path = root / f"{split}.txt"
        path.write_text(path.read_text().replace(before, ""))
    assert counts(root) == (6, 3)


def test_a_long_list_of_another_place_is_not_looked_for_line_by_line(tmp_path: Path) -> None:
    other = OtherRoot(tmp_path)
    assert not any(other.step_for(f"/a/b/c/{number}.png") for number in range(200))
    assert other.tried < 20


@pytest.mark.parametrize(
    "written", ["../outside.png", "..\\outside.png", "/etc/hostname", "é/../../x", "\0", "a" * 5000]
)
def test_what_leads_out_or_is_nowhere_stays_as_it_is_written(written: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (tmp_path / "outside.png").touch()
    found = as_it_lies(root, written)
    assert found.replace("\\", "/") == written.replace("\\", "/")


def test_a_zip_in_a_zip_is_told_how_to_get_at_it(tmp_path: Path, make_folder: MakeFolder) -> None:
    root = make_folder()
    inner = Path(shutil.make_archive(str(tmp_path / "inner"), "zip", root))
    outer = tmp_path / "outer.zip"
    with zipfile.ZipFile(outer, "w") as archive:
        archive.write(inner, "inner.zip")
    with pytest.raises(DataError) as caught:
        check_data(outer)
    step = caught.value.next_step
    command = step.partition("python -m zipfile ")[2].partition(";")[0].split()
    arguments, sys.argv = sys.argv, ["zipfile", *command]
    try:
        runpy.run_module("zipfile", run_name="__main__")
    finally:
        sys.argv = arguments
    assert check_data(Path(step.rpartition(" ")[2])).names == ("road", "car", "sky")


def test_outlines_find_images_whose_names_are_spelt_otherwise(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for number in range(3):
        picture = Image.new("RGB", (30, 20), (number, 0, 0))
        picture.save(tmp_path / "images" / f"{number}{APART}.png")
    outline = {"category_id": 1, "segmentation": [[2, 2, 12, 2, 12, 12, 2, 12]]}
    known = {
        "images": [
            {"id": one, "file_name": f"{one}{TOGETHER}.png", "width": 30, "height": 20}
            for one in range(3)
        ],
        "annotations": [{"id": one, "image_id": one, **outline} for one in range(3)],
        "categories": [{"id": 1, "name": "car"}],
    }
    (tmp_path / "instances_train.json").write_text(json.dumps(known))
    source = open_data(tmp_path)
    assert source.names("train") == tuple(f"{one}{TOGETHER}" for one in range(3))


def test_an_image_s_polygons_are_not_lost_by_how_its_name_is_spelt(tmp_path: Path) -> None:
    for split, count in (("train", 4), ("val", 2)):
        for kind in ("images", "labels"):
            (tmp_path / kind / split).mkdir(parents=True)
        for number in range(count):
            picture = Image.new("RGB", (40, 40), (number, count, 0))
            picture.save(tmp_path / "images" / split / f"{number}{APART}.png")
            label = tmp_path / "labels" / split / f"{number}{TOGETHER}.txt"
            label.write_text("0 0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9\n")
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [car]\n")
    source = open_data(tmp_path)
    for number in range(4):
        assert (source.sample("train", number).labels == 1).sum() > 900
    before = "/home/me/darknet/"
    for split in ("train", "val"):
        lines = [f"{before}{one.relative_to(tmp_path)}" for one in images_of(tmp_path, split)]
        (tmp_path / f"{split}.txt").write_text("\n".join(lines))
    (tmp_path / "data.yaml").write_text("train: train.txt\nval: val.txt\nnames: [car]\n")
    with pytest.raises(DataError) as caught:
        check_data(tmp_path)
    assert f"take {before} away from each line" in caught.value.next_step
