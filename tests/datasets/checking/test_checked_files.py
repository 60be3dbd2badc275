"""What was checked is kept: a second check reads what changed, and says what it reads anyway."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from published_trees import camvid_full_tree
from told_faults import told

from fasterseg import caches
from fasterseg.caches import cache_folder
from fasterseg.datasets.checking import check, check_data, checked_files
from fasterseg.datasets.checking.checked_files import CheckedFiles
from fasterseg.datasets.checking.data_report import DataReport
from fasterseg.datasets.checking.looking import Look
from fasterseg.datasets.checking.sizes import image_sizes
from fasterseg.datasets.faults import FaultKind
from fasterseg.datasets.opening import open_files
from fasterseg.datasets.pairing.pairs import Pair
from fasterseg.datasets.sources.files import FileSource
from fasterseg.errors import DataError

MakeFolder = Callable[..., Path]


@pytest.fixture(autouse=True)
def kept_of_any(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Small data sets whose files were made just now are remembered too, in the test's folder."""
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(checked_files, "LEAST_PAIRS", 1)
    monkeypatch.setattr(caches, "SETTLED_S", 0.0)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the pairs that are read whole."""
    names: list[str] = []
    look_at = check.look_at

    def watched(source: FileSource, pair: Pair) -> Look:
        names.append(pair.name)
        return look_at(source, pair)

    monkeypatch.setattr(check, "look_at", watched)
    return names


def kept_file() -> Path:
    (found,) = (cache_folder() / "checked").iterdir()
    return found


def without_its_note(report: DataReport) -> DataReport:
    notes = tuple(note for note in report.notes if "checked/" not in note)
    return report.model_copy(update={"notes": notes})


def test_a_second_check_reads_nothing_and_finds_the_same(
    make_folder: MakeFolder, read: list[str]
) -> None:
    root = make_folder()
    first = check_data(root, remember=True)
    assert len(read) == 9
    read.clear()

    second = check_data(root, remember=True)

    assert read == []
    assert without_its_note(second) == first == check_data(root)
    assert "9 of 9 images and their masks are as they were" in second.notes[-1]
    assert str(kept_file()) in second.notes[-1]


def test_masks_that_differ_of_one_image_are_told_without_reading_them_again(
    make_folder: MakeFolder, read: list[str]
) -> None:
    root = make_folder()
    shutil.copy(root / "images/train/train0.jpg", root / "images/train/again.jpg")
    shutil.copy(root / "masks/train/train1.png", root / "masks/train/again.png")
    first = check_data(root, remember=True)
    read.clear()

    second = check_data(root, remember=True)

    assert read == []
    assert any("masks that differ" in note for note in second.notes)
    assert without_its_note(second) == first


def test_nothing_is_kept_unless_it_is_asked_for(make_folder: MakeFolder) -> None:
    check_data(make_folder())

    assert not cache_folder().exists()


def test_masks_of_colours_and_deep_images_are_remembered_as_they_are(
    tmp_path: Path, read: list[str]
) -> None:
    root = camvid_full_tree(tmp_path / "camvid", size=(48, 64))
    deep = np.linspace(0, 9000, 48 * 64).astype(np.uint16).reshape(48, 64)
    Image.fromarray(deep).save(root / "701_StillsRaw_full" / "0016E5_00390.png")
    first = check_data(root, remember=True)
    read.clear()

    assert without_its_note(check_data(root, remember=True)) == first
    assert read == []
    assert any("of more than 8 bits" in note for note in first.notes)


CHANGES: dict[str, Callable[[Path, Path], None]] = {
    "other pixels": lambda image, mask: Image.new("RGB", (30, 20), (1, 2, 3)).save(image),
    "another mask": lambda image, mask: Image.new("L", (30, 20), 1).save(mask),
    "another time": lambda image, mask: os.utime(image, ns=(1, 1)),
    "the same bytes anew": lambda image, mask: image.write_bytes(image.read_bytes()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_is_read_again_and_nothing_else(
    change: str, make_folder: MakeFolder, read: list[str]
) -> None:
    root = make_folder()
    check_data(root, remember=True)
    read.clear()

    CHANGES[change](root / "images/train/train3.jpg", root / "masks/train/train3.png")
    report = check_data(root, remember=True)

    assert read == ["train3"]
    assert without_its_note(report) == check_data(root)


def test_a_file_of_the_same_size_and_time_but_other_bytes_is_read_again(
    make_folder: MakeFolder, read: list[str]
) -> None:
    root = make_folder()
    mask = root / "masks/train/train0.png"
    Image.new("L", (30, 20), 1).save(mask, compress_level=0)
    check_data(root, remember=True)
    before, old = mask.stat(), mask.read_bytes()
    read.clear()

    Image.new("L", (30, 20), 2).save(mask, compress_level=0)
    os.utime(mask, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert mask.stat().st_mtime_ns == before.st_mtime_ns
    assert mask.stat().st_size == before.st_size
    assert mask.read_bytes() != old
    check_data(root, remember=True)
    assert read == ["train0"]


def test_what_was_changed_a_moment_ago_is_not_kept(
    make_folder: MakeFolder, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "SETTLED_S", 3600.0)
    root = make_folder()
    check_data(root, remember=True)
    check_data(root, remember=True)

    assert len(read) == 18


def test_anew_reads_everything(make_folder: MakeFolder, read: list[str]) -> None:
    root = make_folder()
    check_data(root, remember=True)

    check_data(root, remember=True, anew=True)

    assert len(read) == 18


def test_faulty_files_are_read_each_time(make_folder: MakeFolder, read: list[str]) -> None:
    root = make_folder()
    image = root / "images/train/train0.jpg"
    image.write_bytes(image.read_bytes()[:-40])
    for _ in range(2):
        read.clear()
        with pytest.raises(DataError, match=told(FaultKind.TRUNCATED_IMAGE)):
            check_data(root, remember=True)

    assert read == ["train0"]


def test_ids_get_their_meaning_from_the_data_file_as_it_is_now(
    make_folder: MakeFolder, read: list[str]
) -> None:
    root = make_folder(values=(0, 1, 2, 9))
    messages = []
    for _ in range(2):
        with pytest.raises(DataError, match=told(FaultKind.UNKNOWN_LABEL)) as caught:
            check_data(root, remember=True)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    read.clear()

    with (root / "data.yaml").open("a") as file:
        file.write("label_mapping: {9: 0}\n")

    assert without_its_note(check_data(root, remember=True)) == check_data(root)
    assert set(read) == {name for name in read if read.count(name) == 1}, (
        "by the second check alone"
    )


def test_another_way_of_reading_images_reads_them(make_folder: MakeFolder, read: list[str]) -> None:
    root = make_folder()
    check_data(root, remember=True)
    with (root / "data.yaml").open("a") as file:
        file.write("channels: 1\n")

    check_data(root, remember=True)

    assert len(read) == 18


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], int]] = {
    "nothing in it": (lambda data: b"", 9),
    "another file": (lambda data: b"\x00\x01 whatever\n" * 100, 9),
    "of another data set": (lambda data: data.replace(b"checked/1 ", b"checked/1 0", 1), 9),
    "a flipped sign": (lambda data: data[:-30] + bytes([data[-30] ^ 1]) + data[-29:], 1),
    "half a line at its end": (lambda data: data[:-10], 1),
    "half of it": (lambda data: data[: len(data) // 2], 5),
    "a size that was altered": (lambda data: data.replace(b" 20 30 ", b" 10 10 ", 1), 1),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_costs_reading_again_and_no_more(
    name: str, make_folder: MakeFolder, read: list[str]
) -> None:
    root = make_folder()
    first = check_data(root, remember=True)
    damage, again = DAMAGE[name]
    kept_file().write_bytes(damage(kept_file().read_bytes()))
    read.clear()

    report = check_data(root, remember=True)

    assert without_its_note(report) == first
    assert len(read) == again
    assert name == "nothing in it" or any("damaged" in note for note in report.notes)
    read.clear()
    assert without_its_note(check_data(root, remember=True)) == first
    assert read == []


def test_a_line_that_has_its_checksum_and_no_sense_is_not_believed(
    make_folder: MakeFolder, read: list[str]
) -> None:
    root = make_folder()
    first = check_data(root, remember=True)
    head, *lines = kept_file().read_bytes().splitlines(keepends=True)
    for text in (b'{"hash":"x"}', b"[1]", b"nan", b'{"hash":1,"values":{}}'):
        body = b" ".join(lines[0].split(b" ")[1:10]) + b" " + text
        forged = checked_files._check(body) + b" " + body + b"\n"
        kept_file().write_bytes(head + forged + b"".join(lines[1:]))
        read.clear()
        assert without_its_note(check_data(root, remember=True)) == first
        assert len(read) == 1


def test_a_link_in_its_place_is_neither_read_nor_written_through(
    make_folder: MakeFolder, read: list[str], tmp_path: Path
) -> None:
    root = make_folder()
    check_data(root, remember=True)
    target = tmp_path / "elsewhere"
    kept_file().rename(target)
    (cache_folder() / "checked").rmdir()
    before = target.read_bytes()
    (cache_folder() / "checked").mkdir()
    (cache_folder() / "checked" / checked_files._conditions_of(open_files(root))[:32]).symlink_to(
        target
    )
    read.clear()

    report = check_data(root, remember=True)

    assert len(read) == 9
    assert target.read_bytes() == before
    assert "something else lies in its place" in report.notes[-1]


def test_a_place_that_cannot_be_written_stops_nobody(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "file" / "cache"))

    report = check_data(make_folder(), remember=True)

    assert "what was found is not kept in" in report.notes[-1]


def test_sizes_are_read_once_and_known_after_a_check(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder()
    source = open_files(root)
    assert image_sizes(source, ["train", "val"]) == {(20, 30): 9}
    asked: list[int] = []

    def size(self: FileSource, split: str, index: int) -> tuple[int, int]:
        asked.append(index)
        return (20, 30)

    monkeypatch.setattr(FileSource, "image_size", size)
    assert image_sizes(source, ["train", "val"]) == {(20, 30): 9}
    assert asked == []
    Image.new("RGB", (30, 20)).save(root / "images/train/train2.jpg")
    assert image_sizes(source, ["train"]) == {(20, 30): 6}
    assert asked == [2]


def test_small_data_sets_are_not_kept(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checked_files, "LEAST_PAIRS", 10)

    assert CheckedFiles.of(open_files(make_folder())) is None


def test_lines_that_were_overtaken_go(make_folder: MakeFolder) -> None:
    root = make_folder()
    for turn in range(1, 60):
        os.utime(root / "images/train/train0.jpg", ns=(turn, turn))
        check_data(root, remember=True)

    assert kept_file().read_bytes().count(b"\n") < 50


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({"FASTERSEG_CACHE": "/a/b"}, "/a/b"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/fasterseg"),
        ({"XDG_CACHE_HOME": "relative"}, "~/.cache/fasterseg"),
        ({}, "~/.cache/fasterseg"),
    ],
)
def test_its_place_is_the_users_folder_of_caches(
    variables: dict[str, str], wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FASTERSEG_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert cache_folder() == Path(wanted).expanduser()
