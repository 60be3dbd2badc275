"""Lists of pictures: what their lines mean, and what is said of those that name nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from fasterseg.datasets.picture_files import find_images, output_names
from fasterseg.errors import DataError


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photos below the current folder."""
    for name in ("photos/a/1.png", "photos/b/2 of 2.png", "photos/b/3.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(path)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.txt", "photos/a/1.png\nphotos/b/2 of 2.png\nphotos/b/3.png\n"),
        ("photos/list.txt", "a/1.png\r\n\r\n  b/2 of 2.png\r\nb/3.png"),
        ("photos/LIST.TXT", "./a/1.png\nb\\2 of 2.png\nb\\3.png\n"),
        ("photos/b/of pairs.lst", "../a/1.png ../masks/1.png\n2 of 2.png\n3.png masks/3.png\n"),
        ("marked.txt", "\ufeffphotos/a/1.png\nphotos/b/2 of 2.png\nphotos/b/3.png\nphotos/b/3.png"),
    ],
)
def test_a_list_names_pictures_from_the_current_folder_or_its_own(
    name: str, text: str, photos: Path
) -> None:
    Path(name).write_text(text, encoding="utf-8", newline="")
    found = find_images(name)
    assert [path.resolve() for path in found.images] == [
        photos / "a/1.png",
        photos / "b/2 of 2.png",
        photos / "b/3.png",
    ]
    names = output_names(found.root, found.images)
    assert [one.rpartition("/")[2] for one in names] == ["1", "2 of 2", "3"]


def test_a_list_names_pictures_by_whole_paths_and_from_the_home(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "list.txt").write_text(f"{photos / 'a/1.png'}\n~/photos/b/3.png\n")
    assert find_images("list.txt").images == [photos / "a/1.png", photos / "b/3.png"]


@pytest.mark.usefixtures("photos")
def test_lines_that_name_nothing_are_told_before_anything_is_computed() -> None:
    lines = ["photos/a/1.png", "0001", "https://host/a.png", "~nobody/x.png", "x" * 5000, "last"]
    Path("list.txt").write_text("\n".join(lines))
    with pytest.raises(DataError, match="5 of the 6 lines of a list name no file") as caught:
        find_images("list.txt")
    assert "line 2: 0001; line 3: https:" in caught.value.why and "2 more" in caught.value.why


@pytest.mark.usefixtures("photos")
def test_a_list_in_another_encoding_is_told() -> None:
    Path("list.txt").write_bytes("photos/a/ü.png".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        find_images("list.txt")


def test_a_picture_with_the_name_of_a_list_stays_a_picture(photos: Path) -> None:
    image = Path("photo.txt")
    image.write_bytes((photos / "a/1.png").read_bytes())
    assert find_images("photo.txt").images == [image]
