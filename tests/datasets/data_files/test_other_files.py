"""What is given as a data set and is none: it is told what it is, and the advice works."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from advice import lines_of
from PIL import Image

from fasterseg.datasets.checking import check_data
from fasterseg.errors import DataError

MakeFolder = Callable[..., Path]
FOLDERS = {"train": "images/train", "val": "images/val", "masks_dir": "masks"}
LABELMAP = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncar:255,0,0::\nroad:0,255,0::\n"
COLOURS = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]], dtype=np.uint8)


def refusal(path: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        check_data(path)
    assert caught.value.next_step
    assert "limit" not in caught.value.why
    return caught.value


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


KINDS: dict[str, tuple[str, str | bytes]] = {
    "7z archive": ("data.7z", b"7z\xbc\xaf\x27\x1c" + bytes(100)),
    "rar archive": ("data.rar", b"Rar!\x1a\x07" + bytes(100)),
    "COCO's annotations": ("instances.json", json.dumps({"images": [], "annotations": []})),
    "COCO's annotations, large": (
        "instances.json",
        '{"annotations": [' + "1," * 1_000_000 + "1]}",
    ),
    "LabelMe's polygons": ("a.json", json.dumps({"version": "5", "shapes": []})),
    "JSON": ("a.json", "[1, 2]"),
    "XML": ("annotations.xml", '<?xml version="1.0"?>\n<annotations/>\n'),
    "a list": ("train.txt", "images/a.png\nimages/b.png\n"),
    "a picture": ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(50)),
    "a table": ("scores.csv", "a,b,c\n1,2,3\n"),
    "a model": ("student.onnx", b"\x08\x07\x12\x07pytorch"),
    "a video": ("drive.MP4", bytes(range(256))),
    "MATLAB's data": ("a.mat", b"MATLAB 5.0 MAT-file"),
    "no text": ("data", bytes(range(256))),
    "a web page": ("photos.zip", "\n<!DOCTYPE html>\n<html><body>Sign in</body></html>"),
    "a web page, small letters": ("data.yaml", "<html lang=en>\n"),
    "a pointer of Git LFS": (
        "photos.zip",
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n",
    ),
    "no zip": ("photos.zip", "moved to another place\n"),
    "no zip, but other bytes": ("photos.ZIP", b"junkPK\x03\x04" + bytes(100)),
    "an empty file": ("photos.zip", b""),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_no_data_file_is_told_by_what_it_is(kind: str, tmp_path: Path) -> None:
    name, content = KINDS[kind]
    error = refusal(write(tmp_path / name, content))

    assert (
        error.what
        == f"this is {'a ' if 'archive' in kind else ''}{kind.partition(',')[0]}, "
        + ("not a data set")
    )


@pytest.mark.parametrize("kind", ["gztar", "bztar", "xztar", "tar"])
def test_an_archive_is_unpacked_by_the_command_that_is_named(
    kind: str, make_folder: MakeFolder
) -> None:
    root = make_folder()
    archive = Path(shutil.make_archive(str(root.parent / "photos"), kind, root))
    error = refusal(archive)
    _, _, command = error.next_step.partition("python ")
    words = command.partition(", then")[0].split()
    warnings = ["-W", "ignore"] if hasattr(tarfile, "data_filter") else []

    subprocess.run([sys.executable, *warnings, *words], check=True, cwd=root.parent)

    checked = Path(error.next_step.rpartition("fasterseg check-data ")[2])
    assert check_data(checked).splits["train"].images == 6


def test_cvat_s_list_of_colours_becomes_the_lines_of_a_data_file(make_folder: MakeFolder) -> None:
    root = make_folder(values=(0, 1, 2))
    for path in (root / "masks").rglob("*.png"):
        Image.fromarray(COLOURS[np.asarray(Image.open(path))]).save(path)
    error = refusal(write(root / "labelmap.txt", LABELMAP))
    assert "CVAT" in error.what

    (root / "data.yaml").write_text(yaml.safe_dump(FOLDERS | lines_of(error)))

    assert check_data(root).names == ("car", "road")


def test_roboflow_s_table_of_classes_becomes_the_line_of_names(make_folder: MakeFolder) -> None:
    root = make_folder(values=(0, 1, 2))
    table = "Pixel Value, Class\n0, background\n1, car\n2, road\n"
    error = refusal(write(root / "_classes.csv", table))

    (root / "data.yaml").write_text(yaml.safe_dump(FOLDERS | lines_of(error)))

    assert check_data(root).names == ("background", "car", "road")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("labelmap.txt", LABELMAP, "palette:"),
        ("photos.zip", b"PK\x03\x04", "name the zip itself: fasterseg check-data"),
        ("annotations.xml", "<?xml version='1.0'?><annotations></annotations>", "COCO 1.0"),
        (
            "Annotations/a.xml",
            "<annotation><object><bndbox><xmin>1</xmin></bndbox></object></annotation>",
            "in place of these boxes",
        ),
        ("meta.json", '{"classes": [{"title": "car", "shape": "bitmap"}]}', "Supervisely"),
        ("via.json", '{"a": {"regions": [{"shape_attributes": {}}]}}', "COCO format"),
        ("train/via.json", '{"a": {"regions": [{"shape_attributes": {}}]}}', "COCO format"),
        (
            "project.json",
            '[{"annotations": [{"result": []}], "data": {"image": "/a.jpg"}}]',
            "export polygons from Label Studio as COCO",
        ),
        ("all.ndjson", '{"data_row": {"id": "x"}, "projects": {}}', "turn it into COCO"),
        ("train.csv", "ImageId,EncodedPixels\na.jpg,1 5\n", "PNG masks called as their images"),
        ("class_dict.csv", "name,r,g,b\ncar,1,2,3\n", "palette: {car: [1, 2, 3]}"),
        ("train-00000-of-00001.parquet", b"PAR1", "load it with datasets"),
        ("data/train.tfrecord", bytes(8), "read it with tensorflow"),
        ("masks/a.mat", b"MATLAB 5.0 MAT-file", "write each mask as PNG"),
        ("masks/a.npz", b"PK\x03\x04", "read it with numpy.load"),
        ("masks.H5", b"\x89HDF", "read it with h5py"),
        ("annotations.pkl", b"\x80\x04.", "make masks of what wrote it"),
        ("scan.dcm", bytes(200), "read it with pydicom"),
    ],
)
def test_a_folder_without_a_data_file_is_told_by_what_a_tool_left_in_it(
    name: str, content: str | bytes, said: str, tmp_path: Path
) -> None:
    write(tmp_path / name, content)
    error = refusal(tmp_path)

    assert name in error.why
    assert said in error.next_step


def test_annotations_in_utf_16_are_read_once_the_command_that_is_named_has_run(
    tmp_path: Path,
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a b.png")
    outline = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 8, 0, 8, 8]]}
    content = {
        "images": [{"id": 1, "file_name": "a b.png", "width": 8, "height": 8}],
        "categories": [{"id": 1, "name": "straße"}],
        "annotations": [outline],
    }
    written = json.dumps(content, ensure_ascii=False).encode("utf-16")
    error = refusal(write(tmp_path / "my set" / "coco.json", written).parent)
    assert "UTF-16" in error.why

    (tmp_path / "a b.png").rename(tmp_path / "my set" / "a b.png")
    _, *words = shlex.split(error.next_step.partition(": ")[2])
    subprocess.run([sys.executable, *words], check=True)

    assert check_data(tmp_path / "my set").names == ("background", "straße")


def test_a_folder_of_nothing_known_is_shown_a_data_file_that_works(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    root = make_folder(values=(0, 1))
    (tmp_path / "nothing known").mkdir()
    lines = lines_of(refusal(tmp_path / "nothing known"))

    (root / "data.yaml").write_text(yaml.safe_dump(lines))

    assert check_data(root).names == ("road", "car")


def test_json_with_the_keys_of_a_data_file_is_one(make_folder: MakeFolder) -> None:
    root = make_folder()
    content = yaml.safe_load((root / "data.yaml").read_text())
    file = write(root / "data.json", json.dumps(content))

    assert check_data(file).splits["train"].images == 6


@pytest.mark.parametrize("way", ["the folder around it", "a folder inside", "a folder deeper"])
def test_a_folder_beside_a_data_set_is_answered_with_the_data_set(
    way: str, make_folder: MakeFolder
) -> None:
    root = make_folder()
    given = {
        "the folder around it": root.parent,
        "a folder inside": root / "images",
        "a folder deeper": root / "images" / "train",
    }[way]
    error = refusal(given)

    named = Path(error.next_step.removeprefix("name ").partition(",")[0])
    assert check_data(named).splits["train"].images == 6


@pytest.mark.parametrize("kind", ["named pipe", "device"])
def test_what_is_neither_file_nor_folder_is_told(kind: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    given = {"named pipe": tmp_path / "fifo", "device": Path("/dev/zero")}[kind]

    assert refusal(given).what == f"this is a {kind}, not a data set"


def test_a_list_that_is_a_named_pipe_is_refused(make_folder: MakeFolder) -> None:
    root = make_folder("train: train.txt\nval: images/val\nnames: [road, car, sky]\n")
    os.mkfifo(root / "train.txt")

    assert "train.txt (a named pipe)" in refusal(root).why
