"""Overlays as video: even sizes, even times, and a disk that is full."""

from __future__ import annotations

from pathlib import Path

import clips
import pytest

from fasterseg.errors import EnvironmentFault
from fasterseg.video import overlays
from fasterseg.video.overlays import LONGEST_GAP_S, OverlayVideo


def written(path: Path, times: list[float], **size: int) -> list[int]:
    """The numbers of the frames that a video has whose pictures came at these times."""
    clips.opencv()
    overlay = OverlayVideo(path, rate=10.0)
    for number, seconds in enumerate(times, start=1):
        overlay.add(clips.picture(number, **size), seconds)
    overlay.close()
    return clips.numbers_in(path)


@pytest.mark.parametrize(("height", "width"), [(47, 63), (48, 63), (33, 64), (48, 64)])
def test_odd_sides_lose_no_line(tmp_path: Path, height: int, width: int) -> None:
    assert written(tmp_path / "o.webm", [0.0], height=height, width=width) == [1]
    cv2 = clips.opencv()
    pixels = cv2.VideoCapture(str(tmp_path / "o.webm"), cv2.CAP_FFMPEG).read()[1]
    assert pixels.shape[:2] == (height + height % 2, width + width % 2)


@pytest.mark.parametrize(
    ("times", "shown"),
    [
        ([5.0, 5.1, 5.2], [1, 2, 3]),
        ([0.0, 0.3, 0.4], [1, 1, 1, 2, 3]),
        ([0.0, 0.01, 0.1], [1, 3]),
        ([0.0, 0.099, 0.201, 0.299], [1, 2, 3, 4]),
        ([1.0, 0.5, 1.1], [1, 3]),
    ],
)
def test_times_are_kept(tmp_path: Path, times: list[float], shown: list[int]) -> None:
    assert written(tmp_path / "o.webm", times) == shown


def test_a_gap_of_hours_is_a_short_one(tmp_path: Path) -> None:
    shown = written(tmp_path / "o.webm", [0.0, 36_000.0, 36_000.1])
    assert len(shown) == pytest.approx(10 * LONGEST_GAP_S + 2, abs=2)
    assert (shown[0], shown[-2:]) == (1, [2, 3])


def test_a_disk_that_is_full_is_told_and_what_was_written_plays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips.opencv()
    free = iter([1 << 40, 1 << 20])
    monkeypatch.setattr(overlays, "free_disk_bytes", lambda _folder: next(free))
    overlay = OverlayVideo(tmp_path / "o.webm", rate=10.0)
    with pytest.raises(EnvironmentFault, match="could not write"):
        for number in range(100):
            overlay.add(clips.picture(number), number / 10)
    assert len(clips.numbers_in(tmp_path / "o.webm")) == 64


def test_no_place_to_write_is_told_in_four_parts(tmp_path: Path) -> None:
    clips.opencv()
    (tmp_path / "o.webm").mkdir()
    with pytest.raises(EnvironmentFault, match="no overlay video can be written"):
        OverlayVideo(tmp_path / "o.webm", rate=10.0).add(clips.picture(1), 0.0)
