"""Videos and cameras: every frame in its order, the broken ones named, and a file that plays."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import clips
import numpy as np
import pytest
from made_up_search import unseen
from PIL import Image

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.pictures.limits import PixelLimit
from fasterseg.datasets.pictures.reading import DEFAULT_READING
from fasterseg.errors import DataError, FastersegError, Interrupted
from fasterseg.events import Progress
from fasterseg.network.predicted import PredictResult
from fasterseg.pipeline.models import filming
from fasterseg.pipeline.models.filming import Film, Filming
from fasterseg.resources import resident_bytes
from fasterseg.stopping import StopRequest
from fasterseg.video import clips as reading
from fasterseg.video.trials import try_video

SPACE = LabelSpace(names=("dark", "bright"), colours=((0, 0, 0), (255, 255, 255)))
MOST_GROWN = 50 << 20


class Bright:
    """A predictor that calls bright what is bright."""

    label_space = SPACE
    reading = DEFAULT_READING
    tail_name = ""

    def labels(self, image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return (image[..., 1] > 90).astype(np.uint8)


@pytest.fixture(autouse=True)
def tried_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Videos are tried in this process: they are our own, and a child takes a second."""
    clips.opencv()
    monkeypatch.setattr(reading, "require_readable", lambda path: try_video(str(path)))


def filming_with(**changes: Any) -> Filming:
    given = {"predictor": Bright(), "show": unseen, "shown": None, "limit": PixelLimit()}
    return Filming(**{**given, **changes})


def film_of(video: Path, folder: Path) -> Film:
    return Film(video, folder / "clip_overlay.webm", folder / "clip_labels")


def rows_labelled(folder: Path) -> dict[str, int]:
    """By the name of each frame's mask, how many of its rows are bright."""
    masks = {path.name: np.asarray(Image.open(path)) for path in sorted(folder.iterdir())}
    return {name: int((mask.mean(axis=1) > 0.5).sum()) for name, mask in masks.items()}


def test_each_of_sixty_frames_has_its_mask_and_its_place_in_the_overlay(tmp_path: Path) -> None:
    film = film_of(clips.clip(tmp_path / "clip.avi", 60, height=64), tmp_path)
    result, shares = filming_with().film(film, StopRequest())
    wanted = {f"{number:06}.png": number for number in range(1, 61)}
    assert rows_labelled(tmp_path / "clip_labels") == wanted
    assert clips.numbers_in(film.overlay) == list(range(1, 61))
    assert (result.frames, result.size, result.broken_frames) == (60, "64x64", 0)
    assert sum(shares.values()) == pytest.approx(60)
    assert result.frames_per_second > 0
    assert 0 < result.median_ms <= result.p95_ms
    assert result.notes == ()


def test_broken_frames_are_named_and_passed_over(tmp_path: Path) -> None:
    video = clips.with_frames_zeroed(clips.clip(tmp_path / "clip.avi"), 5, 6, 9)
    film = film_of(video, tmp_path)
    result, _ = filming_with().film(film, StopRequest())
    assert (result.frames, result.broken_frames, result.first_broken) == (9, 3, (5, 6, 9))
    assert "3 broken and passed over: frame 5, 6, 9" in result.describe()
    masks = rows_labelled(tmp_path / "clip_labels")
    assert masks == {f"{number:06}.png": number for number in (1, 2, 3, 4, 7, 8, 10, 11, 12)}
    assert clips.numbers_in(film.overlay) == [1, 2, 3, 4, 4, 4, 7, 8, 8, 10, 11, 12]


def test_a_frame_beyond_the_limit_is_a_broken_one(tmp_path: Path) -> None:
    film = film_of(clips.clip(tmp_path / "clip.avi"), tmp_path)
    with pytest.raises(DataError, match="frames are too large") as caught:
        filming_with(limit=PixelLimit(1000, "add --most-pixels {pixels}")).film(film, StopRequest())
    assert caught.value.next_step == "add --most-pixels 3072"
    assert not film.overlay.exists()


def test_a_video_that_was_held_upright_is_shown_upright(tmp_path: Path) -> None:
    video = clips.turned(clips.clip(tmp_path / "clip.mp4", code="mp4v"))
    film = film_of(video, tmp_path)
    result, _ = filming_with().film(film, StopRequest())
    assert result.size == "64x48"
    mask = np.asarray(Image.open(tmp_path / "clip_labels" / "000010.png"))
    assert (mask.mean(axis=0) > 0.5).sum() == 10


def test_uneven_times_are_kept_in_the_overlay(tmp_path: Path) -> None:
    video = clips.uneven(clips.clip(tmp_path / "clip.mp4", code="mp4v"), long_from=7, times=3)
    film = film_of(video, tmp_path)
    result, _ = filming_with().film(film, StopRequest())
    assert len(rows_labelled(tmp_path / "clip_labels")) == result.frames == 12
    shown = clips.numbers_in(film.overlay)
    cv2 = clips.opencv()
    rate = cv2.VideoCapture(str(film.overlay), cv2.CAP_FFMPEG).get(cv2.CAP_PROP_FPS)
    assert len(shown) / rate == pytest.approx(0.84, abs=1.5 / rate)
    assert shown == sorted(shown)


@pytest.mark.parametrize(
    "name", ["12:30:45", "file:x", "http:x", "-dash", "%03d", "two words", "*[1]", "Straße 日本"]
)
def test_a_file_may_be_called_as_it_likes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    clips.clip(Path("clip.avi"), 3).rename(f"{name}.avi")
    film = Film(Path(f"{name}.avi"), Path(f"{name}_overlay.webm"))
    assert filming_with().film(film, StopRequest())[0].frames == 3
    assert clips.numbers_in(tmp_path / film.overlay) == [1, 2, 3]


@pytest.mark.parametrize("name", ["source", "overlay"])
def test_a_name_that_is_no_text_is_told_before_opencv_crashes(tmp_path: Path, name: str) -> None:
    places = {one: tmp_path / f"{one}.webm" for one in ("source", "overlay")}
    places[name] = tmp_path / os.fsdecode(b"\xff.webm")
    clips.clip(tmp_path / "clip.webm", 3, code="VP80").rename(places["source"])
    film = Film(places["source"], places["overlay"])
    with pytest.raises(FastersegError, match="OpenCV cannot open a file of this name") as caught:
        filming_with().film(film, StopRequest())
    assert caught.value.kind == ("DataError" if name == "source" else "EnvironmentFault")


def rate_of(video: Path) -> float:
    cv2 = clips.opencv()
    return float(cv2.VideoCapture(str(video), cv2.CAP_FFMPEG).get(cv2.CAP_PROP_FPS))


@pytest.mark.parametrize("rate", [0.5, 25.0, 119.88, 240.0, 960.0])
def test_every_frame_is_in_the_overlay_at_the_rate_that_it_had(tmp_path: Path, rate: float) -> None:
    film = film_of(clips.clip(tmp_path / "clip.mp4", 40, code="mp4v", rate=rate), tmp_path)
    result, _ = filming_with().film(film, StopRequest())
    assert clips.numbers_in(film.overlay) == list(range(1, 41))
    assert rate_of(film.overlay) == pytest.approx(rate)
    assert result.notes == ()


def test_frames_that_no_overlay_can_show_are_told(tmp_path: Path) -> None:
    film = film_of(clips.clip(tmp_path / "clip.mp4", 40, code="mp4v", rate=2000.0), tmp_path)
    result, _ = filming_with().film(film, StopRequest())
    lost = 40 - len(clips.numbers_in(film.overlay))
    assert lost > 10
    assert result.notes[0] == "it says 2000 frames a second: the overlay has 1000"
    assert result.notes[1].startswith(f"{lost} frames came sooner after another than the overlay")
    assert len(rows_labelled(tmp_path / "clip_labels")) == 40


def test_a_clock_that_is_told_for_a_rate_is_none(tmp_path: Path) -> None:
    video = clips.with_clock_for_rate(clips.clip(tmp_path / "clip.mkv", 40))
    assert rate_of(video) == pytest.approx(1000)
    film = film_of(video, tmp_path)
    result, _ = filming_with().film(film, StopRequest())
    assert clips.numbers_in(film.overlay) == list(range(1, 41))
    assert rate_of(film.overlay) == pytest.approx(clips.RATE)
    assert result.notes == ("it says 1000 frames a second: the overlay has 25",)


def test_a_long_gap_is_told(tmp_path: Path) -> None:
    video = clips.uneven(
        clips.clip(tmp_path / "clip.mp4", 12, code="mp4v"), long_from=11, times=1000
    )
    film = film_of(video, tmp_path)
    result, _ = filming_with().film(film, StopRequest())
    assert [*dict.fromkeys(clips.numbers_in(film.overlay))] == list(range(1, 13))
    assert rate_of(film.overlay) == pytest.approx(clips.RATE)
    assert result.notes == (
        "it says 0.149254 frames a second: the overlay has 25",
        "1 gap between frames of more than 10 s: so long in the overlay",
    )


def stopping_at(frame: int, stop: StopRequest) -> Callable[..., Any]:
    """A display at which somebody presses Ctrl-C."""

    @contextmanager
    def show(title: str, *, total: int, unit: str = "steps") -> Iterator[Progress]:
        def step(done: int, _total: int, _note: str) -> None:
            if done == frame:
                stop.signal_name = "SIGINT"

        yield step

    return show


def test_a_video_that_is_stopped_leaves_an_overlay_that_plays(tmp_path: Path) -> None:
    film, stop = film_of(clips.clip(tmp_path / "clip.avi", 30), tmp_path), StopRequest()
    with pytest.raises(Interrupted) as caught:
        filming_with(show=stopping_at(7, stop)).film(film, stop)
    assert clips.numbers_in(film.overlay) == [1, 2, 3, 4, 5, 6, 7]
    assert caught.value.where == str(film.overlay)
    assert caught.value.why == "7 of 30 frames are in it, and it plays"


def test_the_first_frame_warms_the_network_up_and_counts_only_if_it_is_alone(
    tmp_path: Path,
) -> None:
    ticks = [0.0, *(1.0, 1.5), *(2.0, 2.01), *(3.0, 3.01), 4.0]
    film = film_of(clips.clip(tmp_path / "clip.avi", 3), tmp_path)
    result, _ = filming_with(clock=iter(ticks).__next__).film(film, StopRequest())
    assert result.p95_ms == pytest.approx(10, rel=0.01)
    assert result.frames_per_second == pytest.approx(3 / 4)
    alone = filming_with(clock=iter([0.0, 1.0, 1.5, 2.0]).__next__, most_frames=1)
    assert alone.film(film, StopRequest())[0].p95_ms == pytest.approx(500, rel=0.01)


def test_so_many_frames_are_done_as_were_asked_for(tmp_path: Path) -> None:
    film = film_of(clips.clip(tmp_path / "clip.avi", 30), tmp_path)
    result, _ = filming_with(most_frames=4).film(film, StopRequest())
    assert result.frames == 4
    assert result.notes == ()
    assert clips.numbers_in(film.overlay) == [1, 2, 3, 4]


def test_masks_of_an_earlier_call_are_not_left_among_the_new_ones(tmp_path: Path) -> None:
    film = film_of(clips.clip(tmp_path / "clip.avi", 9), tmp_path)
    filming_with().film(film, StopRequest())
    filming_with(most_frames=4).film(film, StopRequest())
    assert len(rows_labelled(tmp_path / "clip_labels")) == 4


def test_a_video_that_was_cut_off_says_so(tmp_path: Path) -> None:
    video = clips.clip(tmp_path / "clip.avi", 40)
    data = video.read_bytes()
    video.write_bytes(data[: len(data) // 2])
    result, _ = filming_with().film(film_of(video, tmp_path), StopRequest())
    assert 10 < result.frames < 30
    assert f"it ended after {result.frames} frames, and says that it has 40" in result.notes[0]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_frames(tmp_path: Path) -> None:
    film = film_of(clips.clip(tmp_path / "clip.avi", 600, height=240, width=320), tmp_path)
    held: dict[int, int] = {}

    @contextmanager
    def show(title: str, *, total: int, unit: str = "steps") -> Iterator[Progress]:
        def step(done: int, _total: int, _note: str) -> None:
            if done % 100 == 0:
                held[done] = resident_bytes()

        yield step

    filming_with(show=show).film(film, StopRequest())
    print(f"resident at 100 frames: {held[100]:,} bytes, at 600: {held[600]:,}")
    assert held[600] - held[100] < MOST_GROWN


def test_an_overlay_is_what_browsers_and_players_show(tmp_path: Path) -> None:
    ffprobe = shutil.which("ffprobe")
    if ffprobe is None:
        pytest.skip("there is no ffprobe on this machine")
    film = film_of(clips.clip(tmp_path / "clip.avi", 10), tmp_path)
    filming_with().film(film, StopRequest())
    asked = "stream=codec_name,width,height,nb_read_frames"
    words = [ffprobe, "-v", "error", "-count_frames", "-show_entries", asked, "-of", "csv=p=0"]
    told = subprocess.run([*words, str(film.overlay)], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "vp8,64,48,10"
    assert told.stderr == ""


class Cameras:
    """Puts a made-up camera in the place of the real one."""

    def __init__(self, camera: clips.FakeCamera) -> None:
        self.camera = camera

    def opened(self, source: int | Path) -> Any:
        ticks = iter(range(10_000))
        return reading.opened_camera(
            source, open_capture=lambda _source: self.camera, clock=lambda: next(ticks) / 10
        )


@pytest.fixture
def with_camera(monkeypatch: pytest.MonkeyPatch) -> Callable[[clips.FakeCamera], None]:
    def put(camera: clips.FakeCamera) -> None:
        monkeypatch.setattr(filming, "opened_camera", Cameras(camera).opened)

    return put


def test_a_camera_is_ended_by_a_stop_and_that_is_no_failure(
    tmp_path: Path, with_camera: Callable[[clips.FakeCamera], None]
) -> None:
    camera, stop = clips.FakeCamera(1000), StopRequest()
    with_camera(camera)
    film = Film(0, tmp_path / "camera-0_overlay.webm", is_camera=True)
    result, _ = filming_with(show=stopping_at(5, stop)).film(film, stop)
    assert (result.frames, result.source) == (5, "camera 0")
    assert clips.numbers_in(film.overlay) == [1, 2, 3, 4, 5]
    assert camera.released


def test_a_camera_that_is_unplugged_ends_its_video(
    tmp_path: Path, with_camera: Callable[[clips.FakeCamera], None]
) -> None:
    with_camera(clips.FakeCamera(4))
    film = Film(Path("/dev/video7"), tmp_path / "o.webm", is_camera=True)
    assert filming_with().film(film, StopRequest())[0].frames == 4


@pytest.mark.parametrize(
    ("camera", "what"),
    [
        (clips.FakeCamera(5, is_there=False), "there is no such camera"),
        (clips.FakeCamera(0), "not one frame could be read"),
    ],
)
def test_a_camera_that_gives_nothing_is_told(
    tmp_path: Path,
    with_camera: Callable[[clips.FakeCamera], None],
    camera: clips.FakeCamera,
    what: str,
) -> None:
    with_camera(camera)
    film = Film(0, tmp_path / "o.webm", is_camera=True)
    with pytest.raises(DataError, match=what) as caught:
        filming_with().film(film, StopRequest())
    assert all((caught.value.where, caught.value.why, caught.value.next_step))
    assert not film.overlay.exists()


def test_of_several_videos_one_that_cannot_be_read_is_a_broken_one(tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("#EXTM3U\nhttp://127.0.0.1:9/one.ts\n")
    good = clips.clip(tmp_path / "good.avi", 3)
    films = [Film(one, tmp_path / f"{one.stem}_overlay.webm") for one in (bad, good)]
    nothing = PredictResult(folder=str(tmp_path))
    result = filming_with().added_to(nothing, films, alone=True)
    assert [one.image for one in result.broken] == [str(bad)]
    assert [video.frames for video in result.videos] == [3]
    assert sum(result.shares.values()) == pytest.approx(1)
    assert result.exit_code == 3
    with pytest.raises(DataError, match="this is not a video"):
        filming_with().added_to(nothing, films[:1], alone=True)
