"""What is to be segmented: the images, the videos and the camera that a source names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fasterseg.datasets.decoding import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from fasterseg.datasets.picture_files import (
    Found,
    find_images,
    find_pictures,
    output_names,
)
from fasterseg.errors import EnvironmentFault
from fasterseg.paths import user_path
from fasterseg.video.opencv_library import imported_opencv
from fasterseg.video.recognising import camera_of, is_video


@dataclass(frozen=True, slots=True)
class Sources:
    """What a source names: images, videos below a root, or one camera; `note` tells what is left.

    `names` are what the files of each video are called after.
    """

    images: Found | None = None
    root: Path = Path()
    videos: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()
    camera: int | Path | None = None
    note: str = ""

    @property
    def named_after(self) -> Path:
        """What the folder of predictions is called after."""
        if self.camera is not None:
            return Path(self.names[0])
        return self.root if self.images is None else self.images.root


def find_sources(source: str) -> Sources:
    """The images and the videos that a source names, or the camera.

    Raises `UsageError` for a source that is not there, `DataError` for one that has neither, and
    `EnvironmentFault` for videos alone, or a camera, where OpenCV is not installed: beside images
    these are passed over, which a note tells.
    """
    if (camera := camera_of(source)) is not None:
        imported_opencv()
        name = f"camera-{camera.name if isinstance(camera, Path) else camera}"
        return Sources(camera=camera, names=(name,))
    videos = _videos(source)
    if not videos.images:
        return Sources(images=find_images(source))
    images = None if _is_one(user_path(source)) else find_pictures(source, IMAGE_SUFFIXES)
    if images is not None and not images.images:
        images = None
    try:
        imported_opencv()
    except EnvironmentFault as fault:
        if images is None:
            raise
        count = len(videos.images)
        left = f"{count} video{' was' if count == 1 else 's were'} passed over: {fault.what}"
        return Sources(images=images, note=f"{left}; {fault.next_step}")
    names = tuple(output_names(videos.root, videos.images))
    return Sources(images, videos.root, tuple(videos.images), names)


def _videos(source: str) -> Found:
    path = user_path(source)
    if _is_one(path) and not is_video(path):
        return Found(path.parent, [])
    return find_pictures(source, VIDEO_SUFFIXES)


def _is_one(path: Path) -> bool:
    """Whether a path stands for one thing, a file or what is none, and for no folder."""
    return path.exists() and not path.is_dir()
