"""The street scenes: pure, of any size, legal, complete and never shared between splits."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from fasterseg.datasets.sample import Sample
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.street import STREET_LABELS, StreetScenes
from fasterseg.errors import DataError, UsageError

SIZES = ((31, 33), (16, 16), (128, 256), (360, 480), (90, 400))


def same(one: Sample, other: Sample) -> bool:
    """Tell whether two samples agree in every byte."""
    return (
        np.array_equal(one.image, other.image)
        and np.array_equal(one.labels, other.labels)
        and one.name == other.name
    )


def small(*, seed: int = 0, train: int = 40) -> StreetScenes:
    """Return a source that is quick to read."""
    counts = {"train": train, "val": 40, "test": 40}
    return StreetScenes(size=(64, 128), counts=counts, seed=seed)


@pytest.fixture(scope="module")
def scenes() -> dict[str, list[Sample]]:
    """Return a few dozen scenes of each split."""
    source = small()
    return {split: [source.sample(split, k) for k in range(30)] for split in source.splits()}


def test_is_a_data_source() -> None:
    source: DataSource = small()
    assert source.name == "street"
    assert source.terms
    assert source.splits() == ("train", "val", "test")
    assert source.length("val") == 40
    assert STREET_LABELS.names[:2] == ("sky", "road")
    assert source.label_space.classes == 9
    assert source.label_space.ignore == 255


def test_a_sample_does_not_depend_on_what_was_read_before() -> None:
    first, second = small(), small()
    expected = first.sample("train", 7)
    for index in (3, 9, 7):
        again = second.sample("train", index)
    assert same(again, expected)


def test_a_sample_does_not_depend_on_how_many_there_are() -> None:
    assert same(small(train=8).sample("train", 7), small(train=40).sample("train", 7))


def test_a_fresh_process_makes_the_same_scenes() -> None:
    script = (
        "from fasterseg.datasets.street import StreetScenes\n"
        "counts = {'train': 40, 'val': 40, 'test': 40}\n"
        "print(StreetScenes(size=(64, 128), counts=counts).digest('val'))"
    )
    fresh = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert fresh.stdout.strip() == small().digest("val")


@pytest.mark.parametrize("size", SIZES)
def test_any_size_can_be_made(size: tuple[int, int]) -> None:
    sample = StreetScenes(size=size).sample("train", 1)
    assert sample.image.shape == (*size, 3)
    assert sample.image.dtype == np.uint8
    assert sample.labels.shape == size
    assert sample.labels.dtype == np.uint8


def test_another_size_shows_the_same_scene() -> None:
    large = StreetScenes(size=(128, 256))
    little = StreetScenes(size=(64, 128))
    agreement = [
        np.mean(
            large.sample("train", index).labels[::2, ::2] == little.sample("train", index).labels
        )
        for index in range(10)
    ]
    assert min(agreement) > 0.85


def test_a_narrower_image_shows_the_middle_of_the_same_scene() -> None:
    broad = StreetScenes(size=(96, 192)).sample("train", 4).labels
    narrow = StreetScenes(size=(96, 128)).sample("train", 4).labels
    assert np.mean(broad[:, 32:160] == narrow) > 0.95


def test_labels_are_class_ids_or_unlabelled(scenes: dict[str, list[Sample]]) -> None:
    found = np.unique(np.stack([sample.labels for sample in scenes["train"]]))
    assert set(found.tolist()) == {*range(9), 255}


def test_every_class_occurs_in_every_split(scenes: dict[str, list[Sample]]) -> None:
    for split, samples in scenes.items():
        seen = {int(kind) for sample in samples for kind in np.unique(sample.labels)}
        assert seen >= set(range(9)), split


def test_no_two_scenes_are_alike_within_or_between_splits(
    scenes: dict[str, list[Sample]],
) -> None:
    images = [sample.image.tobytes() for samples in scenes.values() for sample in samples]
    assert len(images) == 90
    assert len(set(images)) == len(images)


def test_another_seed_makes_other_scenes() -> None:
    one, other = small(seed=0), small(seed=1)
    assert not same(one.sample("train", 0), other.sample("train", 0))
    assert one.digest("train") != other.digest("train")


def test_digest_tells_splits_sizes_and_counts_apart() -> None:
    digests = {
        small().digest("train"),
        small().digest("val"),
        small(train=41).digest("train"),
        StreetScenes(size=(64, 130)).digest("train"),
    }
    assert len(digests) == 4
    assert small().digest("train") == small().digest("train")


def test_names_are_sorted_and_are_those_of_the_samples() -> None:
    source = small(train=12)
    names = source.names("train")
    assert list(names) == sorted(set(names))
    assert names[11] == source.sample("train", 11).name


def test_position_alone_predicts_little(scenes: dict[str, list[Sample]]) -> None:
    labels = np.stack([sample.labels for sample in scenes["train"]])
    votes = np.stack([(labels == kind).sum(0) for kind in range(9)])
    right = (votes.argmax(0)[None] == labels)[labels != 255].mean()
    assert right < 0.65


def test_thin_things_are_thin_and_there(scenes: dict[str, list[Sample]]) -> None:
    labels = np.stack([sample.labels for samples in scenes.values() for sample in samples])
    for name in ("pole", "sign", "pedestrian"):
        share = np.mean(labels == STREET_LABELS.names.index(name))
        assert 0.003 < share < 0.05, name


def test_light_varies_between_scenes(scenes: dict[str, list[Sample]]) -> None:
    means = [sample.image.mean() for sample in scenes["train"]]
    assert max(means) > 1.5 * min(means)


def test_unknown_split_is_refused() -> None:
    with pytest.raises(DataError, match="no split 'dev'"):
        small().length("dev")


def test_index_outside_the_split_is_refused() -> None:
    with pytest.raises(DataError, match="no sample 40"):
        small().sample("train", 40)


@pytest.mark.parametrize("size", [(8, 64), (64, 8)])
def test_tiny_size_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="too small"):
        StreetScenes(size=size)


@pytest.mark.parametrize("counts", [{"dev": 3}, {"train": -1}])
def test_impossible_counts_are_refused(counts: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="cannot have"):
        StreetScenes(counts=counts)


def test_a_split_without_samples_is_none() -> None:
    assert StreetScenes(counts={"train": 4, "val": 0}).splits() == ("train",)


def test_by_daylight_scenes_are_brighter_and_poles_are_wider_but_the_street_is_laid_out_alike() -> (
    None
):
    counts = {"train": 40}
    usual, easy = (
        StreetScenes(size=(64, 128), counts=counts, light=light) for light in ("any", "daylight")
    )
    assert (usual.name, easy.name) == ("street", "street by daylight")
    assert usual.digest("train") != easy.digest("train")
    shares, brightness = [], []
    for scenes in (usual, easy):
        samples = [scenes.sample("train", index) for index in range(40)]
        pole = scenes.label_space.names.index("pole")
        shares.append(np.mean([(one.labels == pole).mean() for one in samples]))
        brightness.append(np.array([one.image.mean() for one in samples]))
    assert shares[1] > 1.3 * shares[0]
    assert brightness[1].min() > brightness[0].min()
    assert brightness[1].std() < brightness[0].std()
