"""Images per second of two ranks of one thread, one process of two threads, and one of one.

    training    a step of `TrainingStage` as ``fasterseg train`` runs it, auxiliary heads included:
                the shipped camvid-8ms on street scenes at 360x480, batches of 8
    search      a step of `CoSearch` as ``fasterseg search`` runs it, in the space of a recipe that
                names none, on random images of 192x256, batches of 4: norms are synchronised

Each arm is a process of its own, the two ranks two, over gloo; all of them compute the same
batches.  They take turns, some steps each, forwards and backwards, after steps that do not count.
Prints images per second, and the ratio to one process of one thread with its spread over rounds:
in time, for which the machine has to be quiet, and in the processor's time of all of an arm's
processes, which for threads of one process counts how they wait for each other, too.

    python benchmarks/ranks.py
    python benchmarks/ranks.py --stage search --rounds 8
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import torch
import torch.distributed as dist

from asked_processes import asked
from fasterseg.config import AugmentationSettings, Recipe, SearchSettings, TrainingSettings
from fasterseg.datasets.street import StreetScenes
from fasterseg.learning.precision import choose_numerics
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.network.description import NetworkDescription
from fasterseg.network.named_models import model_path
from fasterseg.runtime import memory_kept, processor_name, set_threads
from fasterseg.searching.search import Search, SearchTask
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size
from fasterseg.stage_folders import BundleFolder
from fasterseg.training.data import TrainingData
from fasterseg.training.task import TrainingTask, stage_of
from search_setup import BUDGET_MS, CLASSES, Dimensions, made_up_cost_ms

Step = Callable[[int], object]
SEARCHED = Dimensions(batch=4, height=192, width=256)


class Arm(NamedTuple):
    """How many processes compute, with how many threads each."""

    ranks: int
    threads: int


ARMS: Mapping[str, Arm] = {
    "one process, one thread": Arm(1, 1),
    "two ranks, one thread each": Arm(2, 1),
    "one process, two threads": Arm(1, 2),
}
FIRST = next(iter(ARMS))


class Took(NamedTuple):
    """The seconds of some steps, and those of the processor in all processes together."""

    seconds: float
    processor_seconds: float


def main() -> None:
    """Parse the arguments, let the arms take turns, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stage", choices=("training", "search"), action="append")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=1, help="steps of an arm in a turn")
    parser.add_argument("--batch", type=int, default=8, help="of the training")
    parser.add_argument("--size", default="360x480", help="of the training's crops")
    parser.add_argument("--serve", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument("--follow", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve is not None:
        serve(chosen)
        return
    print(f"{processor_name()}, torch {torch.__version__}")
    for stage in chosen.stage or ("training", "search"):
        compare(chosen, stage)


def compare(chosen: argparse.Namespace, stage: str) -> None:
    """Let all arms take turns at a stage; print what came of it."""
    took: dict[str, list[Took]] = {arm: [] for arm in ARMS}
    with arms(chosen, stage) as ask:
        for arm in ARMS:
            ask(arm, 1)
        for turn in range(chosen.rounds):
            for arm in ARMS if turn % 2 == 0 else reversed(ARMS):
                took[arm].append(ask(arm, chosen.steps))
                seconds, processor = took[arm][-1]
                print(f"  {arm}: {seconds:.2f} s, {processor:.2f} s of processor", flush=True)
    batch = chosen.batch if stage == "training" else SEARCHED.batch
    print(f"\n{stage}: batches of {batch}, {chosen.rounds} rounds of {chosen.steps} steps\n")
    print("| arm | images/s | times the first | processor's time, times the first |")
    print("| --- | ---: | ---: | ---: |")
    for arm, own in took.items():
        pace = batch * chosen.steps / statistics.median(one.seconds for one in own)
        pairs = [*zip(own, took[FIRST], strict=True)]
        faster = [first.seconds / one.seconds for one, first in pairs]
        dearer = [one.processor_seconds / first.processor_seconds for one, first in pairs]
        print(f"| {arm} | {pace:.2f} | {spread(faster)} | {spread(dearer)} |", flush=True)


def spread(ratios: list[float]) -> str:
    """The median of some ratios, and between which they lie."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


@contextmanager
def arms(chosen: argparse.Namespace, stage: str) -> Iterator[Callable[[str, int], Took]]:
    """The arms' processes; asked for steps, an arm says what they took."""
    words = [sys.executable, __file__, "--stage", stage]
    words += ["--batch", str(chosen.batch), "--size", chosen.size]
    with asked({arm: [*words, "--serve", arm] for arm in ARMS}) as ask:
        yield lambda arm, steps: Took(*ask(arm, steps))


def serve(chosen: argparse.Namespace) -> None:
    """Be one arm: read numbers of steps, say what they took; or be the other rank of two."""
    arm = ARMS[chosen.serve]
    set_threads(arm.threads)
    with joined(chosen, arm) as ranks, memory_kept():
        step = {"training": training, "search": search}[chosen.stage[0]](chosen, ranks)
        done = 0
        for count in counts(ranks):
            began, used = time.perf_counter(), time.process_time()
            for index in range(done, done + count):
                step(index)
            done += count
            seconds = time.perf_counter() - began
            (processor,) = ranks.total_of(time.process_time() - used)
            if ranks.leads:
                print(seconds, processor, flush=True)


def counts(ranks: Ranks) -> Iterator[int]:
    """How many steps are to be done next, the same on all ranks."""
    lines = iter(sys.stdin) if ranks.leads else None
    while (count := ranks.broadcast(int(next(lines, "0")) if lines else None)) > 0:
        yield count


@contextmanager
def joined(chosen: argparse.Namespace, arm: Arm) -> Iterator[Ranks]:
    """The ranks of an arm, of which the leader starts the other."""
    if arm.ranks == 1:
        yield ALONE
        return
    with tempfile.TemporaryDirectory() as folder:
        store = chosen.follow or str(Path(folder, "store"))
        other = None
        if chosen.follow is None:
            words = [sys.executable, *sys.argv, "--follow", store]
            other = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        rank = 0 if other else 1
        dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
        try:
            yield Ranks.here()
        finally:
            dist.destroy_process_group()
            if other is not None:
                with suppress(subprocess.TimeoutExpired):
                    other.wait(60)
                other.kill()


def training(chosen: argparse.Namespace, ranks: Ranks) -> Step:
    """The package's training step, on street scenes."""
    height, width = (int(length) for length in chosen.size.split("x"))
    source = StreetScenes(size=(height, width))
    known = NetworkDescription.load(BundleFolder(model_path("camvid-8ms")).description)
    settings = TrainingSettings(
        steps=10**6,
        batch_size=chosen.batch,
        evaluate_every=10**6,
        augmentation=AugmentationSettings(crop_height=height, crop_width=width),
    )
    task = TrainingTask(
        name="student",
        description=known.model_copy(update={"classes": source.label_space.classes}),
        data=TrainingData(source),
        settings=settings,
        seed=0,
        device=torch.device("cpu"),
    )
    numerics = choose_numerics(settings.precision, task.device)
    return stage_of(task, numerics, ranks=ranks).step


def search(_: argparse.Namespace, ranks: Ranks) -> Step:
    """The package's search step, on random images."""
    # No look at the budget: it is a step of its own, every few iterations.
    settings = SearchSettings(steps=1000, batch_size=SEARCHED.batch, control_every=1_000_000)
    recipe = Recipe(search=settings)
    task = SearchTask(
        space=recipe.space,
        contenders=recipe.contenders,
        settings=settings.model_copy(
            update={"penalty": settings.penalty.model_copy(update={"balanced": False})}
        ),
        budgets_ms={student.name: BUDGET_MS for student in recipe.students()},
        geometry=Geometry(Size(SEARCHED.height, SEARCHED.width), CLASSES),
        cost_ms=made_up_cost_ms,
        feed=lambda purpose, _: lambda step: SEARCHED.batch_at(purpose, step, share=ranks.share),
        ignore=255,
        ranks=ranks,
    )
    cosearch = Search.begin(task).cosearch()
    return lambda index: cosearch.step(index + 1)


if __name__ == "__main__":
    main()
