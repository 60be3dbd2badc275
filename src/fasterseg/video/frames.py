"""Frames of videos for those who want images: implements `ReadsVideos` by OpenCV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fasterseg.datasets.decoding import VIDEO_SUFFIXES
from fasterseg.datasets.pictures.limits import PixelLimit
from fasterseg.datasets.sample import Pixels
from fasterseg.video.clips import opened_video
from fasterseg.video.recognising import is_video


class VideoFrames:
    """Reads whatever `opened_video` does."""

    suffixes = VIDEO_SUFFIXES

    def is_video(self, path: Path) -> bool:
        """Whether a file is called as videos are, or begins as one."""
        return is_video(path)

    def every(
        self, video: Path, distance: int, limit: PixelLimit
    ) -> Iterator[tuple[int, Pixels | None]]:
        """Yield the first frame and each that is so many after it; raises as `opened_video`."""
        with opened_video(video, limit) as clip:
            for frame in clip.frames():
                if (frame.number - 1) % distance == 0:
                    yield frame.number, frame.pixels
