"""``predict``: three files for each image, nothing replaced silently, broken images told."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import clips
import numpy as np
import pytest
from fake_run import FakeRun
from PIL import Image
from watched_files import watched_files

from fasterseg.cli import main
from fasterseg.commands.predict import predict
from fasterseg.console.progress import progress_for
from fasterseg.datasets.checking import check_data
from fasterseg.datasets.decoding import decode
from fasterseg.datasets.picture_files import output_names
from fasterseg.datasets.pictures.listing import list_pictures
from fasterseg.errors import DataError, Interrupted, UsageError
from fasterseg.network.card import Card
from fasterseg.network.predicting import load_model
from fasterseg.output_folders import MARKER, is_output_folder
from fasterseg.pipeline.models import segmenting
from fasterseg.pipeline.models.predicting import scale_note
from fasterseg.pipeline.models.segmenting import BYTES_PER_PIXEL, predict_images
from fasterseg.space.blocks import Size


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A trained network's folder."""
    run = FakeRun(until="train", teacher=False, layers=3).write(tmp_path_factory.mktemp("run"))
    return str(run.bundle("student"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Images of several sizes, forms and depths of folder."""
    folder = tmp_path / "pictures"
    dice = np.random.default_rng(0)
    for name, shape in {"a.png": (31, 33, 3), "b.jpg": (40, 24, 3), "deep/c.png": (17, 50)}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(dice.integers(0, 256, shape, dtype=np.uint8)).save(path)
    return folder


def files_in(folder: Path) -> set[str]:
    """All files below a folder, but what marks it as the package's own."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != MARKER)
    return {path.relative_to(folder).as_posix() for path in files}


@pytest.mark.parametrize("layout", ["two folders", "side by side", "unknown names"])
def test_predictions_within_the_data_are_no_images_and_masks_of_it(
    layout: str, bundle: str, tmp_path: Path
) -> None:
    folders = {"two folders": ("images", "masks"), "side by side": ("", ""), "unknown names": "xy"}
    images, masks = (tmp_path / "data" / name for name in folders[layout])
    dice = np.random.default_rng(0)
    for number in range(4):
        for folder, shape, ending in ((images, (24, 32, 3), "jpg"), (masks, (24, 32), "png")):
            folder.mkdir(parents=True, exist_ok=True)
            array = dice.integers(0, 3 if ending == "png" else 256, shape, dtype=np.uint8)
            Image.fromarray(array).save(folder / f"{number}.{ending}")
    before = check_data(tmp_path / "data").describe()
    out = images / "seen" if images == masks else Path(f"{images}-predictions")
    predict(bundle, str(images / "*.jpg"), out=out)
    assert len(files_in(out)) == 12
    assert check_data(tmp_path / "data").describe() == before
    assert len(list_pictures(out, {".png"}).pictures) == 12, "where it is named it is looked into"


def test_a_folder_that_held_files_is_not_taken_for_the_package_s_own(
    bundle: str, pictures: Path
) -> None:
    predict(bundle, str(pictures / "a.png"), out=pictures)
    assert not is_output_folder(pictures)
    assert pictures / "b.jpg" in list_pictures(pictures.parent, {".jpg"}).pictures


def test_an_image_gives_overlay_colours_and_the_very_labels(
    bundle: str, pictures: Path, tmp_path: Path
) -> None:
    result = predict(bundle, str(pictures / "a.png"), out=tmp_path / "out")
    assert files_in(tmp_path / "out") == {"a_overlay.png", "a_colours.png", "a_labels.png"}
    labels = np.asarray(Image.open(tmp_path / "out" / "a_labels.png"))
    wanted = load_model(bundle)(pictures / "a.png")
    np.testing.assert_array_equal(labels, wanted.labels)
    colours = np.asarray(Image.open(tmp_path / "out" / "a_colours.png"))
    np.testing.assert_array_equal(colours, wanted.colours())
    assert sum(result.shares.values()) == pytest.approx(1)


def test_a_folder_is_done_with_the_folders_in_it_next_to_it(bundle: str, pictures: Path) -> None:
    before = files_in(pictures)
    result = predict(bundle, str(pictures))
    out = pictures.with_name("pictures-predictions")
    assert result.folder == str(out)
    assert str(out) in result.describe()
    assert len(files_in(out)) == 9
    assert "deep/c_labels.png" in files_in(out)
    assert files_in(pictures) == before


def test_a_pattern_takes_what_it_matches(bundle: str, pictures: Path, tmp_path: Path) -> None:
    result = predict(bundle, str(pictures / "*.png"), out=tmp_path / "out")
    assert result.written == (str(pictures / "a.png"),)
    deep = predict(bundle, str(pictures / "**" / "*.png"), out=tmp_path / "deep")
    assert len(deep.written) == 2


def test_images_that_differ_in_their_suffix_only_do_not_collide(
    bundle: str, pictures: Path, tmp_path: Path
) -> None:
    Image.open(pictures / "a.png").save(pictures / "a.jpg")
    predict(bundle, str(pictures / "a.*"), out=tmp_path / "out")
    assert {"a.png_labels.png", "a.jpg_labels.png"} <= files_in(tmp_path / "out")


def test_nothing_is_replaced_unless_that_is_asked_for(
    bundle: str, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "b_labels.png").write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        predict(bundle, str(pictures), out=out)
    assert files_in(out) == {"b_labels.png"}
    predict(bundle, str(pictures), out=out, overwrite=True)
    assert (out / "b_labels.png").read_bytes() != b"mine"


@pytest.mark.parametrize("overwrite", [True, False])
def test_no_image_is_replaced_by_what_is_made_of_another(
    bundle: str, pictures: Path, overwrite: bool
) -> None:
    drawn = pictures / "a_labels.png"  # somebody's own mask
    shutil.copy(pictures / "deep/c.png", drawn)
    before = drawn.read_bytes()
    with pytest.raises(UsageError, match="take the place of another") as caught:
        predict(bundle, str(pictures), out=pictures, overwrite=overwrite)
    assert caught.value.where == str(drawn)
    assert drawn.read_bytes() == before


def test_pictures_of_kinds_that_are_not_read_are_told(bundle: str, pictures: Path) -> None:
    for name in ("d.gif", "deep/e.HEIC", "f.txt"):
        (pictures / name).touch()
    told = "2 pictures of kinds that are not read (.gif, .heic)"
    for source in (pictures, f"{pictures}/**/*"):
        result = predict(bundle, str(source), overwrite=True)
        assert len(result.written) == 3 and result.exit_code == 0
        assert result.notes[0] == f"{told}: they are passed over; convert them, as to PNG"
    for path in (pictures / "a.png", pictures / "b.jpg", pictures / "deep/c.png"):
        path.unlink()
    with pytest.raises(DataError, match="found no image") as caught:
        predict(bundle, str(pictures))
    assert told in caught.value.why


def test_a_pattern_by_which_no_image_is_called_is_told_with_what_lies_there(
    bundle: str, pictures: Path
) -> None:
    with pytest.raises(DataError, match="found no image") as caught:
        predict(bundle, f"{pictures}/**/*.tif")
    assert caught.value.why.startswith("no image is called so; 3 images of .jpg and .png below ")
    assert "frames/*.jpg" in caught.value.next_step
    with pytest.raises(DataError, match="found no image") as caught:
        predict(bundle, f"{pictures}/absent/*.png")
    assert caught.value.why == "no image is called so"


def test_an_address_is_told_as_one(bundle: str) -> None:
    with pytest.raises(UsageError, match="this is an address"):
        predict(bundle, "https://example.org/a.jpg")
    with pytest.raises(UsageError, match="this is an address"):
        load_model(bundle)("https://example.org/a.jpg")


def test_a_stop_comes_after_the_image_at_hand_and_says_how_to_go_on(
    bundle: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Path] = []

    def decoded(path: Path, *given: Any, **options: Any) -> Any:
        done.append(path)
        signal.raise_signal(signal.SIGINT)
        return decode(path, *given, **options)

    monkeypatch.setattr(segmenting, "decode", decoded)
    with pytest.raises(Interrupted, match="SIGINT after 1 of 3 images") as caught:
        predict(bundle, str(pictures), out=tmp_path / "out")
    assert "--overwrite" in caught.value.next_step
    assert len(done) == 1 and len(files_in(tmp_path / "out")) == 3


def test_a_broken_image_is_told_at_the_end_and_the_others_are_done(
    bundle: str, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (pictures / "a.png").read_bytes()
    (pictures / "aa.png").write_bytes(whole[: len(whole) // 2])
    (pictures / "zz.jpg").write_text("no picture")
    out = tmp_path / "out"
    assert main(["predict", bundle, str(pictures), "--out", str(out)]) == 3
    told = capsys.readouterr().out
    assert "2 could not be read" in told
    assert "aa.png" in told
    assert "zz.jpg" in told
    assert len(files_in(out)) == 9


def test_many_broken_images_are_told_in_five_and_a_number(
    bundle: str, pictures: Path, tmp_path: Path
) -> None:
    for index in range(8):
        (pictures / f"broken{index}.png").write_bytes(b"")
    result = predict(bundle, str(pictures), out=tmp_path / "out")
    assert (result.exit_code, len(result.broken)) == (3, 8)
    assert "and 3 more" in result.describe()


def test_images_are_shown_at_the_size_that_was_asked_for_and_labelled_at_their_own(
    bundle: str, tmp_path: Path
) -> None:
    dice = np.random.default_rng(1)
    small = dice.integers(0, 256, (32, 64, 3), dtype=np.uint8)
    Image.fromarray(small.repeat(3, axis=0).repeat(3, axis=1)).save(tmp_path / "large.png")
    shown = predict(bundle, str(tmp_path / "large.png"), out=tmp_path / "out", size="32x64")
    assert shown.note == ""
    labels = np.asarray(Image.open(tmp_path / "out" / "large_labels.png"))
    assert labels.shape == (96, 192)
    seen = np.asarray(
        Image.open(tmp_path / "large.png").resize((64, 32), Image.Resampling.BILINEAR)
    )
    wanted = load_model(bundle)(seen).labels
    np.testing.assert_array_equal(labels, wanted.repeat(3, axis=0).repeat(3, axis=1))
    with pytest.raises(UsageError, match="cannot read the size"):
        predict(bundle, str(tmp_path / "large.png"), out=tmp_path / "other", size="large")


def test_images_of_quite_another_size_than_the_trained_ones_are_told(
    bundle: str, tmp_path: Path
) -> None:
    trained = Card.load(Path(bundle) / "card.json").training.resolution
    height, width = map(int, trained.split("x"))
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name, factor in {"same": 1.0, "near": 1.4, "large": 1.6, "small": 0.6}.items():
        size = (round(width * factor), round(height * factor))
        Image.new("RGB", size).save(pictures / f"{name}.png")
    told = predict(bundle, str(pictures), out=tmp_path / "out")
    assert told.note.startswith("2 of 4 ")
    assert f"--size {trained}" in told.describe().splitlines()[-1]
    assert predict(bundle, str(pictures / "near.png"), out=tmp_path / "one").note == ""


def test_crops_that_a_network_was_trained_on_do_not_count_as_the_size_of_its_images(
    bundle: str, tmp_path: Path
) -> None:
    card = Card.load(Path(bundle) / "card.json")
    facts = card.training.model_copy(update={"resolution": "16x32"})
    card.model_copy(update={"training": facts}).save(tmp_path / "card.json")
    assert scale_note(str(tmp_path), [Size(64, 128)]) == ""
    assert "--size 64x128 " in scale_note(str(tmp_path), [Size(16, 32)])


def test_hidden_files_are_passed_over_unless_they_are_named(
    bundle: str, pictures: Path, tmp_path: Path
) -> None:
    (pictures / "._a.png").write_bytes(b"\0\5\26\7" + bytes(100))
    (pictures / ".ipynb_checkpoints").mkdir()
    shutil.copy(pictures / "a.png", pictures / ".ipynb_checkpoints" / "a-checkpoint.png")
    for number, source in enumerate((pictures, pictures / "**" / "*.png")):
        done = predict(bundle, str(source), out=tmp_path / f"out{number}")
        assert not done.broken
        assert not [path for path in done.written if "/." in path]
    named = predict(bundle, str(pictures / ".ipynb_checkpoints" / "*.png"), out=tmp_path / "named")
    assert len(named.written) == 1


def test_what_is_no_ordinary_file_is_one_broken_image_and_is_never_read(
    bundle: str, pictures: Path, tmp_path: Path
) -> None:
    (pictures / "null.png").symlink_to("/dev/null")
    (pictures / "zero.jpg").symlink_to("/dev/zero")
    (pictures / "link").symlink_to(tmp_path)
    done = predict(bundle, str(pictures), out=tmp_path / "out")
    assert len(done.written) == 3
    assert [fault.why for fault in done.broken] == ["it is a device, and no file"] * 2
    assert done.exit_code == 3
    assert "1 link to a folder was not followed" in done.describe()
    alone = predict(bundle, str(pictures / "null.png"), out=tmp_path / "alone")
    assert "a device" in alone.describe()


@pytest.mark.usefixtures("shipped_models")
def test_a_picture_of_too_long_a_name_is_told_before_a_model_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / f"{'n' * 240}.png"
    Image.new("RGB", (64, 32)).save(picture)
    assert main(["predict", "camvid-8ms", str(picture), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert "a file's name would be too long" in told
    assert "Segmenting" not in told


def test_a_name_that_is_too_long_or_no_text_ends_no_folder(
    bundle: str, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(pictures / "a.png", pictures / f"{'n' * 248}.png")
    shutil.copy(pictures / "a.png", pictures / os.fsdecode(b"caf\xe9.png"))
    assert main(["predict", bundle, str(pictures), "--out", str(tmp_path / "out")]) == 3
    told = capsys.readouterr().out
    assert "4 images in" in told
    assert "1 could not be read" in told
    assert "bytes" in told


def test_what_was_interpreted_in_the_images_is_counted(
    bundle: str, pictures: Path, tmp_path: Path
) -> None:
    half = Image.open(pictures / "a.png").convert("RGBA")
    half.putalpha(100)
    half.save(pictures / "half.png")
    done = predict(bundle, str(pictures), out=tmp_path / "out")
    assert done.notes == ("1 of 4 images is put on black where transparent",)
    assert "note: 1 of 4 images" in done.describe()
    sized = predict(bundle, str(pictures), out=tmp_path / "sized", size="32x64")
    assert sized.notes == done.notes


def test_an_image_that_would_not_fit_into_memory_is_one_broken_image(
    bundle: str, pictures: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (640, 480)).save(pictures / "large.png")
    images = {path.stem: path for path in (pictures / "a.png", pictures / "large.png")}
    free = 64 * 64 * BYTES_PER_PIXEL
    step = progress_for(json=True)
    with step("Segmenting", total=2, unit="images") as shown:
        done, _ = predict_images(
            load_model(bundle), images, tmp_path / "out", shown, free_bytes=free
        )
    assert done.written == (str(pictures / "a.png"),)
    (broken,) = done.broken
    assert "480x640" in broken.why
    smaller = broken.why.partition("--size ")[2].split()[0]
    with step("Segmenting", total=2, unit="images") as shown:
        done, _ = predict_images(
            load_model(bundle),
            images,
            tmp_path / "sized",
            shown,
            shown=Size.parse(smaller),
            free_bytes=free,
        )
    assert len(done.written) == 2


def test_names_of_outputs_are_unique_whatever_the_images_are_called() -> None:
    root = Path("/frames")
    images = [root / name for name in ("a.jpg", "a.png", "a.png.jpg", "b.png", "c/a.png")]
    names = output_names(root, images)
    assert names == ["a.jpg", "a.png", "a.png.jpg", "b", "c/a"]


def test_many_outputs_are_named_in_a_time_that_grows_with_their_number() -> None:
    class Counted(list[Path]):
        walks = 0

        def __iter__(self) -> Iterator[Path]:
            type(self).walks += 1
            return super().__iter__()

    class Name(str):
        compared = 0
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            type(self).compared += 1
            return str.__eq__(self, other)

    class Frame(PurePosixPath):
        def as_posix(self) -> str:
            return Name(super().as_posix())

    count = 2_000
    images = Counted(Frame(f"/frames/frame_{i:07}.jpg") for i in range(count))
    assert len(set(output_names(Frame("/frames"), images))) == count
    assert Counted.walks <= 4
    assert Name.compared <= 8 * count


def test_no_output_leads_out_of_its_folder(bundle: str, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(pictures / "a.png", tmp_path / "elsewhere" / "x.png")
    source = str(tmp_path / "pict*" / ".." / "elsewhere" / "*.png")
    with watched_files() as touched:
        predict(bundle, source, out=tmp_path / "out" / "deep")
    assert all(Path(path).is_relative_to(tmp_path / "out") for path in touched.changed)
    assert "pictures/elsewhere/x_labels.png" in files_in(tmp_path / "out" / "deep")


def test_two_images_of_one_output_are_refused_before_the_work() -> None:
    root = Path("root")
    with pytest.raises(DataError, match="the same files"):
        output_names(root, [root / "a/../x.png", root / "a/x.png"])


def test_links_out_of_a_folder_are_not_read_and_a_pattern_takes_them(
    bundle: str, pictures: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.png"
    shutil.copy(pictures / "a.png", secret)
    (pictures / "link.png").symlink_to(secret)
    (pictures / "again.png").symlink_to("a.png")
    with watched_files() as touched:
        result = predict(bundle, str(pictures), out=tmp_path / "out")
    assert str(secret) not in touched.read
    assert "again_labels.png" in files_in(tmp_path / "out")
    assert any("1 link leads out of the folder and not read" in note for note in result.notes)
    taken = predict(bundle, str(pictures / "link.*"), out=tmp_path / "out")
    assert len(taken.written) == 1


def test_files_among_the_images_are_told(bundle: str, pictures: Path, tmp_path: Path) -> None:
    told = "they are images too"
    for out, wanted in ((pictures / "deep", True), (pictures, True), (tmp_path / "out", False)):
        result = predict(bundle, str(pictures), out=out, overwrite=True)
        assert any(told in note for note in result.notes) == wanted


def test_a_name_that_is_anothers_on_this_disk_is_one_broken_image(
    bundle: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a disk takes A and a for one: there its files are the other's."""
    monkeypatch.setattr(Path, "samefile", lambda one, other: one.name.lower() == other.name.lower())
    out = tmp_path / "out"
    out.mkdir()
    (out / "A_overlay.png").touch()
    images = {"a": pictures / "a.png", "A": pictures / "b.jpg"}
    result, _ = predict_images(load_model(bundle), images, out, lambda *_: None)
    assert result.written == (str(pictures / "a.png"),)
    assert "one name on this disk" in result.broken[0].why


def test_json_holds_what_was_done(
    bundle: str, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["predict", bundle, str(pictures / "a.png"), "--out", str(tmp_path / "o"), "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["written"] == [str(pictures / "a.png")]
    assert told["broken"] == []


def test_a_source_that_is_not_there_is_a_usage_error(bundle: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no image or folder"):
        predict(bundle, str(tmp_path / "nothing.png"))


def test_a_folder_without_images_is_a_data_error(bundle: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no image to segment"):
        predict(bundle, str(tmp_path))
    with pytest.raises(DataError, match="no image to segment"):
        predict(bundle, str(tmp_path / "*.png"))


def test_an_image_beyond_the_limit_is_broken_and_told_what_raises_it(
    bundle: str, pictures: Path, tmp_path: Path
) -> None:
    done = predict(bundle, str(pictures), out=tmp_path / "out", most_pixels=1000)
    assert not done.written
    assert all("pixels: add --most-pixels " in fault.why for fault in done.broken)
    enough = max(int(fault.why.rpartition(" ")[2]) for fault in done.broken)
    done = predict(bundle, str(pictures), out=tmp_path / "all", most_pixels=enough)
    assert not done.broken
    for number in (0, 10**12):
        with pytest.raises(UsageError, match="no such limit"):
            predict(bundle, str(pictures), out=tmp_path / "none", most_pixels=number)
    with pytest.raises(UsageError, match="this size has too many pixels"):
        predict(bundle, str(pictures), out=tmp_path / "huge", size="9000x9000")


def test_images_that_were_seen_in_tiles_are_told(
    bundle: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fasterseg.network.segmenting.tiles_of", lambda _height, _width: 2)
    done = predict(bundle, str(pictures / "a.png"), out=tmp_path / "out")
    (note,) = done.notes
    assert note.startswith("1 of 1 image was segmented in overlapping tiles")


def test_a_video_is_segmented_as_its_frames_are_and_its_pace_told(
    bundle: str, tmp_path: Path
) -> None:
    video = clips.clip(tmp_path / "drive" / "clip.avi", 3)
    result = predict(bundle, str(video), label_maps=True)
    out = tmp_path / "drive-predictions"
    masks = {f"clip_labels/{number:06}.png" for number in (1, 2, 3)}
    assert files_in(out) == {"clip_overlay.webm", *masks}
    network = load_model(bundle)
    frame = clips.opencv().VideoCapture(str(video)).read()[1][:, :, ::-1]
    first = np.asarray(Image.open(out / "clip_labels" / "000001.png"))
    np.testing.assert_array_equal(first, network(np.ascontiguousarray(frame)).labels)
    (done,) = result.videos
    assert (done.frames, done.size, done.source) == (3, "48x64", str(video))
    assert "frames a second in all; the network took" in result.describe()
    assert "0 images" not in result.describe()
    assert result.exit_code == 0
    with pytest.raises(UsageError, match="2 of the files to be written are there already"):
        predict(bundle, str(video), label_maps=True)


def test_overlay_videos_within_a_folder_are_no_videos_of_it(bundle: str, tmp_path: Path) -> None:
    clips.clip(tmp_path / "drive" / "clip.avi", 3)
    for out in ("first", "second"):
        result = predict(bundle, str(tmp_path / "drive"), out=tmp_path / "drive" / out)
        assert len(result.videos) == 1
        assert "0 images" not in result.describe()
    nothing = tmp_path / "nothing.avi"
    nothing.write_bytes(b"RIFF\0\0\0\0AVI ")
    with pytest.raises(DataError):
        predict(bundle, str(nothing), out=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_what_is_no_video_is_told_in_four_parts_before_the_others_of_a_folder(
    bundle: str, pictures: Path, tmp_path: Path
) -> None:
    clips.opencv()
    (pictures / "clip.mp4").write_text("no video")
    with pytest.raises(DataError) as caught:
        predict(bundle, str(pictures / "clip.mp4"), out=tmp_path / "alone")
    assert caught.value.what == "this is not a video"
    assert not (tmp_path / "alone").exists()
    result = predict(bundle, str(pictures), out=tmp_path / "all")
    assert [one.image for one in result.broken] == [str(pictures / "clip.mp4")]
    assert len(result.written) == 3
    assert result.exit_code == 3


def test_no_number_of_frames_is_refused(bundle: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such number of frames"):
        predict(bundle, str(tmp_path / "x.mp4"), frames=0)
