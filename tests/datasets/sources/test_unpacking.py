from __future__ import annotations

import io
import os
import shutil
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hostile_zips import hostile_zips
from PIL import Image

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.opening import open_data, open_files
from fasterseg.datasets.sources import unpacking
from fasterseg.errors import DataError, EnvironmentFault, Interrupted

MakeFolder = Callable[..., Path]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of caches of the test's own."""
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def archive(make_folder: MakeFolder) -> Path:
    """A data set with its data file in a zip."""
    root = make_folder()
    return Path(shutil.make_archive(str(root.parent / "photos"), "zip", root))


def every_file(folder: Path) -> dict[Path, float]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_zip_is_opened_as_its_folder_is(archive: Path, tmp_path: Path) -> None:
    plain = open_data(tmp_path / "data")

    source = open_files(archive)

    assert source.name == "photos"
    assert source.layout.place == archive
    assert source.digest("train") == plain.digest("train")
    assert np.array_equal(source.sample("val", 2).labels, plain.sample("val", 2).labels)
    assert any("photos.zip is unpacked in" in note for note in check_data(archive).notes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "data", "photos.zip"]


def test_a_zip_is_unpacked_once_and_again_where_something_was_taken_out(
    archive: Path, cache: Path
) -> None:
    open_data(archive)
    before = every_file(cache / "unpacked")
    open_data(archive)
    shutil.move(archive, archive.parent / "moved")
    shutil.move(archive.parent / "moved", archive)
    open_data(archive)
    pictures = {path: at for path, at in before.items() if path.suffix}
    assert pictures.items() <= every_file(cache / "unpacked").items()

    next(path for path in pictures if path.suffix == ".png").unlink()

    assert open_data(archive).sample("train", 0).labels.shape == (20, 30)
    assert pictures.keys() <= every_file(cache / "unpacked").keys()


def test_a_zip_that_changed_is_unpacked_anew(archive: Path) -> None:
    before = open_data(archive).digest("train")
    with zipfile.ZipFile(archive) as old:
        files = {name: old.read(name) for name in old.namelist()}
    stream = io.BytesIO()
    Image.fromarray(np.ones((20, 30), np.uint8)).save(stream, "PNG")
    files["masks/train/train0.png"] = stream.getvalue()
    with zipfile.ZipFile(archive, "w") as new:
        for name, content in files.items():
            if not name.endswith("/"):
                new.writestr(name, content)

    source = open_data(archive)

    assert source.digest("train") != before
    assert (source.sample("train", 0).labels == 1).all()


def test_several_who_open_one_zip_at_once_all_get_it_whole(archive: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(lambda _: open_data(archive).digest("train"), range(8)))

    assert len(digests) == 1


def test_what_an_interrupted_unpacking_left_is_not_taken_for_the_data(
    archive: Path, cache: Path
) -> None:
    folder = open_files(archive).layout.root
    (folder.parent / ".whole").unlink()
    (folder / "masks/train/train0.png").write_bytes(b"half")

    assert open_data(archive).sample("train", 0).labels.shape == (20, 30)


def test_an_unpacking_that_is_stopped_leaves_nothing(archive: Path, cache: Path) -> None:
    told: list[str] = []

    def stop(_done: int, _total: int, note: str) -> None:
        told.append(note)
        raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        open_data(archive, progress=stop)

    assert told == ["unpacking photos.zip"]
    assert not [path for path in every_file(cache) if path.suffix]
    assert open_data(archive).length("train") == 6


def test_messages_name_the_zip_and_not_the_folder_of_caches(
    make_folder: MakeFolder, cache: Path
) -> None:
    root = make_folder("train: images/train\nnames: [road, road]\n")
    archive = Path(shutil.make_archive(str(root.parent / "photos"), "zip", root))

    with pytest.raises(DataError) as caught:
        open_data(archive)

    assert str(archive) in caught.value.where
    assert str(cache) not in str(caught.value)


def test_a_folder_may_be_zipped_as_a_whole(make_folder: MakeFolder, cache: Path) -> None:
    root = make_folder()
    archive = shutil.make_archive(str(root.parent / "photos"), "zip", root.parent, "data")

    assert open_data(archive).length("train") == 6


def test_a_data_file_may_name_a_zip_beside_it(archive: Path) -> None:
    text = "path: photos.zip\ntrain: images/train\nval: images/val\nnames: [road, car, sky]\n"
    (archive.parent / "data.yaml").write_text(text)

    source = open_files(archive.parent / "data.yaml")

    assert source.length("train") == 6
    assert source.layout.archive == archive


def test_what_macos_and_others_hide_is_left_in_the_zip(archive: Path) -> None:
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("__MACOSX/images/train/._train0.jpg", b"\0\5\26\7")
        more.writestr("images/train/.DS_Store", b"x")

    folder = open_files(archive).layout.root

    assert not any("MACOSX" in str(path) or path.name == ".DS_Store" for path in every_file(folder))


def test_what_nobody_opened_for_long_makes_room_for_others(
    archive: Path, make_folder: MakeFolder
) -> None:
    old = open_files(archive).layout.root
    kept_since = time.time() - 100 * 86_400
    os.utime(old.parent / ".whole", (kept_since, kept_since))
    other = archive.with_name("other.zip")
    shutil.copy(archive, other)

    open_data(other)

    assert not old.exists()


def test_a_folder_of_caches_that_cannot_be_written_is_told_with_another_way(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "file"))

    with pytest.raises(EnvironmentFault) as caught:
        open_data(archive)

    assert caught.value.exit_code == 4


def test_a_zip_that_is_larger_than_the_disk_is_told_before_anything_is_written(
    archive: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 8, 1))

    with pytest.raises(EnvironmentFault, match="no room") as caught:
        open_data(archive)

    assert "FASTERSEG_CACHE" in caught.value.next_step
    assert not [path for path in every_file(cache) if path.suffix]


@pytest.mark.parametrize("kind", hostile_zips())
def test_a_hostile_zip_is_refused_and_leaves_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "_FREE_BYTES", 1 << 20)
    archive = tmp_path / "photos.zip"
    archive.write_bytes(hostile_zips()[kind])

    with pytest.raises(DataError) as caught:
        open_data(archive)

    assert caught.value.where == str(archive)
    assert caught.value.why
    assert caught.value.next_step
    assert {path.name for path in tmp_path.rglob("*")} <= {"photos.zip", "cache", "unpacked"}


def test_a_damaged_file_in_a_zip_is_refused_and_nothing_half_unpacked_is_kept(
    archive: Path, cache: Path
) -> None:
    data = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as found:
        last = max(found.infolist(), key=lambda one: one.header_offset)
    data[last.header_offset + 40 + len(last.filename)] ^= 0xFF
    archive.write_bytes(data)

    with pytest.raises(DataError, match="the zip is not read"):
        open_data(archive)

    assert not [path for path in every_file(cache) if path.suffix]


def test_a_zip_that_windows_made_is_opened_as_any_other(archive: Path, tmp_path: Path) -> None:
    other = tmp_path / "windows.zip"
    with zipfile.ZipFile(archive) as known, zipfile.ZipFile(other, "w") as made:
        for name in known.namelist():
            info = zipfile.ZipInfo()
            info.filename = name.replace("/", "\\")
            made.writestr(info, known.read(name))

    assert check_data(other).splits["train"].images == check_data(archive).splits["train"].images


def test_a_zip_that_is_cut_short_is_to_be_copied_again(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-30])

    with pytest.raises(DataError, match="the zip is not read") as caught:
        check_data(archive)
    assert "cut short" in caught.value.why
    assert caught.value.next_step.startswith("download or copy it again")
