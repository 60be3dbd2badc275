"""Networks trained alike for equal minutes, scored and timed by turns: a study from a YAML file.

The file says the recipe that all arms share, the arms (a baseline or an architecture's file, and
how many seeds), which are compared, and how many steps of the reference are the minutes.  A study
is done in parts, each resumed where it was stopped, in this order:

    pace    times a training step of every arm by turns with the reference's, on one thread, and
            turns the reference's steps into each arm's: the same minutes for all
    train   trains every arm with every seed, seed by seed
    score   scores the last weights of every training on the study's split, once
    time    exports the first training of each arm and times the files by turns
    table   prints scores, paired differences with their 95 % intervals, and latencies

    python benchmarks/arms.py benchmarks/camvid_headline.yaml train --data CAMVID --work WORK

`--arm` (may be repeated) and `--seed` restrict a part to some of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict

from fasterseg.baselines.catalogue import BASELINES, baseline_name
from fasterseg.config import Recipe, build_recipe
from fasterseg.datasets.opening import open_data
from fasterseg.deploy.benchmark.benchmark_report import BenchmarkReport
from fasterseg.durable import durable_write
from fasterseg.evaluation import EvaluationReport
from fasterseg.foreign.strict_yaml import load_yaml
from fasterseg.learning.precision import choose_numerics
from fasterseg.network.description import NetworkDescription
from fasterseg.runs import RunFolder
from fasterseg.runtime import memory_kept, processor_name, set_threads
from fasterseg.space.architecture import Architecture
from fasterseg.stage_folders import TrainingFolder
from fasterseg.training.data import TrainingData
from fasterseg.training.task import TrainingTask, stage_of
from paired_differences import interval_of
from study_tables import table as print_markdown

ROUNDS, STEPS_IN_A_TURN = 7, 3
PERCENT = 100


class Arm(BaseModel):
    """A network, how many seeds it is trained with, and what it changes of the recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str
    seeds: int = 1
    steps: int | None = None
    changes: tuple[str, ...] = ()

    def description(self, classes: int) -> NetworkDescription:
        """The network, as a baseline or from its architecture's file."""
        baseline = baseline_name(self.network)
        if baseline is not None:
            return NetworkDescription(classes=classes, baseline=baseline)
        return NetworkDescription(
            classes=classes, architecture=Architecture.load(Path(self.network))
        )


class Plan(BaseModel):
    """A study's file; see the module."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    recipe: dict[str, Any]
    reference: str
    reference_steps: int
    split: str
    arms: dict[str, Arm]
    compared: tuple[tuple[str, str], ...] = ()


class Study:
    """A plan, the data it is for, and the folder that holds what was done."""

    def __init__(self, plan: Plan, data: str, work: Path) -> None:
        self.plan = plan
        self.data = data
        self.work = work

    @property
    def pace(self) -> dict[str, Any]:
        """What `pace` found: by arm, the step's time relative to the reference's, and steps."""
        path = self.work / "pace.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def keep_pace(self, found: Mapping[str, Any]) -> None:
        """Store what was found of some arms beside the others."""
        text = json.dumps({**self.pace, **found}, indent=1)
        durable_write(self.work / "pace.json", text.encode() + b"\n")

    def steps(self, arm: str) -> int:
        """How long an arm is trained."""
        own = self.plan.arms[arm].steps
        if own is not None:
            return own
        if arm == self.plan.reference:
            return self.plan.reference_steps
        return int(self.pace[arm]["steps"])

    def recipe(self, arm: str, seed: int, *, steps: int | None = None) -> Recipe:
        """How an arm is trained with a seed."""
        wanted = self.steps(arm) if steps is None else steps
        changes = (f"seed={seed}", f"student.steps={wanted}", *self.plan.arms[arm].changes)
        return build_recipe(base=self.plan.recipe, overrides=changes)

    def run(self, arm: str, seed: int) -> RunFolder:
        """The run of one training."""
        return RunFolder(self.work / f"{arm}-{seed}")

    def trained(self, arm: str, seed: int) -> TrainingFolder | None:
        """The training, where it has come to its end."""
        found = [one for one in self.run(arm, seed).trainings() if one.report.exists()]
        return found[0] if found else None

    def score_file(self, arm: str, seed: int) -> Path:
        """Where the score of a training lies."""
        return self.work / "scores" / f"{arm}-{seed}-{self.plan.split}.json"


Chosen = Sequence[tuple[str, int]]
"""Arms and seeds, seed by seed."""


def pace(study: Study, chosen: Chosen) -> None:
    """Time steps of the arms by turns, the reference's in every turn."""
    set_threads(1)
    arms = list(dict.fromkeys([study.plan.reference, *(arm for arm, _ in chosen)]))
    steps = {arm: stepper(study, arm) for arm in arms}
    seconds: dict[str, list[float]] = {arm: [] for arm in arms}
    for arm in arms:
        steps[arm](STEPS_IN_A_TURN)
    for turn in range(ROUNDS):
        for arm in arms if turn % 2 == 0 else arms[::-1]:
            seconds[arm].append(steps[arm](STEPS_IN_A_TURN))
    for arm in arms:
        pairs = zip(seconds[arm], seconds[study.plan.reference], strict=True)
        ratios = [own / other for own, other in pairs]
        ratio = statistics.median(ratios)
        wanted = round(study.plan.reference_steps / ratio)
        told = {"ratio": ratio, "ratios": ratios, "seconds": seconds[arm], "steps": wanted}
        study.keep_pace({arm: {**told, "processor": processor_name()}})
        spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
        print(f"{arm}: {ratio:.3f} of {study.plan.reference}'s step ({spread}), {wanted:,} steps")


def stepper(study: Study, arm: str) -> Callable[[int], float]:
    """What does some training steps of an arm, in processor seconds."""
    recipe = study.recipe(arm, 0, steps=10**6)
    source = open_data(study.data, layout=recipe.data.source if recipe.data.source else "auto")
    description = study.plan.arms[arm].description(source.label_space.classes)
    data = TrainingData(source, workers=0)
    task = TrainingTask(arm, description, data, recipe.student, 0, torch.device("cpu"), None)
    stage = stage_of(
        task, choose_numerics(recipe.student.precision, task.device), baselines=BASELINES
    )
    indices = iter(range(recipe.student.steps))

    @memory_kept()
    def steps(count: int) -> float:
        began = time.process_time()
        for _ in range(count):
            stage.step(next(indices))
        return (time.process_time() - began) / count

    return steps


def train(study: Study, chosen: Chosen) -> None:
    """Train what is not trained yet, one after the other."""
    for arm, seed in chosen:
        if study.trained(arm, seed) is None:
            recipe = study.work / "recipes" / f"{arm}-{seed}.json"
            study.recipe(arm, seed).save(recipe)
            network = study.plan.arms[arm].network
            baseline = baseline_name(network) is not None
            named = [network] if baseline else ["student", "--architecture", network]
            run = ["--run", str(study.run(arm, seed).root), "--recipe", str(recipe)]
            fasterseg("train", *named, "--data", study.data, *run)


def score(study: Study, chosen: Chosen) -> None:
    """Score each training's last weights, those that are not scored yet."""
    for arm, seed in chosen:
        found, path = study.trained(arm, seed), study.score_file(arm, seed)
        if found is not None and not path.exists():
            model = str(found.bundle("last").root)
            where = ["--split", study.plan.split, "--out", str(path)]
            fasterseg("evaluate", model, "--data", study.data, *where)


def export_and_time(study: Study, chosen: Chosen) -> None:
    """Export the first training of each arm, and time all files by turns on one and two threads."""
    files = []
    for arm in dict.fromkeys(arm for arm, _ in chosen):
        found = study.trained(arm, 0)
        if found is not None:
            path = study.work / "exported" / f"{arm}.onnx"
            files.append(str(path))
            if not path.exists():
                fasterseg("export", str(found.bundle("last").root), "--out", str(path))
    for threads in (1, 2):
        out = study.work / f"latency-{threads}"
        fasterseg("benchmark", *files, "--threads", str(threads), "--out", str(out))


def fasterseg(*words: str) -> None:
    """Run one command of the package; one that fails ends the study's part."""
    subprocess.run([sys.executable, "-m", "fasterseg", *words], check=True)


def table(study: Study, chosen: Chosen) -> None:
    """Print scores and paired differences."""
    scores = {pair: value for pair in chosen if (value := scored(study, *pair)) is not None}
    seeds = sorted({seed for _, seed in scores})
    print(study.plan.title, end="\n\n")
    head = ("network", "steps", *(f"seed {seed}" for seed in seeds), "mean", "s.d.")
    print_markdown(head, score_rows(study, scores, seeds))
    for one, other in study.plan.compared:
        both = [seed for seed in seeds if (one, seed) in scores and (other, seed) in scores]
        if both:
            apart = interval_of([scores[one, seed] - scores[other, seed] for seed in both])
            print(f"{one} - {other}: {apart} points ({len(both)} seeds, paired)")
    for threads in (1, 2):
        path = study.work / f"latency-{threads}" / "report.json"
        if path.exists():
            print(f"\n{threads} threads\n{BenchmarkReport.load(path).describe()}")


def score_rows(
    study: Study, scores: Mapping[tuple[str, int], float], seeds: Sequence[int]
) -> Iterator[Sequence[str]]:
    """Each arm's steps and scores by seed, those of arms that have any."""
    for arm in study.plan.arms:
        own = {seed: scores[arm, seed] for seed in seeds if (arm, seed) in scores}
        if own:
            values = [f"{own[seed]:.2f}" if seed in own else "" for seed in seeds]
            spread = f"{statistics.stdev(own.values()):.2f}" if len(own) > 1 else ""
            mean = f"{statistics.fmean(own.values()):.2f}"
            yield (arm, f"{study.steps(arm):,}", *values, mean, spread)


def scored(study: Study, arm: str, seed: int) -> float | None:
    """The mean IoU of a training in percent, where it was scored."""
    path = study.score_file(arm, seed)
    return PERCENT * EvaluationReport.load(path).mean_iou if path.exists() else None


PARTS: Mapping[str, Callable[[Study, Chosen], None]] = {
    "pace": pace,
    "train": train,
    "score": score,
    "time": export_and_time,
    "table": table,
}


def chosen_of(plan: Plan, arms: Sequence[str], seed: int | None) -> Iterator[tuple[str, int]]:
    """Every arm and seed of a plan, or those of some arms or of one seed, seed by seed."""
    for number in range(max(arm.seeds for arm in plan.arms.values())):
        for name, arm in plan.arms.items():
            wanted = (not arms or name in arms) and seed in (None, number)
            if wanted and number < arm.seeds:
                yield name, number


def main() -> None:
    """Parse the arguments, do the part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", type=Path)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--data", required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--arm", action="append", default=[])
    parser.add_argument("--seed", type=int)
    given = parser.parse_args()
    plan = Plan.model_validate(load_yaml(given.study.read_text()))
    chosen = list(chosen_of(plan, given.arm, given.seed))
    PARTS[given.part](Study(plan, given.data, given.work), chosen)


if __name__ == "__main__":
    main()
