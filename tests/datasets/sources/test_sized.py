"""Images and labels are brought to one size, once, and scores keep the labels that there are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from own_data import own_data
from photos import photos
from PIL import Image

from fasterseg.datasets.batches.loading import TrainingBatches
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.pictures.reading import Reading
from fasterseg.datasets.pictures.resampling import resampled, stretch
from fasterseg.datasets.sources import kept_samples
from fasterseg.datasets.sources.changed import NormalisedSource, scaled
from fasterseg.datasets.sources.joining import JoinedSplits
from fasterseg.datasets.sources.part import PartOfSplit
from fasterseg.datasets.sources.sized import SizedSource, brought_to
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.street import StreetScenes
from fasterseg.datasets.transforming.augmenting import Augmentation
from fasterseg.datasets.transforming.transforms import IMAGENET_NORMALISATION, resize_labels

SIZE = (24, 48)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of caches of the test's own."""
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache" / "sized"


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.sample"))


def mixed(folder: Path) -> DataSource:
    """Photos of four sizes, three of them of other proportions."""
    sizes = [(48, 96), (40, 40), (90, 60), (16, 32)]
    if not (folder / "photos").exists():
        photos(folder / "photos", {"train": sizes, "val": sizes[:1]})
    return open_data(folder / "photos")


def test_images_of_any_size_and_their_labels_come_at_the_one_size(tmp_path: Path) -> None:
    own, source = mixed(tmp_path), brought_to(mixed(tmp_path), SIZE)
    assert source.working_size == SIZE
    for index in range(4):
        sample, whole = source.sample("train", index), own.sample("train", index)
        assert source.image_size("train", index) == sample.labels.shape == SIZE
        assert (sample.image == resampled(whole.image, SIZE)).all()
        assert (sample.labels == resize_labels(whole.labels, SIZE)).all()
        assert set(np.unique(sample.labels)) <= set(np.unique(whole.labels))
        assert sample.name == whole.name


def test_what_is_scored_has_the_image_at_the_size_and_the_labels_as_they_are(
    tmp_path: Path,
) -> None:
    own, source = mixed(tmp_path), brought_to(mixed(tmp_path), SIZE)
    for index in range(4):
        found, whole = source.to_score("train", index), own.sample("train", index)
        assert (found.image == source.sample("train", index).image).all()
        assert (found.labels == whole.labels).all()


def test_an_image_is_antialiased_and_its_labels_are_taken_from_the_nearest_pixel() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert set(np.unique(resampled(stripes, (64, 16))[:, 1:-1])) <= {127, 128}
    labels = np.repeat(np.arange(4, dtype=np.uint8), 16)[None].repeat(64, axis=0)
    assert (resize_labels(labels, (16, 16))[0] == np.repeat(np.arange(4), 4)).all()


@pytest.mark.parametrize("own", [(48, 96), (97, 161), (11, 201), (24, 48), (5, 7), (1, 1)])
def test_an_image_is_resampled_as_pillow_does_it_but_for_the_rounding_of_pixels(
    own: tuple[int, int],
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*own, 3), dtype=np.uint8)
    pillow = Image.fromarray(image).resize(SIZE[::-1], Image.Resampling.BILINEAR)
    assert np.abs(resampled(image, SIZE).astype(int) - np.asarray(pillow)).max() <= 1


def test_each_sample_is_brought_to_the_size_once_whoever_asks(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = brought_to(mixed(tmp_path), SIZE)
    known = [first.sample("train", index) for index in range(4)]
    assert len(files(cache)) == 4

    def never(*_: object) -> None:
        raise AssertionError("it was read again")

    monkeypatch.setattr("fasterseg.datasets.sources.files.FileSource.sample", never)
    other = brought_to(NormalisedSource(mixed(tmp_path), IMAGENET_NORMALISATION), SIZE)
    for index, wanted in enumerate(known):
        found = other.sample("train", index)
        assert (found.image == wanted.image).all()
        assert (found.labels == wanted.labels).all()
        assert found.name == wanted.name


def test_what_has_the_size_already_is_not_kept(tmp_path: Path, cache: Path) -> None:
    source = brought_to(open_data(own_data(tmp_path / "data", {"train": 2})), (32, 64))
    assert source.sample("train", 0).image.shape == (32, 64, 3)
    assert files(cache) == []


def test_an_image_that_changed_is_read_again(tmp_path: Path) -> None:
    data = own_data(tmp_path / "data", {"train": 1})
    before = brought_to(open_data(data), SIZE).sample("train", 0)
    Image.new("RGB", (64, 32), (9, 9, 9)).save(data / "images" / "train" / "0.png")
    after = brought_to(open_data(data), SIZE).sample("train", 0)
    assert (after.image == 9).all()
    assert not (before.image == 9).all()


def test_labels_of_another_meaning_are_made_again(tmp_path: Path) -> None:
    data = own_data(tmp_path / "data", {"train": 1})
    plain = brought_to(open_data(data), SIZE).sample("train", 0).labels
    (data / "data.yaml").write_text(
        (data / "data.yaml").read_text() + "label_mapping: {0: 2, 1: 1, 2: 0}\n"
    )
    mapped = brought_to(open_data(data), SIZE).sample("train", 0).labels
    assert set(np.unique(plain)) == {0, 1}
    assert (mapped == np.where(plain == 0, 2, plain)).all()


def test_images_that_are_read_in_another_way_are_made_again(tmp_path: Path) -> None:
    source = brought_to(open_data(own_data(tmp_path / "data", {"train": 1})), SIZE)
    coloured = source.sample("train", 0).image
    grey = source.read_as(Reading(channels=1)).sample("train", 0).image
    assert (grey[..., 0] == grey[..., 1]).all()
    assert not (coloured[..., 0] == coloured[..., 1]).all()


@pytest.mark.parametrize("content", [b"", b"\0\0\0\0", b"x" * 5000])
def test_a_kept_sample_that_is_damaged_is_made_again(
    tmp_path: Path, cache: Path, content: bytes
) -> None:
    data = own_data(tmp_path / "data", {"train": 1})
    wanted = brought_to(open_data(data), SIZE).sample("train", 0)
    (file,) = files(cache)
    file.write_bytes(content)
    again = brought_to(open_data(data), SIZE).sample("train", 0)
    assert (again.image == wanted.image).all()
    assert files(cache)[0].read_bytes() != content


def test_a_flipped_bit_in_a_kept_sample_is_noticed(tmp_path: Path, cache: Path) -> None:
    data = own_data(tmp_path / "data", {"train": 1})
    wanted = brought_to(open_data(data), SIZE).sample("train", 0)
    (file,) = files(cache)
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 4
    file.write_bytes(whole)
    assert (brought_to(open_data(data), SIZE).sample("train", 0).image == wanted.image).all()


def test_what_is_kept_is_bounded_and_it_is_told_once(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = brought_to(open_data(own_data(tmp_path / "data", {"train": 6})), SIZE)
    one = 4 * SIZE[0] * SIZE[1] + 1000
    monkeypatch.setattr(kept_samples, "MOST_BYTES", 3 * one)
    found = [source.sample("train", index) for index in range(6)]
    assert 1 <= len(files(cache)) <= 3
    assert all(sample.image.shape == (*SIZE, 3) for sample in found)
    told = capsys.readouterr().err
    assert told.count("not kept") == 1
    assert "anew in each epoch" in told


def test_what_was_used_least_recently_makes_room(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = open_data(own_data(tmp_path / "data", {"train": 6}))
    for index in range(6):
        brought_to(data, (30, 60)).sample("train", index)
    (old,) = cache.iterdir()
    monkeypatch.setattr(kept_samples, "MOST_BYTES", 9000)
    brought_to(data, SIZE).sample("train", 0)
    assert not old.exists()
    assert len(files(cache)) == 1


def test_a_folder_that_cannot_be_written_is_told_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "file" / "cache"))
    source = brought_to(open_data(own_data(tmp_path / "data", {"train": 2})), SIZE)
    for index in (0, 1, 0):
        assert source.sample("train", index).image.shape == (*SIZE, 3)
    assert capsys.readouterr().err.count("not kept") == 1


def test_data_of_another_size_is_other_data(tmp_path: Path) -> None:
    own = mixed(tmp_path)
    digests = {brought_to(own, size).digest("train") for size in (None, SIZE, (48, 24), (12, 24))}
    assert len(digests) == 4
    assert brought_to(own, SIZE).digest("train") == brought_to(own, SIZE).digest("train")


def test_data_is_brought_to_one_size_at_a_time_and_back(tmp_path: Path) -> None:
    own = NormalisedSource(mixed(tmp_path), IMAGENET_NORMALISATION)
    twice = brought_to(brought_to(own, (12, 24)), SIZE)
    assert isinstance(twice, SizedSource)
    assert twice == brought_to(own, SIZE)
    assert twice.as_it_lies == own
    assert brought_to(twice, None) == own
    assert twice.normalisation == IMAGENET_NORMALISATION


def test_made_scenes_are_brought_to_a_size_too(cache: Path) -> None:
    scenes = JoinedSplits(StreetScenes(size=(48, 96), counts={"train": 3, "val": 2}))
    source = brought_to(scenes, SIZE)
    assert source.sample("train+val", 4).labels.shape == SIZE
    assert source.sample("train+val", 4).name.startswith("val/")
    assert len(files(cache)) == 1
    other = JoinedSplits(StreetScenes(size=(48, 96), counts={"train": 3, "val": 2}, seed=1))
    assert not (
        brought_to(other, SIZE).sample("val", 1).image == source.sample("val", 1).image
    ).all()


def test_parts_and_scaled_data_follow(tmp_path: Path) -> None:
    source = brought_to(mixed(tmp_path), SIZE)
    part = PartOfSplit(source, "train", [2, 1])
    assert (part.to_score("train", 0).labels == source.to_score("train", 2).labels).all()
    assert part.stamp("train", 1) == source.stamp("train", 1)
    half = scaled(source, 0.5)
    assert half.sample("train", 0).labels.shape == half.to_score("train", 0).labels.shape
    assert half.image_size("train", 1) == (12, 24)


def test_batches_are_the_same_whether_samples_were_kept_or_not(tmp_path: Path) -> None:
    def batch() -> list[float]:
        batches = TrainingBatches(
            brought_to(mixed(tmp_path), SIZE),
            "train",
            augmentation=Augmentation(crop=(16, 32), scale=(0.5, 2.0)),
            batch_size=4,
            seed=0,
        )
        values: list[float] = batches.batch(0).images.flatten().tolist()
        return values

    assert batch() == batch()


def test_how_far_an_image_is_stretched_is_told_as_a_factor() -> None:
    assert stretch((720, 1280), (360, 640)) == 1
    assert stretch((480, 640), (360, 640)) == pytest.approx(4 / 3)
    assert stretch((640, 480), (360, 640)) == pytest.approx(64 / 27)
