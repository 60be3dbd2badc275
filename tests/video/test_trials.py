"""A video is opened in a process of its own before it is opened here."""

from __future__ import annotations

from pathlib import Path

import clips
import pytest

from fasterseg.children.running import Ended
from fasterseg.datasets.pictures.limits import PixelLimit
from fasterseg.errors import DataError
from fasterseg.video import trials
from fasterseg.video.clips import opened_video
from fasterseg.video.pace import Pace


def test_a_video_is_tried_and_read(tmp_path: Path) -> None:
    path = clips.clip(tmp_path / "clip.avi")
    assert trials.require_readable(path) == {"height": 48, "width": 64}


def test_what_only_begins_like_a_video_is_told_in_four_parts(tmp_path: Path) -> None:
    clips.opencv()
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"\0\0\0\x20ftypisom" + bytes(3000))
    with pytest.raises(DataError) as caught, opened_video(path, PixelLimit()):
        pass
    assert caught.value.what == "the video cannot be read"
    assert caught.value.where == str(path)
    assert "no frame of it can be decoded" in caught.value.why
    assert "convert it" in caught.value.next_step


def test_a_decoder_that_crashes_is_told_and_ends_no_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = clips.clip(tmp_path / "clip.avi")
    ended = Ended("signal", "it was ended by SIGSEGV", "")
    monkeypatch.setattr(trials, "run_limited", lambda *_, **__: ended)
    with pytest.raises(DataError) as caught, opened_video(path, PixelLimit()):
        pass
    assert "tried in a process of its own: it was ended by SIGSEGV" in caught.value.why


def test_a_quantile_is_known_to_half_a_per_cent() -> None:
    pace = Pace()
    assert pace.quantile(0.95) == 0.0
    for milliseconds in range(1, 101):
        pace.add(float(milliseconds))
    assert pace.quantile(0.5) == pytest.approx(50, rel=0.005)
    assert pace.quantile(0.95) == pytest.approx(95, rel=0.005)
    assert pace.quantile(1.0) == pytest.approx(100, rel=0.005)
