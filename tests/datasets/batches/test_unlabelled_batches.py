"""Images without labels have places in every batch, and nothing of them counts as labelled."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from made_up_source import MadeUpSource

from fasterseg.datasets.batches.loading import Batch, Share, TrainingBatches, Unlabelled
from fasterseg.datasets.batches.shares import Places
from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.sample import UNLABELLED, LabelMap, Pixels, Sample
from fasterseg.datasets.transforming.answers_at import Answer
from fasterseg.datasets.transforming.augmenting import Augmentation
from fasterseg.datasets.transforming.own_function import OwnFunction
from fasterseg.errors import DataError, UsageError

LABELS = LabelSpace.from_names(["a", "b", "c"])
AUGMENTATION = Augmentation(crop=(8, 10), scale=(0.5, 2.0), flip=0.5, colour=0.3, rare_classes=0.5)
SIZE = (12, 14)


@dataclass(frozen=True)
class Both(MadeUpSource):
    """Random pictures of which some have labels, each a function of split and index."""

    labelled: int = 7
    unlabelled: int = 5
    name: str = "both"
    label_space: LabelSpace = LABELS

    def splits(self) -> tuple[str, ...]:
        return ("train",)

    def length(self, split: str) -> int:
        return self.unlabelled if split == UNLABELLED else self.labelled

    def names(self, split: str) -> tuple[str, ...]:
        return tuple(f"{split}-{index}" for index in range(self.length(split)))

    def sample(self, split: str, index: int) -> Sample:
        generator = np.random.default_rng([len(split), index])
        image = generator.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        labels = generator.integers(0, 3, SIZE).astype(np.uint8)
        if split == UNLABELLED:
            labels = np.full_like(labels, LABELS.ignore)
        return Sample(image, labels, f"{split}-{index}")

    def digest(self, split: str) -> str:
        return "none"


@dataclass(frozen=True)
class Numbered:
    """A teacher's answers that say whose they are."""

    first: float
    stride: int = 2

    def answer(self, index: int) -> Answer:
        return np.full((3, 6, 7), self.first + index, np.float32)


def batches(*, places: int = 2, source: Both | None = None, **settings: object) -> TrainingBatches:
    values: dict[str, object] = {
        "augmentation": AUGMENTATION,
        "batch_size": 4,
        "seed": 5,
        "unlabelled": Unlabelled(places) if places else None,
    }
    return TrainingBatches(source or Both(), "train", **(values | settings))  # type: ignore[arg-type]


def is_lone(name: str) -> bool:
    return name.startswith(UNLABELLED)


def equal(one: Batch, other: Batch) -> bool:
    pairs = zip(one.arrays(), other.arrays(), strict=True)
    return all(np.array_equal(mine, theirs) for mine, theirs in pairs if mine is not None)


def by_name(parts: list[Batch]) -> dict[str, tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    found = {}
    for part in parts:
        assert part.taught is not None
        rows = zip(part.names, part.images, part.labels, part.taught, strict=True)
        found |= {name: (image, labels, taught) for name, image, labels, taught in rows}
    return found


@pytest.mark.parametrize(("batch_size", "places"), [(4, 1), (4, 2), (4, 3), (5, 2), (8, 4)])
def test_each_batch_has_so_many_images_without_labels(batch_size: int, places: int) -> None:
    stream = batches(places=places, batch_size=batch_size)
    for step in range(6):
        names = stream.batch(step).names
        assert sum(map(is_lone, names)) == places
        assert len(names) == batch_size
        assert not is_lone(names[0])


def test_no_pixel_of_theirs_is_labelled_and_all_of_theirs_are_taught() -> None:
    batch = batches(augmentation=Augmentation(crop=SIZE)).batch(0)
    assert batch.taught is not None
    for name, labels, taught in zip(batch.names, batch.labels, batch.taught, strict=True):
        assert bool((labels == LABELS.ignore).all()) is is_lone(name)
        assert bool(taught.all())


def test_what_was_padded_is_not_taught() -> None:
    batch = batches(augmentation=Augmentation(crop=(20, 20))).batch(0)
    assert batch.taught is not None
    inside = torch.zeros(20, 20, dtype=torch.bool)
    inside[: SIZE[0], : SIZE[1]] = True
    assert all(torch.equal(taught, inside) for taught in batch.taught)


def test_what_was_cut_out_or_turned_in_is_not_taught() -> None:
    augmentation = Augmentation(crop=SIZE, cutout=0.5, rotation=40.0)
    batch = batches(augmentation=augmentation, places=3).batch(0)
    assert batch.taught is not None
    lone = [place for place, name in enumerate(batch.names) if is_lone(name)]
    assert all(0 < int(batch.taught[place].sum()) < batch.taught[place].numel() for place in lone)


def test_what_is_ignored_of_a_labelled_image_is_not_taught() -> None:
    @dataclass(frozen=True)
    class Half(Both):
        def sample(self, split: str, index: int) -> Sample:
            found = super().sample(split, index)
            labels = found.labels.copy()
            labels[:, ::2] = LABELS.ignore
            return replace(found, labels=labels)

    batch = batches(source=Half(), augmentation=Augmentation(crop=SIZE)).batch(0)
    assert batch.taught is not None
    for name, labels, taught in zip(batch.names, batch.labels, batch.taught, strict=True):
        assert is_lone(name) or torch.equal(taught, labels != LABELS.ignore)


def test_they_are_augmented_as_the_others_are() -> None:
    stream = batches(places=1, source=Both(unlabelled=1))
    shown = [stream.batch(step) for step in range(4)]
    lone = [one.images[[*map(is_lone, one.names)].index(True)] for one in shown]
    assert all(one.shape == (3, 8, 10) for one in lone)
    assert len({one.numpy().tobytes() for one in lone}) == 4  # of one image, in four epochs


def test_each_answer_is_that_of_its_image() -> None:
    stream = batches(answers=Numbered(0.0), unlabelled=Unlabelled(2, Numbered(100.0)))
    for batch in stream.stream(0, 5):
        assert batch.answers is not None
        for name, answer in zip(batch.names, batch.answers, strict=True):
            number = int(name.rpartition("-")[2])
            assert bool((answer == number + 100 * is_lone(name)).all())


def test_labelled_images_are_drawn_and_shown_as_if_there_were_no_others() -> None:
    alone, mixed = batches(places=0, batch_size=2), batches(places=2)
    for step in range(8):
        lone = [*map(is_lone, mixed.batch(step).names)]
        rows = [place for place, one in enumerate(lone) if not one]
        assert torch.equal(mixed.batch(step).images[rows], alone.batch(step).images)
        assert mixed.positions(step) == alone.positions(step)


def test_every_image_is_seen_once_in_an_epoch_of_its_own_kind() -> None:
    stream = batches(places=1, batch_size=2)
    assert stream.images == 7
    for epoch in range(3):
        steps = range(7 * epoch, 7 * epoch + 7)
        assert {index for step in steps for _, index in stream.positions(step)} == set(range(7))
        steps = range(5 * epoch, 5 * epoch + 5)
        lone = {index for step in steps for _, index in stream.unlabelled_positions(step)}
        assert lone == set(range(5))


def test_more_labelled_images_change_nothing_about_the_others() -> None:
    few, many = batches(), batches(source=Both(labelled=30))
    for step in range(6):
        assert few.unlabelled_positions(step) == many.unlabelled_positions(step)


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_are_the_same_for_any_number_of_workers(workers: int) -> None:
    stream = batches(answers=Numbered(0.0), unlabelled=Unlabelled(2, Numbered(100.0)))
    for step, batch in enumerate(stream.stream(3, 7, workers=workers), start=3):
        assert equal(batch, stream.batch(step))


def test_a_batch_does_not_depend_on_what_was_read_before() -> None:
    read = batches()
    whole = [read.batch(step) for step in range(9)]
    resumed = batches(memory_bytes=0)
    assert all(equal(resumed.batch(step), whole[step]) for step in (8, 3, 5))


@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
@pytest.mark.parametrize("places", [1, 3, 4])
def test_ranks_together_have_the_same_images(world_size: int, places: int) -> None:
    for step in (0, 4, 11):
        ranks = [
            batches(places=places, batch_size=8, share=Share(rank, world_size)).batch(step)
            for rank in range(world_size)
        ]
        whole = by_name([batches(places=places, batch_size=8).batch(step)])
        shared = by_name(ranks)
        assert shared.keys() == whole.keys()
        for name, parts in shared.items():
            pairs = zip(parts, whole[name], strict=True)
            assert all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("batch_size", range(2, 14))
def test_parts_are_as_large_as_without_them_and_each_has_a_labelled_image(batch_size: int) -> None:
    for places in range(batch_size):
        for world_size in range(1, batch_size + 1):
            shares = [Share(rank, world_size) for rank in range(world_size)]
            parts = [Places.of(share, batch_size, places) for share in shares]
            sizes = [len(part.labelled) + len(part.unlabelled) for part in parts]
            assert sizes == [len(share.within(batch_size)) for share in shares]
            assert [one for part in parts for one in part.unlabelled] == [*range(places)]
            wanted = min(world_size, batch_size - places)
            assert sum(bool(part.labelled) for part in parts) == wanted


@pytest.mark.parametrize(("labelled", "lone"), [(4, 4), (6, 2), (2, 6), (5, 1), (1, 3)])
def test_halves_of_a_part_have_their_share_of_both(labelled: int, lone: int) -> None:
    mixed = Places(range(labelled), range(lone)).mixed()
    assert sum(mixed) == labelled
    assert mixed[0]
    half = len(mixed) // 2
    assert abs(sum(mixed[:half]) - sum(mixed[half:])) <= 1


def test_a_function_of_one_s_own_is_told_that_nothing_is_labelled() -> None:
    seen = []

    def looked(image: Pixels, labels: LabelMap) -> tuple[Pixels, LabelMap]:
        seen.append(bool((labels == LABELS.ignore).all()))
        return image, labels

    augmentation = replace(AUGMENTATION, function=OwnFunction("mine", looked))
    batch = batches(augmentation=augmentation, places=2).batch(0)
    assert seen == [*map(is_lone, batch.names)]


@pytest.mark.parametrize("places", [4, 5, -1])
def test_a_batch_without_a_labelled_image_is_refused(places: int) -> None:
    with pytest.raises(UsageError, match="has no place for"):
        batches(places=places, unlabelled=Unlabelled(places))


def test_no_images_without_labels_are_none_to_train_on() -> None:
    with pytest.raises(DataError, match="no image to train on") as refusal:
        batches(source=Both(unlabelled=0))
    assert refusal.value.where == "images without labels"


def test_a_broken_one_is_named() -> None:
    stream = batches()
    names = [stream.batch(0).names[place] for place in range(3)]
    assert stream._described(0) == f"batch 0: {', '.join(names)} and 1 more"
