"""The one lister: what is a picture, what is passed over, and what must never be read."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.decoding import IMAGE_SUFFIXES
from fasterseg.datasets.faults import FileFault
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.pictures.listing import list_pictures, printable
from fasterseg.errors import DataError

MakePipe = Callable[[Path], Path]


@pytest.fixture
def make_pipe() -> Iterator[MakePipe]:
    """A function that makes a named pipe; whoever reads it gets an end rather than to wait."""
    made: list[tuple[Path, threading.Thread]] = []

    def make(path: Path) -> Path:
        os.mkfifo(path)
        writer = threading.Thread(target=lambda: path.open("wb").close(), daemon=True)
        writer.start()
        made.append((path, writer))
        return path

    yield make
    for path, writer in made:
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        writer.join()
        os.close(reader)


def test_hidden_files_and_folders_are_passed_over_and_the_rest_comes_in_order(
    tmp_path: Path,
) -> None:
    for name in ("b.png", "a.JPG", "._a.jpg", ".hidden.png", "notes.txt", "deep/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for folder in (".ipynb_checkpoints", "deep/.cache"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a-checkpoint.png").touch()
    listing = list_pictures(tmp_path, IMAGE_SUFFIXES)
    names = [path.relative_to(tmp_path).as_posix() for path in listing.pictures]
    assert names == ["a.JPG", "b.png", "deep/c.png"]


def test_what_is_no_ordinary_file_and_what_is_not_followed_are_told_apart(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "null.png").symlink_to("/dev/null")
    (tmp_path / "lost.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "whole.png").touch()
    (tmp_path / "again.png").symlink_to(tmp_path / "whole.png")
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    listing = list_pictures(tmp_path, IMAGE_SUFFIXES)
    assert [path.name for path in listing.pictures] == ["again.png", "lost.png", "whole.png"]
    assert [path.name for path in listing.special] == ["null.png", "pipe.png"]
    assert [path.name for path in listing.linked] == ["link"]


def test_a_folder_that_may_not_be_looked_into_is_listed_as_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    is_file, scandir = Path.is_file, os.scandir

    def refused(path: Any) -> bool:
        if Path(path) == closed or closed in Path(path).parents:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return False

    monkeypatch.setattr(Path, "is_file", lambda path: refused(path) or is_file(path))
    monkeypatch.setattr(os, "scandir", lambda path: refused(path) or scandir(path))
    assert list_pictures(tmp_path, IMAGE_SUFFIXES).closed == [closed]


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_a_pipe_among_the_files_of_a_data_set_is_refused_and_never_read(
    kind: str, make_folder: Callable[..., Path], make_pipe: MakePipe
) -> None:
    root = make_folder()
    place = root / kind / "train" / f"train0.{'jpg' if kind == 'images' else 'png'}"
    place.unlink()
    make_pipe(place)
    for read in (check_data, open_data):
        with pytest.raises(DataError, match="a named pipe") as refused:
            read(root)
        assert "no ordinary file" in str(refused.value)


def test_a_link_to_nothing_is_told_where_the_files_are_digested(
    make_folder: Callable[..., Path],
) -> None:
    root = make_folder()
    image = root / "images" / "train" / "train1.jpg"
    image.unlink()
    image.symlink_to(root / "nowhere.jpg")
    with pytest.raises(FileFault, match="an image that cannot be read") as refused:
        open_data(root).digest("train")
    assert "images/train/train1.jpg" in str(refused.value)


def test_a_name_that_is_no_text_can_be_printed() -> None:
    assert printable(Path(os.fsdecode(b"caf\xe9.png"))) == "caf\\udce9.png"


@pytest.mark.parametrize("outside", [False, True])
def test_a_link_around_itself_is_to_be_removed_whatever_is_allowed(
    outside: bool, make_folder: Callable[..., Path]
) -> None:
    folder = make_folder()
    (folder / "images/train/loop").symlink_to("..")
    with pytest.raises(DataError) as caught:
        check_data(folder, outside=outside)
    assert "a folder around itself" in caught.value.why
    assert caught.value.next_step.startswith("remove the links")
    assert "--outside" not in caught.value.next_step


def test_a_folder_that_is_named_twice_is_answered_with_to_name_it_once(
    make_folder: Callable[..., Path],
) -> None:
    folder = make_folder()
    file = folder / "data.yaml"
    file.write_text(
        file.read_text().replace("train: images/train", "train: [images/train, images/train]")
    )
    with pytest.raises(DataError) as caught:
        check_data(folder)
    assert "named 2 times" in caught.value.why
    assert caught.value.next_step == "name each folder once, and each image of a list once"
