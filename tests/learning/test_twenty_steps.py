"""Twenty steps of training on several ranks end where one process with the whole batch ends."""

from __future__ import annotations

import pytest
import torch
from ranked import in_ranks
from tiny_training import tiny_architecture
from torch import Tensor

from fasterseg.datasets.batches.loading import TrainingBatches
from fasterseg.datasets.street import StreetScenes
from fasterseg.datasets.transforming.augmenting import Augmentation
from fasterseg.layers.synchronised import synchronised
from fasterseg.learning.batch_loss import BatchLoss, Criterion
from fasterseg.learning.losses import OhemSettings
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.learning.schedules import Schedule, set_rate
from fasterseg.network.description import NetworkDescription
from fasterseg.network.named_models import model_path
from fasterseg.stage_folders import BundleFolder

STEPS, BATCH = 20, 5
# Rounding grows from step to step, the more the higher the rate: at ten times that of single
# precision, one process alone ends 1e-3 away from the one that computes in double precision.
RATES = {torch.float64: 0.01, torch.float32: 0.001}
LIMITS = {torch.float64: 1e-5, torch.float32: 1e-4}
Trained = dict[str, Tensor]


def trained(
    ranks: Ranks, shipped: tuple[str, str] | None, crop: tuple[int, int], dtype: torch.dtype
) -> Trained:
    """A student's state after the steps; the losses of every step under ``losses``."""
    described = [_description(name) for name in shipped or (None, None)]
    student, teacher = (one.build_seeded(seed).to(dtype) for seed, one in enumerate(described))
    student, teacher = synchronised(student.train(), ranks), teacher.eval()
    batches = TrainingBatches(
        StreetScenes(size=(2 * crop[0], 2 * crop[1]), counts={"train": 7, "val": 1}),
        "train",
        augmentation=Augmentation(crop=crop),
        batch_size=BATCH,
        seed=3,
        share=ranks.share,
    )
    # Both ways of choosing pixels come: at first many are hard, later too few.
    criterion = Criterion(255, OhemSettings(0.3, 0.3, (1.0, 2.0, 3.0) * 3), 0.4, 0.5)
    # The first steps of a training of a thousand, whose rate rises at first.
    schedule = Schedule("poly", RATES[dtype], steps=1000, warmup_steps=100)
    optimizer = torch.optim.SGD(
        student.parameters(), lr=RATES[dtype], momentum=0.9, weight_decay=5e-4
    )
    course = []
    for step in range(STEPS):
        batch = batches.batch(step)
        set_rate(optimizer, schedule.rate(step))
        optimizer.zero_grad()
        loss = BatchLoss(batch.images.to(dtype), batch.labels, criterion=criterion, ranks=ranks)
        (losses,) = loss.by_parts(student.heads, network=student, teacher=teacher.low_resolution)
        torch.stack([*losses.values()]).sum().backward()
        told = torch.stack([one.detach() for one in losses.values()])
        gradients = [p.grad for p in student.parameters() if p.grad is not None]
        ranks.all_reduce_([told, *gradients])
        torch.nn.utils.clip_grad_norm_(student.parameters(), 5.0)
        optimizer.step()
        course.append(told)
    return {**student.state_dict(), "losses": torch.stack(course)}


def _description(name: str | None) -> NetworkDescription:
    if name is None:
        return NetworkDescription(classes=9, architecture=tiny_architecture())
    known = NetworkDescription.load(BundleFolder(model_path(name)).description)
    return known.model_copy(update={"classes": 9})


def apart(found: Trained, whole: Trained, dtype: torch.dtype) -> float:
    """The largest relative distance of any tensor; in single precision that of all weights."""
    names = [name for name in whole if dtype == torch.float64 or name.endswith(("weight", "bias"))]
    groups = [[name] for name in names] if dtype == torch.float64 else [names]
    return max(
        float(
            torch.stack([(found[n].double() - whole[n].double()).norm() for n in group]).norm()
            / (torch.stack([whole[n].double().norm() for n in group]).norm() + 1e-12)
        )
        for group in groups
    )


def moved(whole: Trained, shipped: tuple[str, str] | None) -> float:
    """How far the steps took the weights, relative to what they began with."""
    began = _description(shipped[0] if shipped else None).build_seeded(0).state_dict()
    names = [name for name in began if name.endswith("weight")]
    steps = [(whole[name].double() - began[name].double()).norm() for name in names]
    lengths = [began[name].double().norm() for name in names]
    return float(torch.stack(steps).norm() / torch.stack(lengths).norm())


def assert_ends_where_one_process_ends(
    count: int, shipped: tuple[str, str] | None, crop: tuple[int, int], dtype: torch.dtype
) -> None:
    whole = trained(ALONE, shipped, crop, dtype)
    assert moved(whole, shipped) > LIMITS[dtype]
    for rank, found in enumerate(in_ranks(count, trained, shipped, crop, dtype, seconds=900)):
        assert found.keys() == whole.keys()
        print(f"{count} ranks, {dtype}, rank {rank}: {apart(found, whole, dtype):.1e}")
        assert apart(found, whole, dtype) < LIMITS[dtype]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_small_network_ends_where_one_process_ends(dtype: torch.dtype) -> None:
    assert_ends_where_one_process_ends(2, None, (32, 32), dtype)


@pytest.mark.usefixtures("shipped_models")
@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("count", [2, 4])
def test_a_shipped_network_ends_where_one_process_ends(count: int, dtype: torch.dtype) -> None:
    shipped = ("camvid-4ms", "camvid-8ms")
    assert_ends_where_one_process_ends(count, shipped, (96, 128), dtype)
