"""A stranger's video is opened in a process of its own, with limits, before it is opened in this.

Decoders of video are large and old: there it shows whether one crashes, hangs or takes all memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fasterseg.children.running import Ended, run_limited
from fasterseg.datasets.pictures.listing import printable
from fasterseg.errors import DataError
from fasterseg.video.opencv_library import imported_opencv, opencv_name

SECONDS = 20.0
MEMORY_BYTES = 2 << 30
TRIES = 30
_LARGEST_SIDE = 1 << 16


def require_readable(path: Path) -> dict[str, int]:
    """Return the height and width of a video's first frame; raises `DataError` where it has none.

    Some frames are read, in a process with limits of time and memory.
    """
    outcome = run_limited(
        "fasterseg.video.trials:try_video",
        [opencv_name(path.absolute())],
        seconds=SECONDS,
        memory_bytes=MEMORY_BYTES,
    )
    if isinstance(outcome, Ended):
        raise _unreadable(path, f"it was tried in a process of its own: {outcome.reason}")
    height, width = outcome.value["height"], outcome.value["width"]
    if not (0 < height <= _LARGEST_SIDE and 0 < width <= _LARGEST_SIDE):
        raise _unreadable(path, "no frame of it can be decoded: it is damaged, or of another codec")
    return {"height": height, "width": width}


def try_video(path: str) -> dict[str, Any]:
    """Return the size of the first frame that can be read, of some: 0 x 0 where none can."""
    cv2 = imported_opencv()
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    size = (0, 0)
    for _ in range(TRIES):
        found, pixels = capture.read()
        if found:
            size = pixels.shape[:2]
            break
    capture.release()
    return {"height": int(size[0]), "width": int(size[1])}


def _unreadable(path: Path, why: str) -> DataError:
    return DataError(
        "the video cannot be read",
        where=printable(path),
        why=why,
        next_step="play it to see whether it is whole, or convert it, as to MP4 with H.264",
    )
