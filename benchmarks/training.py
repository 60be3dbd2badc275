"""How much faster the training loop is than a plain float32 loop around the same network.

Ours is `TrainingStage` as ``fasterseg train`` runs it: batches read ahead from the data, the
precision and layout that the processor is best at, losses from small logits, the average of the
weights, the check for finite values.  The plain loop has its batches in memory before it starts:
forward with auxiliary heads, the same loss written in plain PyTorch, backward, SGD with momentum,
in float32 and NCHW.  Each runs in a process of its own; they take turns, a few steps each, forwards
and backwards.  Prints images per second, the ratio with its spread over rounds, the same ratio in
processor time (which a busy machine disturbs less), how long our loop waited for data, and how many
images per second one thread prepares alone.

    python benchmarks/training.py
    python benchmarks/training.py --data /data/camvid --rounds 8 --network fast-scnn

The data is CamVid where FASTERSEG_TEST_DATA names a folder that holds it, else the street scenes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F

from asked_processes import asked
from fasterseg.baselines.catalogue import BASELINES
from fasterseg.config import AugmentationSettings, TrainingSettings
from fasterseg.datasets.batches.loading import Batch, TrainingBatches
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.sources.source import DataSource
from fasterseg.learning.precision import choose_numerics
from fasterseg.learning.stepping import CLOCK
from fasterseg.network.description import NetworkDescription
from fasterseg.runtime import memory_kept, set_threads
from fasterseg.space.architecture import Architecture
from fasterseg.training.data import TrainingData
from fasterseg.training.stage import WAITING_SECONDS
from fasterseg.training.task import Teacher, TrainingTask, stage_of

PUBLISHED = Path(__file__).parents[1] / "docs/studies/networks/published-student.json"
NETWORKS = ("published", "fast-scnn")
LOOPS = ("ours", "plain")
CPU = torch.device("cpu")
LOADED_BATCHES = 12

Steps = Callable[[int], float]
"""Does so many steps; returns the seconds it waited for data."""


class Told(NamedTuple):
    """What some steps took: seconds, those of the processor, and those of waiting for data."""

    seconds: float
    processor_seconds: float
    waited_seconds: float


def main() -> None:
    """Parse the arguments, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Raw)
    parser.add_argument("--data", default=None, help="a folder, or street")
    parser.add_argument("--network", choices=NETWORKS, action="append", help="may be repeated")
    parser.add_argument("--size", default="360x480")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=3, help="steps of each loop in a turn")
    parser.add_argument("--taught", action="store_true", help="with a teacher of the same kind")
    parser.add_argument("--loop", choices=(*LOOPS, "loader"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.loop is not None:
        serve(chosen)
        return
    print(f"data: {data_of(chosen)}; batches of {chosen.batch}, crops of {chosen.size}")
    for network in chosen.network or NETWORKS:
        compare(chosen, network)


def compare(chosen: argparse.Namespace, network: str) -> None:
    """Let both loops take turns; print what came of it."""
    seconds: dict[str, list[float]] = {loop: [] for loop in LOOPS}
    processor: dict[str, list[float]] = {loop: [] for loop in LOOPS}
    waited = 0.0
    with workers(chosen, network, LOOPS) as ask:
        for loop in LOOPS:
            ask(loop, 2)
        for turn in range(chosen.rounds):
            for loop in LOOPS if turn % 2 == 0 else LOOPS[::-1]:
                told = ask(loop, chosen.steps)
                seconds[loop].append(told.seconds)
                processor[loop].append(told.processor_seconds)
                waited += told.waited_seconds
    with workers(chosen, network, ("loader",)) as ask:
        first = LOADED_BATCHES * chosen.batch / ask("loader", LOADED_BATCHES).seconds
        later = LOADED_BATCHES * chosen.batch / ask("loader", LOADED_BATCHES).seconds
    images = chosen.batch * chosen.steps
    pace = {loop: images / statistics.median(taken) for loop, taken in seconds.items()}
    ratios = [p / o for o, p in zip(seconds["ours"], seconds["plain"], strict=True)]
    spent = [p / o for o, p in zip(processor["ours"], processor["plain"], strict=True)]
    share = 100 * waited / sum(seconds["ours"])
    print(
        f"{network}: ours {pace['ours']:.2f} images/s, plain {pace['plain']:.2f}: "
        f"{statistics.median(ratios):.2f} times ({min(ratios):.2f} to {max(ratios):.2f} in "
        f"{chosen.rounds} rounds), in processor time {statistics.median(spent):.2f} times\n"
        f"  waiting for data: {share:.1f} %; one thread alone prepares {first:.1f} images/s while "
        f"it reads files, {later:.1f} later: {later / pace['ours']:.1f} times the loop's",
        flush=True,
    )


@contextmanager
def workers(
    chosen: argparse.Namespace, network: str, loops: tuple[str, ...]
) -> Iterator[Callable[[str, int], Told]]:
    """Processes with one loop each; asked for steps, a loop says what they took."""
    words = [sys.executable, __file__, "--data", data_of(chosen), "--network", network]
    words += ["--size", chosen.size, "--batch", str(chosen.batch)]
    words += ["--threads", str(chosen.threads), *(["--taught"] if chosen.taught else [])]
    with asked({loop: [*words, "--loop", loop] for loop in loops}) as ask:
        yield lambda loop, steps: Told(*ask(loop, steps))


def serve(chosen: argparse.Namespace) -> None:
    """Be one loop: read numbers of steps, say how long they took."""
    set_threads(1 if chosen.loop == "loader" else chosen.threads)
    make = {"ours": ours, "plain": plain, "loader": loader}[chosen.loop]
    steps = make(task_of(chosen))
    for line in sys.stdin:
        began, used = time.perf_counter(), time.process_time()
        waited = steps(int(line))
        print(time.perf_counter() - began, time.process_time() - used, waited, flush=True)


def ours(task: TrainingTask) -> Steps:
    """The package's loop."""
    numerics = choose_numerics(task.settings.precision, task.device)
    stage = stage_of(task, numerics, baselines=BASELINES)
    indices = iter(range(task.settings.steps))

    @memory_kept()
    def steps(count: int) -> float:
        events = [stage.step(next(indices)) for _ in range(count)]
        return float(sum(event[CLOCK][WAITING_SECONDS] for event in events))

    return steps


def plain(task: TrainingTask) -> Steps:
    """A plain loop in float32 and NCHW, its batches in memory."""
    settings = task.settings
    network = task.description.build_seeded(0, baselines=BASELINES).train()
    teacher = None if task.teacher is None else task.teacher.network.eval()
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=settings.lr,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
    )
    batches = batches_of(task)
    kept = cycle([batches.batch(step) for step in range(4)])

    def steps(count: int) -> float:
        for _ in range(count):
            optimizer.zero_grad()
            plain_loss(network, next(kept), settings, teacher).backward()
            optimizer.step()
        return 0.0

    return steps


def plain_loss(
    network: torch.nn.Module,
    batch: Batch,
    settings: TrainingSettings,
    teacher: torch.nn.Module | None,
    ignore: int = 255,
) -> torch.Tensor:
    """OHEM cross-entropy of all heads at full size, and the divergence from a teacher."""
    main, auxiliary = network.with_auxiliary(batch.images)  # type: ignore[operator]
    loss = plain_ohem(main, batch.labels, settings, ignore)
    for logits in auxiliary.values():
        extra = plain_ohem(logits, batch.labels, settings, ignore)
        loss = loss + settings.auxiliary_weight * extra
    if teacher is None:
        return loss
    with torch.no_grad():
        wanted = F.log_softmax(teacher(batch.images), dim=1)
    apart = F.kl_div(F.log_softmax(main, dim=1), wanted, reduction="none", log_target=True)
    labelled = batch.labels != ignore
    return loss + (apart.sum(dim=1) * labelled).sum() / labelled.sum()


def plain_ohem(
    logits: torch.Tensor, labels: torch.Tensor, settings: TrainingSettings, ignore: int
) -> torch.Tensor:
    """The mean cross-entropy of the hard pixels, at least a share of the labelled ones."""
    losses = F.cross_entropy(logits, labels, ignore_index=ignore, reduction="none")
    ordered = losses.detach().flatten()
    hard = ordered > -torch.tensor(settings.ohem_threshold).log()
    wanted = int(settings.ohem_kept_fraction * int((labels != ignore).sum()))
    if int(hard.sum()) < wanted:
        hard = ordered >= torch.topk(ordered, wanted).values[-1]
    return losses.flatten()[hard].mean()


def loader(task: TrainingTask) -> Steps:
    """The data alone, in this thread."""
    batches = batches_of(task)
    indices = iter(range(task.settings.steps))

    def steps(count: int) -> float:
        for _ in range(count):
            batches.batch(next(indices))
        return 0.0

    return steps


def batches_of(task: TrainingTask) -> TrainingBatches:
    """The batches that a task trains on."""
    settings = task.settings
    return task.data.batches(settings.augmentation, batch_size=settings.batch_size, seed=task.seed)


def task_of(chosen: argparse.Namespace) -> TrainingTask:
    """The training that both loops do."""
    height, width = (int(length) for length in chosen.size.split("x"))
    source = source_of(chosen, (height, width))
    classes = source.label_space.classes
    description = describe(chosen.network[0], classes)
    crop = AugmentationSettings(crop_height=height, crop_width=width)
    settings = TrainingSettings(
        steps=10**6, batch_size=chosen.batch, evaluate_every=10**6, augmentation=crop
    )
    taught = Teacher(description.build_seeded(1, baselines=BASELINES), classes, "")
    teacher = taught if chosen.taught else None
    return TrainingTask(
        chosen.network[0], description, TrainingData(source), settings, 0, CPU, teacher
    )


def describe(network: str, classes: int) -> NetworkDescription:
    """The published student's architecture, or a baseline."""
    if network == "published":
        return NetworkDescription(classes=classes, architecture=Architecture.load(PUBLISHED))
    return NetworkDescription(classes=classes, baseline=network)


def data_of(chosen: argparse.Namespace) -> str:
    """The data that was named, else CamVid where it is, else the street scenes."""
    if chosen.data is not None:
        return str(chosen.data)
    camvid = Path(os.environ.get("FASTERSEG_TEST_DATA", "")) / "camvid"
    return str(camvid) if camvid.is_dir() else "street"


def source_of(chosen: argparse.Namespace, size: tuple[int, int]) -> DataSource:
    """The data set."""
    counts = {"train": 64, "val": 8, "test": 8}
    return open_data(data_of(chosen), layout="auto", street_size=size, street_counts=counts)


class _Raw(argparse.RawDescriptionHelpFormatter):
    """Prints the description as it is."""


if __name__ == "__main__":
    main()
