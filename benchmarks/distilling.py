"""What a teacher costs a training: none, kept answers, and one that is asked at every step.

Four things are printed.  *Answers*: what asking about every image to train on takes, in minutes
and in bytes.  *Apart*: on whole images, how far the divergence and its gradient from kept answers
lie from those of the teacher itself, and, on scaled crops, from those of the whole image's logits
brought to each pixel of the crop.  *Every n-th*: what the divergence of such a crop
takes of one thread at every n-th pixel of every n-th row, and how its value and the direction of
its gradient compare with those of all pixels.  *Steps*: `TrainingStage` as ``fasterseg train``
runs it, in a process of its own without a teacher, with kept answers and with the live teacher;
they take turns, a few steps each, forwards and backwards, and each round gives a ratio to the one
without.

    python benchmarks/distilling.py
    python benchmarks/distilling.py --student camvid-4ms --teacher RUN/training/teacher/best \\
        --data /data/camvid --rounds 12 --steps 5

Both are models; the student's weights are fresh.  The data is CamVid where FASTERSEG_TEST_DATA
names a folder that holds it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from asked_processes import asked
from distilled_apart import Lessons, apart, thinned
from fasterseg.amounts import duration
from fasterseg.amounts import size as amount
from fasterseg.baselines.catalogue import BASELINES
from fasterseg.config import AugmentationSettings, TrainingSettings
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.sources.part import PartOfSplit
from fasterseg.datasets.sources.source import DataSource
from fasterseg.deploy.runtimes.models import open_bundle
from fasterseg.learning.precision import choose_numerics
from fasterseg.learning.stepping import CLOCK
from fasterseg.runtime import memory_kept, set_threads
from fasterseg.teaching.answers import Answers, AnswersFacts
from fasterseg.teaching.named import TeacherInputs, teacher_named
from fasterseg.training.data import TrainingData
from fasterseg.training.stage import WAITING_SECONDS
from fasterseg.training.task import Teacher, TrainingTask, stage_of

ARMS = ("none", "kept", "live")
CPU = torch.device("cpu")


class Told(NamedTuple):
    """What some steps took: seconds, those of the processor, and those of waiting for data."""

    seconds: float
    processor_seconds: float
    waited_seconds: float


def main() -> None:
    """Parse the arguments, ask, compare, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Raw)
    parser.add_argument("--data", default=None, help="a folder, or street")
    parser.add_argument("--student", default="camvid-4ms")
    parser.add_argument("--teacher", default="camvid-8ms")
    parser.add_argument("--images", type=int, default=0, help="the first ones only; 0 for all")
    parser.add_argument("--size", default="360x480", help="of crops")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=3, help="steps of each arm in a turn")
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    set_threads(chosen.threads)
    if chosen.arm is not None:
        serve(chosen)
        return
    print(f"data: {data_of(chosen)}; {chosen.student} taught by {chosen.teacher}")
    with tempfile.TemporaryDirectory() as folder:
        answers = all_answers(chosen, Path(folder))
        lessons = Lessons(source_of(chosen), chosen.student, chosen.teacher, answers)
        apart(lessons, crop_of(chosen))
        thinned(lessons, crop_of(chosen))
        chosen.folder = Path(folder)
        by_turns(chosen)


def all_answers(chosen: argparse.Namespace, folder: Path) -> Answers:
    """Ask the teacher about every image; print what that takes."""
    source = source_of(chosen)
    teacher = teacher_named(
        (chosen.teacher,), TeacherInputs(source, "train", threads=chosen.threads)
    )
    count, began = source.length("train"), time.perf_counter()
    answers = Answers.of(folder, facts_of(chosen, source))
    for index in range(count):
        answers.keep(index, teacher.logits(source.sample("train", index).image))
    answers = answers.finish()
    taken = time.perf_counter() - began
    print(
        f"answers: {count} images in {duration(taken)} ({1000 * taken / count:.0f} ms each), "
        f"{amount(answers.facts.size_bytes)} on disk",
        flush=True,
    )
    return answers


def facts_of(chosen: argparse.Namespace, source: DataSource) -> AnswersFacts:
    """Whose answers they are."""
    return AnswersFacts(
        teacher=chosen.teacher,
        teachers=(chosen.teacher,),
        data=source.digest("train"),
        split="train",
        images=source.length("train"),
        classes=source.label_space.classes,
        stride=8,
    )


def by_turns(chosen: argparse.Namespace) -> None:
    """Let the arms take turns; print their paces and ratios."""
    told: dict[str, list[Told]] = {arm: [] for arm in ARMS}
    with workers(chosen) as ask:
        for arm in ARMS:
            ask(arm, 2)
        for turn in range(chosen.rounds):
            for arm in ARMS if turn % 2 == 0 else ARMS[::-1]:
                told[arm].append(ask(arm, chosen.steps))
    for arm in ARMS:
        pace = chosen.steps / statistics.median(one.seconds for one in told[arm])
        waited = sum(one.waited_seconds for one in told[arm])
        share = 100 * waited / sum(one.seconds for one in told[arm])
        print(
            f"{arm}: {pace:.3f} steps/s; time to that without a teacher "
            f"{ratios(told, arm, 'seconds')}, processor time "
            f"{ratios(told, arm, 'processor_seconds')}; waiting for data {share:.1f} %",
            flush=True,
        )


def ratios(told: dict[str, list[Told]], arm: str, what: str) -> str:
    """The median of the rounds' ratios, and the middle half of them."""
    found = [
        getattr(own, what) / getattr(none, what)
        for own, none in zip(told[arm], told["none"], strict=True)
    ]
    low, middle, high = statistics.quantiles(found, n=4)
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


@contextmanager
def workers(chosen: argparse.Namespace) -> Iterator[Callable[[str, int], Told]]:
    """Processes with one arm each; asked for steps, an arm says what they took."""
    words = [sys.executable, __file__, "--data", data_of(chosen), "--student", chosen.student]
    words += ["--teacher", chosen.teacher, "--size", chosen.size, "--batch", str(chosen.batch)]
    words += ["--threads", str(chosen.threads), "--images", str(chosen.images)]
    words += ["--folder", str(chosen.folder)]
    with asked({arm: [*words, "--arm", arm] for arm in ARMS}) as ask:
        yield lambda arm, steps: Told(*ask(arm, steps))


def serve(chosen: argparse.Namespace) -> None:
    """Be one arm: read numbers of steps, say how long they took."""
    task = task_of(chosen)
    stage = stage_of(task, choose_numerics(task.settings.precision, task.device))
    indices = iter(range(task.settings.steps))

    @memory_kept()
    def steps(count: int) -> float:
        events = [stage.step(next(indices)) for _ in range(count)]
        return float(sum(event[CLOCK][WAITING_SECONDS] for event in events))

    for line in sys.stdin:
        began, used = time.perf_counter(), time.process_time()
        waited = steps(int(line))
        print(time.perf_counter() - began, time.process_time() - used, waited, flush=True)


def task_of(chosen: argparse.Namespace) -> TrainingTask:
    """The training of an arm."""
    source, (height, width) = source_of(chosen), crop_of(chosen)
    settings = TrainingSettings(
        steps=10**6,
        batch_size=chosen.batch,
        evaluate_every=10**6,
        augmentation=AugmentationSettings(crop_height=height, crop_width=width),
    )
    description, data = open_bundle(chosen.student).description, TrainingData(source)
    task = TrainingTask("student", description, data, settings, 0, CPU)
    if chosen.arm == "live":
        network = open_bundle(chosen.teacher).network(baselines=BASELINES, where=chosen.teacher)
        teacher = Teacher(network, source.label_space.classes, "")
        return replace(task, teacher=teacher)
    if chosen.arm == "kept":
        answers = Answers.of(chosen.folder, facts_of(chosen, source))
        return replace(task, data=replace(data, answers=answers))
    return task


def crop_of(chosen: argparse.Namespace) -> tuple[int, int]:
    """Height and width of crops."""
    height, width = (int(length) for length in chosen.size.split("x"))
    return height, width


def data_of(chosen: argparse.Namespace) -> str:
    """The data that was named, else CamVid."""
    named = chosen.data or Path(os.environ.get("FASTERSEG_TEST_DATA", "")) / "camvid"
    return str(named)


def source_of(chosen: argparse.Namespace) -> DataSource:
    """The data set, or its first images."""
    source = open_data(data_of(chosen), layout="auto")
    if not chosen.images:
        return source
    return PartOfSplit(source, "train", range(min(chosen.images, source.length("train"))))


class _Raw(argparse.RawDescriptionHelpFormatter):
    """Prints the description as it is."""


if __name__ == "__main__":
    main()
