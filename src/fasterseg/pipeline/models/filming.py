"""Predicting videos and cameras: frame by frame into an overlay video, and label maps where asked.

Nothing is kept of a frame that is done, so that memory is flat over any length.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from pathlib import Path

from fasterseg.datasets.decoding import decode
from fasterseg.datasets.pictures.limits import PixelLimit
from fasterseg.datasets.pictures.listing import printable
from fasterseg.deploy.runtimes.models import Predictor
from fasterseg.durable import durable_write
from fasterseg.errors import DataError, Interrupted, UsageError
from fasterseg.network.named_models import model_path
from fasterseg.network.predicted import Broken, PredictResult, VideoResult
from fasterseg.network.segmentation import Segmentation, png_bytes
from fasterseg.network.segmenting import segmented
from fasterseg.output_folders import make_output_folder
from fasterseg.reporting.results import NetworkResult
from fasterseg.runs import run_above
from fasterseg.space.blocks import Size
from fasterseg.stopping import Show, StopRequest, stop_on_signals
from fasterseg.video.clips import Clip, Frame, opened_camera, opened_video
from fasterseg.video.finding import Sources
from fasterseg.video.overlays import ENDING, LONGEST_GAP_S, OverlayVideo
from fasterseg.video.pace import Pace

TOLD_BROKEN = 5
LABEL_MAPS = "_labels"
"""The end of the name of a folder with a mask for each frame."""

_NUMBER_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Film:
    """A video or a camera, and what is written of it; `label_maps` is a folder, or None."""

    source: Path | int
    overlay: Path
    label_maps: Path | None = None
    is_camera: bool = False

    @property
    def written(self) -> tuple[Path, ...]:
        """What is written of it."""
        return (self.overlay, *([] if self.label_maps is None else [self.label_maps]))

    def clear_label_maps(self) -> None:
        """Remove the masks of an earlier call, whose frames may be more."""
        for old in () if self.label_maps is None else self.label_maps.glob("[0-9]*.png"):
            if old.stem.isdecimal():
                old.unlink()

    def opened(self, limit: PixelLimit) -> AbstractContextManager[Clip]:
        """Its frames; raises as `opened_video` and `opened_camera` do."""
        if not self.is_camera and isinstance(self.source, Path):
            return opened_video(self.source, limit)
        return opened_camera(self.source)


def films_of(sources: Sources, folder: Path, *, label_maps: bool) -> list[Film]:
    """The films of some sources, with the places of what is written of each."""
    whole: Sequence[Path | int] = sources.videos
    if sources.camera is not None:
        whole = [sources.camera]
    return [
        Film(
            source,
            folder / f"{name}{ENDING}",
            folder / f"{name}{LABEL_MAPS}" if label_maps else None,
            is_camera=sources.camera is not None,
        )
        for source, name in zip(whole, sources.names, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Filming:
    """How films are segmented: by what, shown at which size, and how many frames at most.

    `folder` is what all is written into; it is marked as our own with the first film that opens.
    """

    predictor: Predictor
    show: Show
    shown: Size | None
    limit: PixelLimit
    most_frames: int | None = None
    promise: str = ""
    folder: Path | None = None
    clock: Callable[[], float] = time.perf_counter

    def added_to(
        self, result: PredictResult, films: Sequence[Film], *, alone: bool
    ) -> PredictResult:
        """The result with some films segmented too; one that cannot be read is a broken picture.

        That is raised where it is all that there is to segment, `alone` beside no image.
        """
        done, broken = list[VideoResult](), list(result.broken)
        sums = {name: share * len(result.written) for name, share in result.shares.items()}
        with stop_on_signals() as stop:
            for film in films:
                try:
                    video, shares = self.film(film, stop)
                except DataError as fault:
                    if alone and len(films) == 1:
                        raise
                    broken.append(Broken(image=str(film.source), why=fault.why or fault.what))
                else:
                    done.append(video)
                    sums = {name: sums.get(name, 0.0) + share for name, share in shares.items()}
        pictures = len(result.written) + sum(video.frames for video in done)
        return result.model_copy(
            update={
                "videos": tuple(done),
                "broken": tuple(broken),
                "shares": {name: total / max(1, pictures) for name, total in sums.items()},
            }
        )

    def film(self, film: Film, stop: StopRequest) -> tuple[VideoResult, dict[str, float]]:
        """Segment one; what came out, and the sum of each class's shares of its frames.

        A frame that is broken is noted and passed over.  A camera is ended by a stop request;
        a video raises `Interrupted` then, and what was written plays.
        """
        with (
            film.opened(self.limit) as clip,
            closing(OverlayVideo(film.overlay, rate=clip.rate)) as overlay,
        ):
            if self.folder is not None:
                make_output_folder(self.folder)
            film.clear_label_maps()
            seen = FilmTally()
            began = self.clock()
            total = min(filter(None, (clip.count, self.most_frames)), default=0)
            with self.show(f"Segmenting {clip.name}", total=total, unit="frames") as step:
                for frame in clip.frames():
                    self._take(frame, film, overlay, seen)
                    step(frame.number, max(total, frame.number) if total else 0, seen.note)
                    if stop or seen.frames == self.most_frames:
                        break
            seconds = self.clock() - began
        _require_all(film, clip, seen, stop)
        whole = seen.frames != self.most_frames
        notes = (*_notes(clip, seen, whole=whole), *_notes_on_times(clip, overlay))
        return self._result(film, clip, seen, seconds, notes), seen.shares

    def _take(self, frame: Frame, film: Film, overlay: OverlayVideo, seen: FilmTally) -> None:
        found = self._segmented(frame, seen)
        if found is None:
            seen.broken(frame.number)
            return
        overlay.add(found.overlay(), frame.seconds)
        if film.label_maps is not None:
            name = f"{frame.number:0{_NUMBER_DIGITS}}.png"
            durable_write(film.label_maps / name, png_bytes(found.labels))
        seen.add(found)

    def _segmented(self, frame: Frame, seen: FilmTally) -> Segmentation | None:
        """A frame's labels, timed; None for a broken one."""
        if frame.pixels is None:
            return None
        predictor = self.predictor
        try:
            decoded = decode(frame.pixels, predictor.reading, limit=self.limit)
        except DataError:  # of another size than the first one, and beyond the limit
            return None
        began = self.clock()
        found = segmented(predictor.labels, decoded, predictor.label_space, size=self.shown)
        seen.took(1000 * (self.clock() - began))
        return found

    def _result(
        self, film: Film, clip: Clip, seen: FilmTally, seconds: float, notes: tuple[str, ...]
    ) -> VideoResult:
        assert seen.size is not None
        return VideoResult(
            source=clip.name,
            overlay=printable(film.overlay),
            label_maps="" if film.label_maps is None else printable(film.label_maps),
            frames=seen.frames,
            size=str(seen.size),
            broken_frames=seen.broken_frames,
            first_broken=tuple(seen.first_broken),
            frames_per_second=seen.frames / seconds if seconds > 0 else 0.0,
            median_ms=seen.pace.quantile(0.5),
            p95_ms=seen.pace.quantile(0.95),
            promise=self.promise,
            notes=notes,
        )


@dataclass(slots=True)
class FilmTally:
    """What was seen of a film so far."""

    pace: Pace = field(default_factory=Pace)
    shares: dict[str, float] = field(default_factory=dict)
    frames: int = 0
    broken_frames: int = 0
    first_broken: list[int] = field(default_factory=list)
    size: Size | None = None

    def add(self, found: Segmentation) -> None:
        """One more is done."""
        for name, share in found.shares().items():
            self.shares[name] = self.shares.get(name, 0.0) + share
        self.frames += 1
        self.size = Size(*found.labels.shape)

    def took(self, milliseconds: float) -> None:
        """What the network took for a frame; the first one, which warms it up, counts if alone."""
        if self.frames == 1 and self.pace.frames == 1:
            self.pace = Pace()
        self.pace.add(milliseconds)

    def broken(self, number: int) -> None:
        """One could not be read."""
        self.broken_frames += 1
        if len(self.first_broken) < TOLD_BROKEN:
            self.first_broken.append(number)

    @property
    def note(self) -> str:
        """How fast it is, and what is broken."""
        broken = f", {self.broken_frames} broken" if self.broken_frames else ""
        return f"p95 {self.pace.quantile(0.95):.1f} ms{broken}"


def _require_all(film: Film, clip: Clip, seen: FilmTally, stop: StopRequest) -> None:
    """Raise where nothing came, or where a video was stopped."""
    if not seen.frames:
        raise DataError(
            "not one frame could be read",
            where=clip.name,
            why="the camera gives none" if film.is_camera else "all of them are broken",
            next_step="try another camera" if film.is_camera else "name another video",
        )
    if stop and not film.is_camera:
        of = f" of {clip.count}" if clip.count else ""
        raise Interrupted(
            f"stopped by {stop.signal_name}: the overlay ends with the frame at hand",
            where=str(film.overlay),
            why=f"{seen.frames}{of} frames are in it, and it plays",
            next_step="for all frames, run the same command again with --overwrite",
        )


def _notes(clip: Clip, seen: FilmTally, *, whole: bool) -> Iterator[str]:
    """A word where a file ends before it says that it does; some count by their length alone."""
    read = seen.frames + seen.broken_frames
    if whole and read < 0.98 * clip.count - 2:
        yield f"it ended after {read} frames, and says that it has {clip.count}: it may be cut off"


def _notes_on_times(clip: Clip, overlay: OverlayVideo) -> Iterator[str]:
    """A word where the overlay has another rate than its source says, or not all of its frames."""
    if clip.rate != clip.told_rate:
        told = f"{clip.told_rate:g} frames a second" if clip.told_rate > 0 else "no rate"
        yield f"it says {told}: the overlay has {clip.rate:g}"
    if overlay.left_out:
        frames = "1 frame" if overlay.left_out == 1 else f"{overlay.left_out} frames"
        yield (
            f"{frames} came sooner after another than the overlay can show at {clip.rate:g} frames "
            "a second, and are not in it; --label-maps writes a mask of each"
        )
    if overlay.shortened:
        gaps = "1 gap" if overlay.shortened == 1 else f"{overlay.shortened} gaps"
        yield f"{gaps} between frames of more than {LONGEST_GAP_S:g} s: so long in the overlay"


def require_frames(frames: int | None) -> None:
    """Raise `UsageError` for a number of frames that means nothing."""
    if frames is not None and frames < 1:
        raise UsageError(
            "there is no such number of frames",
            where=f"--frames {frames}",
            why="so many frames of a video or a camera are segmented",
            next_step="name 1 or more, or leave --frames out",
        )


def promise_of(model: str) -> str:
    """What was promised of a model's latency where its run measured it; empty elsewhere."""
    path = model_path(model)
    run = run_above(path)
    if run is None:
        return ""
    place = run.result(path.parent.name if path.is_dir() else path.stem)
    if not place.is_file():
        return ""
    result = NetworkResult.load(place)
    at = f" at {result.timed_at}" if result.timed_at else ""
    budget = "" if result.budget_ms is None else f", within {result.budget_ms:.2f} ms"
    return (
        f"promised on the target{at}: {result.promise} {result.promised_ms:.2f} ms{budget}; "
        f"measured there: median {result.measured_ms:.2f} ms, p95 {result.measured_p95_ms:.2f} ms"
    )
