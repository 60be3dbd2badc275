from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from made_up_source import MadeUpSource
from ranked import other_children

from fasterseg.datasets.batches import reading_ahead
from fasterseg.datasets.batches.loading import Batch, Share, TrainingBatches, require_shareable
from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.sample import LabelMap, Pixels, Sample
from fasterseg.datasets.transforming.augmenting import Augmentation
from fasterseg.datasets.transforming.own_function import OwnFunction
from fasterseg.errors import DataError, EnvironmentFault, UsageError

AUGMENTATION = Augmentation(crop=(8, 10), scale=(0.5, 2.0), flip=0.5, colour=0.3)


LABELS = LabelSpace.from_names(["a", "b", "c"])


@dataclass(frozen=True)
class Noise(MadeUpSource):
    """A source of random pictures, each a function of its index."""

    count: int = 11
    broken: int = -1
    deadly: int = -1
    stopping: int = -1
    pause_s: float = 0.0
    varied: bool = False
    name: str = "noise"
    label_space: LabelSpace = LABELS

    def splits(self) -> tuple[str, ...]:
        return ("train",)

    def length(self, split: str) -> int:
        return self.count

    def names(self, split: str) -> tuple[str, ...]:
        return tuple(f"{index:04}" for index in range(self.count))

    def sample(self, split: str, index: int) -> Sample:
        time.sleep(self.pause_s)
        if index == self.broken:
            raise DataError("broken", where="there", why="so", next_step="mend it")
        if index == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if index == self.stopping:
            os.kill(os.getpid(), signal.SIGSTOP)
        generator = np.random.default_rng(index)
        size = (12 + self.varied * index, 14)
        image = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
        return Sample(image, generator.integers(0, 3, size).astype(np.uint8), f"{index:04}")

    def digest(self, split: str) -> str:
        return "none"


def batches(source: Noise | None = None, **settings: object) -> TrainingBatches:
    values: dict[str, object] = {
        "augmentation": AUGMENTATION,
        "batch_size": 4,
        "seed": 5,
    }
    return TrainingBatches(source or Noise(), "train", **(values | settings))  # type: ignore[arg-type]


def equal(one: Batch, other: Batch) -> bool:
    return (
        torch.equal(one.images, other.images)
        and torch.equal(one.labels, other.labels)
        and one.names == other.names
    )


def joined(parts: list[Batch]) -> Batch:
    return Batch(
        torch.cat([part.images for part in parts]),
        torch.cat([part.labels for part in parts]),
        tuple(name for part in parts for name in part.names),
    )


def test_a_batch_has_the_promised_types() -> None:
    batch = batches().batch(0)

    assert batch.images.shape == (4, 3, 8, 10)
    assert batch.images.dtype == torch.float32
    assert batch.labels.shape == (4, 8, 10)
    assert batch.labels.dtype == torch.int64
    assert len(batch.names) == 4


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_are_the_same_for_any_number_of_workers(workers: int) -> None:
    expected = [batches().batch(step) for step in range(3, 9)]

    received = list(batches().stream(3, 9, workers=workers))

    assert len(received) == 6
    assert all(equal(a, b) for a, b in zip(expected, received, strict=True))


@dataclass(frozen=True)
class Watched(Noise):
    """Tells which images were read, and by which thread."""

    read: list[tuple[int, str]] = field(default_factory=list)

    def sample(self, split: str, index: int) -> Sample:
        self.read.append((index, threading.current_thread().name))
        return super().sample(split, index)


def test_two_batches_are_made_while_the_loop_uses_one() -> None:
    source = Watched(count=40)
    stream = batches(source).stream(0, 9)
    next(stream)
    deadline = time.monotonic() + 60
    while len(source.read) < 12 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.05)
    assert len(source.read) == 12, "three batches of four: one given, two ahead"
    assert {thread for _, thread in source.read} == {"batches_0"}
    stream.close()


def test_a_closed_stream_leaves_no_thread() -> None:
    stream = batches().stream(0, 9)
    next(stream)
    assert any(thread.name.startswith("batches") for thread in threading.enumerate())
    stream.close()
    assert not any(thread.name.startswith("batches") for thread in threading.enumerate())


def assert_elastic(start: int, workers: int, world_size: int) -> None:
    """From any step on, the ranks' batches together are the one and only row of batches."""
    whole, steps = batches(batch_size=5), 4
    ranks = [batches(batch_size=5, share=Share(rank, world_size)) for rank in range(world_size)]
    streams = [rank.stream(start, start + steps, workers=workers) for rank in ranks]
    for step in range(start, start + steps):
        parts = [next(stream) for stream in streams]
        assert equal(joined(parts), whole.batch(step))
    for stream in streams:
        stream.close()


@pytest.mark.parametrize("world_size", [1, 2, 4])
@pytest.mark.parametrize("workers", [0, 1, 2, 4])
def test_sample_order_elastic_over_workers_ranks_and_resumes(workers: int, world_size: int) -> None:
    assert_elastic(3, workers, world_size)


@pytest.mark.slow
@pytest.mark.parametrize("world_size", [1, 2, 4])
@pytest.mark.parametrize("workers", [0, 1, 2, 4])
def test_sample_order_elastic_at_twenty_resume_points(workers: int, world_size: int) -> None:
    for start in range(0, 60, 3):
        assert_elastic(start, workers, world_size)


@pytest.mark.parametrize("start", range(20))
def test_the_order_of_samples_is_one_for_any_ranks_at_twenty_resume_points(start: int) -> None:
    whole = batches(batch_size=5)
    for world_size in (1, 2, 4):
        ranks = [batches(batch_size=5, share=Share(rank, world_size)) for rank in range(world_size)]
        parts = [place for rank in ranks for place in rank.positions(start)]
        assert tuple(parts) == whole.positions(start)


@pytest.mark.parametrize(
    ("count", "ranks", "sizes"),
    [(5, 2, [3, 2]), (4, 4, [1, 1, 1, 1]), (7, 4, [2, 2, 2, 1]), (1, 1, [1])],
)
def test_shares_differ_by_one_at_most_and_lie_in_the_order_of_ranks(
    count: int, ranks: int, sizes: list[int]
) -> None:
    shares = [Share(rank, ranks).within(count) for rank in range(ranks)]
    assert [len(share) for share in shares] == sizes
    assert [place for share in shares for place in share] == [*range(count)]


@pytest.mark.parametrize(
    ("ranks", "parts", "told"),
    [(5, 1, "by 5 processes$"), (2, 3, "by 2 processes with 3 parts each$"), (1, 5, "by 5 parts$")],
)
def test_fewer_images_than_ranks_and_their_parts_are_refused(
    ranks: int, parts: int, told: str
) -> None:
    require_shareable(ranks * parts, ranks=ranks, parts=parts)
    with pytest.raises(UsageError) as caught:
        require_shareable(4, ranks=ranks, parts=parts, where="student.batch_size")
    assert re.search(told, caught.value.what)
    assert caught.value.where == "student.batch_size"


@pytest.mark.parametrize("world_size", [1, 2, 4])
@pytest.mark.parametrize("start", [0, 1, 2, 5, 13])
def test_ranks_together_make_the_same_batch(world_size: int, start: int) -> None:
    ranks = [batches(share=Share(rank, world_size)) for rank in range(world_size)]
    parts = [list(rank.stream(start, start + 2)) for rank in ranks]

    for step in range(2):
        assert equal(joined([part[step] for part in parts]), batches().batch(start + step))


def test_a_batch_does_not_depend_on_what_was_read_before() -> None:
    used = batches()
    for step in (7, 0, 3):
        used.batch(step)

    assert equal(used.batch(2), batches().batch(2))


def test_a_batch_does_not_depend_on_the_global_generators() -> None:
    expected = batches().batch(1)

    np.random.seed(1)  # noqa: NPY002 (the point of the test)
    torch.manual_seed(1)

    assert equal(expected, batches().batch(1))


@pytest.mark.parametrize(("images", "batch_size"), [(11, 4), (8, 4), (3, 7)])
def test_every_image_is_seen_exactly_once_per_epoch(images: int, batch_size: int) -> None:
    stream = batches(Noise(images), batch_size=batch_size)
    positions = [place for step in range(3 * images) for place in stream.positions(step)]

    for epoch in range(batch_size * 3):
        seen = Counter(index for its_epoch, index in positions if its_epoch == epoch)
        assert seen == Counter(range(images))


def test_epochs_differ_in_order_and_in_augmentation() -> None:
    stream = batches(Noise(16))
    orders = [
        [index for step in range(e * 4, e * 4 + 4) for _, index in stream.positions(step)]
        for e in (0, 1)
    ]

    assert orders[0] != orders[1]
    assert not np.array_equal(stream.augmented(0, 3).image, stream.augmented(1, 3).image)
    assert np.array_equal(stream.augmented(1, 3).image, stream.augmented(1, 3).image)


def test_an_image_looks_the_same_whichever_part_of_the_split_is_used() -> None:
    whole, part = batches(), batches(indices=(2, 5, 9))

    assert {index for step in range(9) for _, index in part.positions(step)} == {2, 5, 9}
    assert np.array_equal(whole.augmented(4, 5).image, part.augmented(4, 5).image)


def test_memory_changes_nothing_but_time() -> None:
    without = batches(memory_bytes=0)

    assert all(equal(without.batch(step), batches().batch(step)) for step in (0, 4, 0))


def test_another_seed_gives_other_batches() -> None:
    assert not equal(batches().batch(0), batches(seed=6).batch(0))


def whitened(image: Pixels, labels: LabelMap) -> tuple[Pixels, LabelMap]:
    assert image.shape == (8, 10, 3)
    return np.full_like(image, 255), labels


def of_a_class_too_many(image: Pixels, labels: LabelMap) -> tuple[Pixels, LabelMap]:
    return image, np.full_like(labels, 200)


def test_a_function_of_one_s_own_comes_after_the_built_in_transforms() -> None:
    own = replace(AUGMENTATION, function=OwnFunction("here:whitened", whitened))
    assert (batches(augmentation=own).batch(0).images == 2.0).all()


def test_a_function_of_one_s_own_makes_no_classes() -> None:
    own = replace(AUGMENTATION, function=OwnFunction("here:more", of_a_class_too_many))
    with pytest.raises(UsageError, match="labels that are no classes"):
        batches(augmentation=own).batch(0)


def test_images_of_different_sizes_need_a_crop() -> None:
    with pytest.raises(DataError, match="different sizes"):
        batches(Noise(varied=True), augmentation=Augmentation()).batch(0)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_file_keeps_its_four_parts_in_any_process(workers: int) -> None:
    with pytest.raises(DataError) as caught:
        list(batches(Noise(broken=3)).stream(0, 4, workers=workers))

    assert str(caught.value).splitlines() == [
        "broken",
        "  where: there",
        "  why:   so",
        "  next:  mend it",
    ]


def test_a_worker_that_is_killed_is_an_error_and_no_hang() -> None:
    with pytest.raises(EnvironmentFault, match="died"):
        list(batches(Noise(deadly=3)).stream(0, 4, workers=2, timeout_s=30))


def test_a_worker_that_hangs_is_an_error_in_time_and_leaves_no_process() -> None:
    with pytest.raises(EnvironmentFault, match="hangs"):
        list(batches(Noise(stopping=3)).stream(0, 4, workers=1, timeout_s=2))

    deadline = time.monotonic() + 60
    while other_children() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not other_children()


@pytest.mark.parametrize("workers", [0, 1])
def test_images_that_let_the_loop_wait_long_are_told_once_and_waited_for(
    monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(reading_ahead, "WAITED_S", 0.05)
    told: list[str] = []
    slow = batches(Noise(pause_s=0.1), batch_size=2)
    assert len(list(slow.stream(0, 3, workers=workers, warn=told.append))) == 3
    first = ", ".join(f"{index:04}" for _, index in slow.positions(0))
    assert told == [f"waiting for images for 0.05 s now: batch 0: {first}"]


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 0},
        {"share": Share(0, 5)},
        {"share": Share(2, 2)},
        {"indices": (0, 0)},
        {"indices": (11,)},
    ],
)
def test_what_cannot_be_shared_out_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        batches(**settings)


def test_a_part_without_images_is_refused() -> None:
    with pytest.raises(DataError, match="no image to train on"):
        batches(indices=())


def test_a_label_stride_leaves_one_label_in_so_many_and_the_images_whole() -> None:
    known = {"augmentation": Augmentation(crop=(8, 16)), "batch_size": 2, "seed": 0}
    whole = TrainingBatches(Noise(), "train", **known).batch(0)
    sparse = TrainingBatches(Noise(), "train", **known, label_stride=4).batch(0)
    assert torch.equal(whole.images, sparse.images)
    assert torch.equal(whole.labels[:, [0, 7]][:, :, [0, 5, 10, 15]], sparse.labels)
