"""What predicting images came to: those that were written, and those that were broken."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from fasterseg.errors import DataError
from fasterseg.told import Told

SHOWN_FAULTS = 5


class Broken(BaseModel):
    """An image that could not be read, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str
    why: str


class VideoResult(BaseModel):
    """A video or a camera that was segmented, frame by frame.

    `overlay` is the video that was written, `label_maps` the folder with a mask for each frame
    where that was asked for.  `frames_per_second` counts everything from reading to writing, the
    milliseconds what makes a frame's labels of its pixels.  `promise` is what was promised of that.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    overlay: str
    label_maps: str = ""
    frames: int
    size: str
    broken_frames: int = 0
    first_broken: tuple[int, ...] = ()
    frames_per_second: float
    median_ms: float
    p95_ms: float
    promise: str = ""
    notes: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return what was written, how fast, and which frames were passed over."""
        lines = [
            f"{self.source}: {self.frames} frames of {self.size} in {self.overlay}",
            f"  {self.frames_per_second:.1f} frames a second in all; the network took "
            f"{self.median_ms:.2f} ms for a frame (p95 {self.p95_ms:.2f})",
        ]
        lines += [f"  {self.promise}"] if self.promise else []
        lines += [f"  label maps: {self.label_maps}"] if self.label_maps else []
        if self.broken_frames:
            numbers = ", ".join(map(str, self.first_broken))
            more = " and others" if self.broken_frames > len(self.first_broken) else ""
            lines.append(
                f"  {self.broken_frames} broken and passed over: frame {numbers}{more}, where the "
                "overlay shows the one before"
            )
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])


class PredictResult(Told, BaseModel):
    """The folder written to, the images and videos done, and those that could not be read.

    `notes` count what was interpreted in them, `note` is about their size, and `endings` are those
    of the images' files' names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    written: tuple[str, ...] = ()
    shares: dict[str, float] = Field(default_factory=dict)
    tail: str = ""
    broken: tuple[Broken, ...] = ()
    note: str = ""
    notes: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    videos: tuple[VideoResult, ...] = ()

    @property
    def exit_code(self) -> int:
        """3 when an image, a video or a frame was broken, else 0."""
        is_broken = self.broken or any(video.broken_frames for video in self.videos)
        return DataError.exit_code if is_broken else 0

    def describe(self) -> str:
        """Return what was written where, the classes found, and what went wrong."""
        found = sorted(self.shares.items(), key=lambda share: -share[1])
        lines = [f"  {name:<20} {100 * share:6.2f} %" for name, share in found if share]
        ending = []
        if self.endings or not self.videos:
            done = f"{len(self.written)} image{'' if len(self.written) == 1 else 's'}"
            kinds = f" ({', '.join(self.endings)})" if self.endings else ""
            ending.append(f"{done} in {self.folder}{kinds}")
        ending += [video.describe() for video in self.videos]
        ending += [f"tail: {self.tail}"] if self.tail else []
        if self.broken:
            ending += [f"{len(self.broken)} could not be read:"]
            ending += [f"  {fault.image}: {fault.why}" for fault in self.broken[:SHOWN_FAULTS]]
            rest = len(self.broken) - SHOWN_FAULTS
            ending += [f"  and {rest} more"] if rest > 0 else []
        ending += [f"note: {note}" for note in (*self.notes, self.note) if note]
        return "\n".join([*lines, *ending])
