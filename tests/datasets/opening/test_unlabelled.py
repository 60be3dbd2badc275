"""Images without labels: named by a data file or a recipe, listed with care, never scored."""

from __future__ import annotations

import os
import shutil
import unicodedata
import zipfile
from pathlib import Path

import clips
import numpy as np
import pytest
from own_data import SIZE, own_data
from PIL import Image

from fasterseg.caches import FOLDER_VARIABLE
from fasterseg.config import build_recipe
from fasterseg.datasets.checking import check_data
from fasterseg.datasets.checking.data_report import DataReport
from fasterseg.datasets.opening import open_data, open_files
from fasterseg.datasets.opening.unlabelled import Beside
from fasterseg.datasets.sample import UNLABELLED
from fasterseg.datasets.sources.class_weights import class_weights_of
from fasterseg.datasets.sources.joining import JoinedSplits
from fasterseg.datasets.sources.part import PartOfSplit
from fasterseg.datasets.sources.sized import brought_to
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.street import StreetScenes
from fasterseg.errors import DataError, EnvironmentFault
from fasterseg.pipeline.opening import open_source
from fasterseg.video.frames import VideoFrames

COUNTS = {"train": 4, "val": 2, "test": 1}
WITH_VIDEOS = Beside(videos=VideoFrames())


def photos(folder: Path, count: int, *, size: tuple[int, int] = SIZE, first: int = 100) -> Path:
    """So many noisy pictures, which no other test data has."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        noise = np.random.default_rng([7, first + number]).integers(0, 256, (*size, 3))
        Image.fromarray(noise.astype(np.uint8)).save(folder / f"{number:03d}.png")
    return folder


def data_with(root: Path, said: str) -> Path:
    own = own_data(root, COUNTS, more=f"unlabelled: {said}")
    photos(own / "frames", 5)
    return own


def refused(root: Path, *, outside: bool = False, beside: Beside = WITH_VIDEOS) -> str:
    """What is said of a folder, which is refused when it is opened and when it is checked alike."""
    with pytest.raises(DataError) as opening:
        open_data(root, outside=outside, beside=beside)
    with pytest.raises(DataError) as checking:
        check_data(open_files(root, outside=outside, beside=beside))
    assert opening.value.why in str(checking.value)
    return str(checking.value)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_folder_of_images_without_labels_is_no_split(tmp_path: Path) -> None:
    source = open_data(data_with(tmp_path, "frames"))
    assert source.unlabelled == 5
    assert source.splits() == ("train", "val", "test")
    assert source.names(UNLABELLED) == tuple(f"frames/{number:03d}.png" for number in range(5))
    assert source.image_size(UNLABELLED, 0) == SIZE


def test_no_pixel_of_an_image_without_labels_counts(tmp_path: Path) -> None:
    source = open_data(data_with(tmp_path, "frames"))
    sample = source.sample(UNLABELLED, 3)
    assert (sample.labels == source.label_space.ignore).all()
    assert sample.labels.dtype == source.sample("train", 0).labels.dtype
    with Image.open(tmp_path / "frames/003.png") as picture:
        assert (sample.image == np.asarray(picture)).all()


def test_a_data_set_without_them_has_none(tmp_path: Path) -> None:
    source = open_data(own_data(tmp_path, COUNTS))
    assert source.unlabelled == 0
    assert source.names(UNLABELLED) == ()


def test_folders_lists_and_single_images_are_joined(tmp_path: Path) -> None:
    own = data_with(tmp_path, "[frames, more.txt, one.png]")
    photos(own / "others", 2, first=200)
    shutil.copy(photos(own / "elsewhere", 1, first=300) / "000.png", own / "one.png")
    (own / "more.txt").write_text("others/001.png\nothers/000.png\n\n")
    source = open_data(own)
    assert source.unlabelled == 8
    assert source.names(UNLABELLED)[5:] == (
        "more.txt/others/000.png",
        "more.txt/others/001.png",
        "one.png",
    )


def test_folders_of_one_name_in_two_places_are_told_apart(tmp_path: Path) -> None:
    own = own_data(tmp_path, COUNTS, more="unlabelled: [monday/drive, tuesday/drive]")
    photos(own / "monday/drive", 1, first=200)
    photos(own / "tuesday/drive", 1, first=300)
    assert open_data(own).names(UNLABELLED) == ("drive-2/000.png", "drive/000.png")


def test_a_published_layout_takes_them_from_its_data_file(tmp_path: Path) -> None:
    for folder in ("train", "trainannot", "val", "valannot", "test", "testannot"):
        (tmp_path / folder).mkdir()
        for number in range(3):
            noise = np.random.default_rng([len(folder), number]).integers(0, 11, (*SIZE, 3))
            pixels = noise.astype(np.uint8)[..., 0 if folder.endswith("annot") else slice(None)]
            Image.fromarray(pixels).save(tmp_path / folder / f"0001TP_{folder[0]}{number}.png")
    photos(tmp_path / "frames", 2)
    (tmp_path / "data.yaml").write_text("unlabelled: frames\n")
    source = open_data(tmp_path)
    assert (source.unlabelled, source.length("train")) == (2, 3)


def test_those_of_an_included_data_set_come_with_it(tmp_path: Path) -> None:
    first = own_data(tmp_path / "first", COUNTS, more="include: second/data.yaml")
    photos(own_data(first / "second", {"train": 3}, more="unlabelled: frames") / "frames", 2)
    source = open_data(first)
    assert source.names(UNLABELLED) == ("second/frames/000.png", "second/frames/001.png")
    assert source.sample(UNLABELLED, 1).name == "second/frames/001.png"


def test_a_zip_holds_them_too(tmp_path: Path, cache: Path) -> None:
    own = data_with(tmp_path / "mine", "frames")
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for path in sorted(own.rglob("*")):
            archive.write(path, path.relative_to(own))
    assert open_data(tmp_path / "mine.zip").unlabelled == 5


def test_a_recipe_names_more_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data_with(tmp_path / "mine", "frames")
    photos(tmp_path / "extra/frames", 2, first=200)
    recipe = build_recipe(
        overrides=("data.source=mine", "data.unlabelled=extra/frames"),
    )
    source = open_source(recipe)
    assert source.unlabelled == 7
    assert source.names(UNLABELLED)[:2] == ("frames-2/000.png", "frames-2/001.png")


def test_a_place_that_a_recipe_names_must_be_there(tmp_path: Path) -> None:
    own = own_data(tmp_path, COUNTS)
    with pytest.raises(DataError, match="no such images without labels"):
        open_data(own, beside=Beside((str(tmp_path / "nowhere"),)))


def test_their_digest_says_what_they_are_and_not_where_they_lie(tmp_path: Path) -> None:
    here = open_data(data_with(tmp_path / "here", "frames"))
    there = open_data(
        own_data(tmp_path / "there", COUNTS),
        beside=Beside((str(photos(tmp_path / "other/frames", 5)),)),
    )
    assert here.digest(UNLABELLED) == there.digest(UNLABELLED)
    assert here.digest("train") == there.digest("train")
    photos(tmp_path / "here/frames", 1, first=900)
    assert here.digest(UNLABELLED) != there.digest(UNLABELLED)


def test_what_labels_mean_is_not_in_their_digest(tmp_path: Path) -> None:
    own = data_with(tmp_path, "frames")
    before = open_data(own)
    (own / "data.yaml").write_text((own / "data.yaml").read_text() + "class_weights: [1, 2, 3]\n")
    after = open_data(own)
    assert before.digest(UNLABELLED) == after.digest(UNLABELLED)
    assert before.digest("train") != after.digest("train")


def test_class_weights_count_labelled_images_only(tmp_path: Path) -> None:
    with_some = open_data(data_with(tmp_path / "some", "frames"))
    with_none = open_data(own_data(tmp_path / "none", COUNTS))
    assert class_weights_of(with_some, "train", "auto") == class_weights_of(
        with_none, "train", "auto"
    )


def test_wrappers_pass_them_on_and_bring_them_to_the_working_size(
    tmp_path: Path, cache: Path
) -> None:
    plain = open_data(data_with(tmp_path / "data", "frames"))
    sized = brought_to(plain, (16, 32))
    assert sized.unlabelled == 5
    sample = sized.sample(UNLABELLED, 0)
    assert sample.image.shape == (16, 32, 3)
    assert (sample.labels == plain.label_space.ignore).all()
    assert (sized.sample(UNLABELLED, 0).image == sample.image).all()  # as it was kept
    assert any(cache.rglob("*.sample"))
    assert sized.digest(UNLABELLED) != plain.digest(UNLABELLED)


def test_a_part_of_a_split_has_none(tmp_path: Path) -> None:
    source = open_data(data_with(tmp_path, "frames"))
    part = PartOfSplit(source, "train", [0, 2])
    assert part.unlabelled == part.length(UNLABELLED) == 0


# ------------------------------------------------------------------------- the built-in scenes


def scenes(unlabelled: int, *, train: int = 3) -> DataSource:
    counts = {"train": train, "val": 1, "test": 1, UNLABELLED: unlabelled}
    return JoinedSplits(StreetScenes(size=(32, 64), counts=counts))


def test_scenes_without_labels_are_others_than_those_of_any_split() -> None:
    source = scenes(3)
    assert (source.unlabelled, source.splits()) == (3, ("train", "val", "test"))
    lone = [source.sample(UNLABELLED, index) for index in range(3)]
    labelled = [source.sample("train", index) for index in range(3)]
    labelled += [source.sample("val", 0), source.sample("test", 0)]
    assert all((one.labels == source.label_space.ignore).all() for one in lone)
    pixels = {one.image.tobytes() for one in (*lone, *labelled)}
    assert len(pixels) == 8


def test_a_scene_without_labels_is_a_pure_function_of_seed_and_index() -> None:
    few, many = scenes(2), scenes(9, train=7)
    assert (few.sample(UNLABELLED, 1).image == many.sample(UNLABELLED, 1).image).all()
    assert few.digest(UNLABELLED) != many.digest(UNLABELLED)
    assert few.digest("val") == many.digest("val")


def test_a_recipe_asks_for_scenes_without_labels() -> None:
    recipe = build_recipe(overrides=("data.street.unlabelled=4",))
    assert open_source(recipe).unlabelled == 4
    assert open_source(build_recipe()).unlabelled == 0


# ------------------------------------------------------------------------------------ checked


def test_the_check_counts_them_apart(tmp_path: Path) -> None:
    own = data_with(tmp_path, "frames")
    photos(own / "frames/wide", 2, size=(16, 64), first=400)
    report = check_data(own)
    assert report.unlabelled is not None
    assert report.unlabelled.images == 7
    assert report.unlabelled.sizes == {"16x64": 2, "32x64": 5}
    assert set(report.splits) == {"train", "val", "test"}
    assert report.digests[UNLABELLED] == open_data(own).digest(UNLABELLED)
    assert "unlabelled: 7 images, 16x64, 32x64, for distillation alone" in report.lines()


def test_the_check_counts_scenes_too() -> None:
    report = check_data(scenes(6))
    assert report.unlabelled is not None
    assert report.unlabelled.sizes == {"32x64": 6}


def test_a_report_without_them_is_what_it_always_was(tmp_path: Path) -> None:
    report = check_data(own_data(tmp_path, COUNTS))
    assert "unlabelled" not in report.content()
    report.save(tmp_path / "report.json")
    assert DataReport.load(tmp_path / "report.json") == report


def test_a_broken_one_is_found_with_its_name(tmp_path: Path) -> None:
    own = data_with(tmp_path, "frames")
    whole = (own / "frames/002.png").read_bytes()
    (own / "frames/002.png").write_bytes(whole[: len(whole) // 2])
    (own / "frames/004.png").write_bytes(b"no picture at all")
    with pytest.raises(DataError) as refusal:
        check_data(own)
    assert "1 image that is cut short: frames/002.png" in str(refusal.value)
    assert "1 image that cannot be read: frames/004.png" in str(refusal.value)


def test_a_copy_of_a_labelled_image_is_refused_by_its_content(tmp_path: Path) -> None:
    own = data_with(tmp_path, "frames")
    with Image.open(own / "images/val/1.png") as picture:
        picture.save(own / "frames/copy.bmp")
    with pytest.raises(DataError) as refusal:
        check_data(own)
    assert "1 image without labels that is in a split too" in str(refusal.value)
    assert "the same as images/val/1.png in val" in str(refusal.value)
    assert "frames/copy.bmp" in str(refusal.value)


def test_copies_among_themselves_are_noted(tmp_path: Path) -> None:
    own = data_with(tmp_path, "frames")
    shutil.copy(own / "frames/000.png", own / "frames/again.png")
    assert "1 image is in its split more than once" in check_data(own).notes


def test_recordings_of_val_are_not_learned_from_either(tmp_path: Path) -> None:
    own = data_with(tmp_path, "frames\ngroups: '^([0-9]+)'")
    (own / "frames/000.png").rename(own / "frames/11.png")
    for split, names in (("train", "0123"), ("val", "01"), ("test", "0")):
        for kind in ("images", "masks"):
            for name in names:
                place = own / kind / split
                (place / f"{name}.png").rename(place / f"{len(split)}{name}.png")
    photos(own / "frames", 0)
    for path in (own / "frames").glob("0*.png"):
        path.rename(path.with_name(f"5{path.stem[-1]}.png"))  # of train's recordings or new ones
    shutil.move(own / "frames/11.png", own / "frames/31.png")
    with pytest.raises(DataError) as refusal:
        check_data(own)
    assert "1 recording that is in more than one split" in str(refusal.value)
    assert "31 (31 in val, frames/31.png in unlabelled)" in str(refusal.value)


def test_a_recording_is_one_however_its_accents_are_composed(tmp_path: Path) -> None:
    own = data_with(tmp_path, "frames\ngroups: '^(Allée)-'")
    taken_apart = unicodedata.normalize("NFD", "Allée-7.png")
    (own / "frames/000.png").rename(own / "frames" / taken_apart)
    for kind in ("images", "masks"):
        place = own / kind / "val"
        (place / "0.png").rename(place / unicodedata.normalize("NFC", "Allée-1.png"))
    with pytest.raises(DataError, match="recordings that are in more than one split"):
        check_data(own)


def test_what_was_found_is_kept_and_not_read_again(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fasterseg.datasets.checking.checked_files.LEAST_PAIRS", 1)
    monkeypatch.setattr("fasterseg.caches.SETTLED_S", 0.0)
    own = data_with(tmp_path / "data", "frames")
    first = check_data(own, remember=True)
    second = check_data(own, remember=True)
    assert second.unlabelled == first.unlabelled
    assert any("12 of 12 images" in note for note in second.notes)


# ------------------------------------------------------------------------------------ refused


def test_a_labelled_image_is_refused_wherever_it_is_named(tmp_path: Path) -> None:
    said = refused(data_with(tmp_path, "[frames, images]"))
    assert "7 images without labels that are in a split too" in said
    assert "images/train/1.png (it is 1 in train)" in said


def test_masks_are_no_images_without_labels(tmp_path: Path) -> None:
    assert "it is the mask of" in refused(data_with(tmp_path, "masks/test"))


def test_a_place_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "1 folder that is missing: no/frames" in refused(data_with(tmp_path, "no/frames"))


def test_a_place_that_holds_none_is_named(tmp_path: Path) -> None:
    own = data_with(tmp_path, "[frames, empty]")
    (own / "empty").mkdir()
    assert "1 place of images without labels that holds none: empty" in refused(own)


def test_an_image_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    own = data_with(tmp_path, "[frames, again.txt]")
    (own / "again.txt").write_text("frames/003.png\n")
    assert "the same file as again.txt/frames/003.png" in refused(own)


def test_lines_that_name_no_image_are_told(tmp_path: Path) -> None:
    own = data_with(tmp_path, "list.txt")
    (own / "list.txt").write_text("frames/000.png\nframes/nothing.png\nframes\ndata.yaml\n")
    said = refused(own)
    assert "3 lines of lists of images without labels that name no image" in said
    assert "list.txt:2 (frames/nothing.png)" in said


def test_a_list_that_is_no_text_is_refused(tmp_path: Path) -> None:
    own = data_with(tmp_path, "list.txt")
    (own / "list.txt").write_bytes(b"\xff\xfe\x00frames")
    with pytest.raises(DataError, match="not UTF-8"):
        open_data(own, beside=WITH_VIDEOS)


@pytest.mark.parametrize("named", ["../secrets", "frames/link", "list.txt"])
def test_nothing_outside_of_the_data_is_read(named: str, tmp_path: Path) -> None:
    photos(tmp_path / "secrets", 2, first=500)
    own = data_with(tmp_path / "mine", named)
    (own / "list.txt").write_text("../secrets/000.png\n../secrets/001.png\n")
    (own / "frames/link").symlink_to(tmp_path / "secrets", target_is_directory=True)
    assert "out of the data folder" in refused(own)
    assert open_data(own, outside=True).unlabelled == 2


def test_a_link_within_the_folder_to_an_image_outside_is_refused(tmp_path: Path) -> None:
    photos(tmp_path / "secrets", 1, first=500)
    own = data_with(tmp_path / "mine", "frames")
    (own / "frames/link.png").symlink_to(tmp_path / "secrets/000.png")
    assert "frames/link.png" in refused(own)


def test_what_only_has_a_picture_s_name_is_refused(tmp_path: Path) -> None:
    own = data_with(tmp_path, "frames")
    os.mkfifo(own / "frames/pipe.png")
    Image.new("RGB", (4, 4)).save(own / "frames/moving.gif")
    (own / "frames").joinpath(os.fsdecode(b"\xff.png")).write_bytes(b"")
    said = refused(own)
    assert "1 name of a picture that is no ordinary file: frames/pipe.png" in said
    assert "1 file of a type that is not read: frames/moving.gif" in said
    assert "1 file name that is not valid text" in said


def test_a_picture_beyond_the_limit_of_pixels_is_refused(tmp_path: Path) -> None:
    own = data_with(tmp_path, "frames\nmost_pixels: 2100")
    Image.new("RGB", (100, 100)).save(own / "frames/large.png")
    with pytest.raises(DataError) as refusal:
        check_data(own)
    assert "1 image of more pixels than are read: frames/large.png" in str(refusal.value)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("{frames: 3}", "write the path of a folder"),
        ("[1, 2]", "write the path of a folder"),
        (f"[{'x' * 300}]", "a name has at most 255 bytes"),
        ("frames\nunlabelled_every: 0", "greater than or equal to 1"),
        ("frames\nunlabeled: other", "did you mean 'unlabelled'"),
    ],
)
def test_wrong_values_are_refused_with_what_to_write(said: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as refusal:
        open_data(data_with(tmp_path, said))
    assert why in str(refusal.value)


# ------------------------------------------------------------------------------------- videos


def with_clip(root: Path, *, every: int = 10, frames: int = 23) -> Path:
    own = own_data(root, COUNTS, more=f"unlabelled: drive.avi\nunlabelled_every: {every}")
    clips.clip(own / "drive.avi", frames)
    return own


def test_every_so_many_frames_of_a_video_are_taken(tmp_path: Path, cache: Path) -> None:
    source = open_data(with_clip(tmp_path / "data"), beside=WITH_VIDEOS)
    assert source.names(UNLABELLED) == tuple(f"drive.avi/{n:06d}" for n in (1, 11, 21))
    assert [clips.rows_of(source.sample(UNLABELLED, i).image) for i in range(3)] == [1, 11, 21]


def test_frames_are_taken_once(tmp_path: Path, cache: Path) -> None:
    own = with_clip(tmp_path / "data")
    first = open_data(own, beside=WITH_VIDEOS)
    written = {path: path.stat().st_mtime_ns for path in cache.rglob("*.png")}
    again = open_data(own, beside=WITH_VIDEOS)
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*.png")} == written
    assert first.digest(UNLABELLED) == again.digest(UNLABELLED)
    assert any(str(cache) in note for note in check_data(open_files(own, beside=WITH_VIDEOS)).notes)


def test_another_distance_takes_other_frames(tmp_path: Path, cache: Path) -> None:
    own = with_clip(tmp_path / "data")
    open_data(own, beside=WITH_VIDEOS)
    (own / "data.yaml").write_text((own / "data.yaml").read_text().replace("10", "4"))
    assert open_data(own, beside=WITH_VIDEOS).unlabelled == 6


@pytest.mark.parametrize("harm", ["lost", "emptied", "half"])
def test_frames_that_are_not_all_there_are_taken_anew(
    harm: str, tmp_path: Path, cache: Path
) -> None:
    own = with_clip(tmp_path / "data")
    digest = open_data(own, beside=WITH_VIDEOS).digest(UNLABELLED)
    one = min(cache.rglob("*.png"))
    if harm == "lost":
        one.unlink()
    elif harm == "emptied":
        one.write_bytes(b"")
    else:
        next(cache.rglob(".whole")).unlink()
    assert open_data(own, beside=WITH_VIDEOS).digest(UNLABELLED) == digest


def test_a_stop_while_frames_are_taken_leaves_nothing_behind(tmp_path: Path, cache: Path) -> None:
    def stopped(_done: int, _total: int, _note: str) -> None:
        raise KeyboardInterrupt

    own = with_clip(tmp_path / "data")
    with pytest.raises(KeyboardInterrupt):
        open_data(own, beside=WITH_VIDEOS, progress=stopped)
    assert not [*cache.rglob("*.png")]
    assert open_data(own, beside=WITH_VIDEOS).unlabelled == 3


def test_broken_frames_are_left_out_and_told(tmp_path: Path, cache: Path) -> None:
    own = with_clip(tmp_path / "data")
    clips.with_frames_zeroed(own / "drive.avi", 11)
    source = open_files(own, beside=WITH_VIDEOS)
    assert source.names(UNLABELLED) == ("drive.avi/000001", "drive.avi/000021")
    assert "1 frames of drive.avi cannot be decoded, and are left out" in source.layout.notes


def test_a_video_that_is_none_is_refused(tmp_path: Path, cache: Path) -> None:
    clips.opencv()
    own = with_clip(tmp_path / "data")
    (own / "drive.avi").write_bytes(b"RIFF\x00\x00\x00\x00AVI LIST" + bytes(2000))
    with pytest.raises(DataError, match="the video cannot be read"):
        open_data(own, beside=WITH_VIDEOS)


def test_without_opencv_it_is_said_what_to_install(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_data(tmp_path / "data", COUNTS, more="unlabelled: drive.mp4")
    (own / "drive.mp4").write_bytes(bytes(100))
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(EnvironmentFault, match=r"fasterseg\[video\]"):
        open_data(own, beside=WITH_VIDEOS)


def test_videos_in_a_folder_of_frames_are_passed_over_and_told(tmp_path: Path, cache: Path) -> None:
    own = data_with(tmp_path / "data", "frames")
    clips.clip(own / "frames/drive.avi", 3)
    source = open_files(own, beside=WITH_VIDEOS)
    assert source.unlabelled == 5
    assert any("1 video in frames is passed over" in note for note in source.layout.notes)


def test_a_video_of_too_many_frames_is_refused(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fasterseg.datasets.opening.video_frames.MOST_FRAMES", 2)
    with pytest.raises(DataError, match="too many frames"):
        open_data(with_clip(tmp_path / "data"), beside=WITH_VIDEOS)
    assert not [*cache.rglob("*.png")]


def test_a_full_disk_is_told_before_it_is_full(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "fasterseg.datasets.opening.video_frames.free_disk_bytes", lambda _: 1 << 20
    )
    with pytest.raises(EnvironmentFault, match="no room for the frames"):
        open_data(with_clip(tmp_path / "data"), beside=WITH_VIDEOS)
