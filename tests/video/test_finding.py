"""What a source names: images, videos, both, or a camera."""

from __future__ import annotations

import sys
from pathlib import Path

import clips
import pytest
from PIL import Image

from fasterseg.errors import DataError, EnvironmentFault, UsageError
from fasterseg.video.finding import find_sources
from fasterseg.video.recognising import camera_of, looks_like_video


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images and two videos, one of them hidden, one deeper."""
    clips.opencv()
    place = tmp_path / "drive"
    (place / "deep").mkdir(parents=True)
    for name in ("a.png", "b.jpg"):
        Image.new("RGB", (8, 8)).save(place / name)
    for name in ("c.mp4", "deep/d.webm", ".e.mp4"):
        (place / name).write_bytes(b"\0\0\0\x20ftypisom")
    return place


def test_a_folder_gives_its_images_and_its_videos(folder: Path) -> None:
    found = find_sources(str(folder))
    assert found.images is not None
    assert [path.name for path in found.images.images] == ["a.png", "b.jpg"]
    assert [path.name for path in found.videos] == ["c.mp4", "d.webm"]
    assert found.names == ("c", "deep/d")
    assert found.named_after == folder


def test_a_pattern_gives_what_it_finds(folder: Path) -> None:
    found = find_sources(str(folder / "*.mp4"))
    assert found.images is None
    assert [path.name for path in found.videos] == ["c.mp4"]
    assert find_sources(str(folder / "*.png")).videos == ()


def test_a_file_is_what_it_is_called_or_how_it_begins(folder: Path) -> None:
    assert find_sources(str(folder / ".e.mp4")).names == (".e",)
    (folder / "recording").write_bytes(b"\x1a\x45\xdf\xa3rest")
    assert [path.name for path in find_sources(str(folder / "recording")).videos] == ["recording"]
    assert find_sources(str(folder / "a.png")).videos == ()


@pytest.mark.parametrize(
    ("beginning", "is_video"),
    [
        (b"\0\0\0\x20ftypisom", True),
        (b"\0\0\0\x20ftypheic", False),
        (b"RIFF1234AVI LIST", True),
        (b"RIFF1234WEBP", False),
        (b"\x47" + bytes(187) + b"\x47", True),
        (b"#EXTM3U\nhttp://a.b/c.ts", False),
        (b"ffconcat version 1.0\nfile /etc/passwd", False),
        (b"", False),
    ],
)
def test_videos_begin_as_their_kinds_do(tmp_path: Path, beginning: bytes, is_video: bool) -> None:
    path = tmp_path / "x"
    path.write_bytes(beginning)
    assert looks_like_video(path) is is_video


def test_a_number_is_a_camera_unless_a_file_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert camera_of("0") == 0
    assert find_sources("12").names == ("camera-12",)
    Path("0").touch()
    assert camera_of("0") is None
    assert camera_of("/dev/null") is None
    assert camera_of("1" * 400) is None


def test_nothing_of_that_name_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no image or folder"):
        find_sources(str(tmp_path / "absent.mp4"))
    with pytest.raises(DataError, match="found no image"):
        find_sources(str(tmp_path))


def test_without_opencv_videos_alone_are_refused_and_beside_images_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    for source in (str(folder / "c.mp4"), str(folder / "*.mp4"), "0"):
        with pytest.raises(EnvironmentFault) as caught:
            find_sources(source)
        assert caught.value.next_step == "pip install 'fasterseg[video]'"
    beside = find_sources(str(folder))
    assert beside.videos == ()
    assert "2 videos were passed over" in beside.note
    assert "pip install 'fasterseg[video]'" in beside.note
