"""Networks trained alike for equal minutes, scored and timed by turns: a study from a YAML file.

The file says the recipe that all arms share, the arms (a baseline or an architecture's file, how
many seeds, and whom it learns from), which are compared, and how many steps of the reference are
the minutes.  A study is done in parts, each resumed where it was stopped, in this order:

    teach   trains the teachers that arms learn from, and scores them
    pace    times a training step of every arm by turns with the reference's, on one thread, asks
            each teacher once, and turns the reference's steps into each arm's: the same minutes
            for all, asking included
    train   trains every arm with every seed, seed by seed
    score   scores the last weights of every training on the study's split, once
    all     trains and scores, keeping each result before the next training
    time    exports the first training of each arm and times the files by turns
    table   prints scores, teachers, paired differences with their 95 % intervals, and latencies

    python benchmarks/arms.py benchmarks/camvid_headline.yaml train --data CAMVID --work WORK

`--arm` (may be repeated) and `--seed` restrict a part to some of them.  `--results FILE` keeps what
has ended in a small file beside, and what stands there is not trained again: a machine may vanish.
Without `--data` the data is the recipe's.  Arms with `student.start=supernet` begin with the
supernet of `--searched RUN`, a search by a recipe of the same space.  One process at a time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from fasterseg.baselines.catalogue import BASELINES
from fasterseg.config import Recipe
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.sources.source import DataSource
from fasterseg.deploy.benchmark.benchmark_report import BenchmarkReport
from fasterseg.foreign.strict_yaml import load_yaml
from fasterseg.learning.precision import choose_numerics
from fasterseg.pipeline.opening import open_source
from fasterseg.runtime import memory_kept, processor_name, set_threads
from fasterseg.training.data import TrainingData
from fasterseg.training.task import TrainingTask, stage_of
from paired_differences import interval_of
from study_plans import MINUTE, Plan, Study, seeds_of
from study_tables import table as print_markdown
from study_teachers import (
    MadeUpAnswers,
    asked_seconds,
    fasterseg,
    keep_training,
    score_bundle,
    teacher_rows,
    train_arm,
    trained_teacher,
)

ROUNDS, STEPS_IN_A_TURN = 7, 3

Chosen = Sequence[tuple[str, int]]
"""Arms and seeds, seed by seed."""


def teach(study: Study, chosen: Chosen) -> None:
    """Train and score the teachers that arms learn from, those that are not there yet."""
    for arm, seed in chosen:
        if study.plan.arms[arm].teacher is not None:
            trained_teacher(study, arm, seed)


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
        keep_pace(study, arm, seconds[arm], seconds[study.plan.reference])
    for arm in arms:
        entry = study.pace[arm]
        study.keep_pace({arm: {**entry, "steps": study.steps(arm)}})
        spread = f"{min(entry['ratios']):.3f} to {max(entry['ratios']):.3f}"
        told = f"{entry['ratio']:.3f} of {study.plan.reference}'s step ({spread})"
        print(f"{arm}: {told}, {study.steps(arm):,} steps", flush=True)


def keep_pace(study: Study, arm: str, own: Sequence[float], reference: Sequence[float]) -> None:
    """Store an arm's times beside the reference's, and for how long its teacher is asked."""
    ratios = [one / other for one, other in zip(own, reference, strict=True)]
    told = {"ratio": statistics.median(ratios), "ratios": ratios, "seconds": [*own]}
    taught = study.plan.arms[arm].teacher is not None
    asked = {"asked_seconds": asked_seconds(study, arm)} if taught else {}
    study.keep_pace({arm: {**told, **asked, "processor": processor_name()}})


def stepper(study: Study, arm: str) -> Callable[[int], float]:
    """What does some training steps of an arm, in processor seconds."""
    recipe = study.recipe(arm, 0, steps=10**6)
    source = source_of(study, recipe)
    description = study.plan.arms[arm].description(source.label_space.classes)
    data = TrainingData(source, workers=0)
    if study.plan.arms[arm].teacher is not None:
        data = replace(data, answers=MadeUpAnswers.on(source))
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


def source_of(study: Study, recipe: Recipe) -> DataSource:
    """The data that is learned from."""
    if not study.data:
        return open_source(recipe)
    return open_data(study.data, layout=recipe.data.source if recipe.data.source else "auto")


def train(study: Study, chosen: Chosen) -> None:
    """Train what is not trained yet, one after the other."""
    for arm, seed in chosen:
        if study.trained(arm, seed) is None and study.score(arm, seed) is None:
            train_arm(study, arm, seed)


def score(study: Study, chosen: Chosen) -> None:
    """Score each training's last weights, those that are not scored yet."""
    for arm, seed in chosen:
        found, path = study.trained(arm, seed), study.score_file(arm, seed)
        if found is not None and not path.exists():
            score_bundle(study, found.bundle("last").root, path)
        if found is not None:
            keep_training(study, arm, seed)


def train_and_score(study: Study, chosen: Chosen) -> None:
    """Train what is not trained yet; each is scored, and its result kept, before the next."""
    for pair in chosen:
        train(study, [pair])
        score(study, [pair])
        print(f"{pair[0]}, seed {pair[1]}: {study.score(*pair):.2f}", flush=True)


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


def table(study: Study, chosen: Chosen) -> None:
    """Print scores and paired differences."""
    scores = {pair: value for pair in chosen if (value := study.score(*pair)) is not None}
    seeds = seeds_of([*scores])
    print(study.plan.title, end="\n\n")
    head = ("network", "steps", *(f"seed {seed}" for seed in seeds), "mean", "s.d.")
    print_markdown(head, score_rows(study, scores, seeds))
    if study.plan.teachers:
        print_markdown(("teacher", "steps", "score", "minutes"), teacher_rows(study))
        print_markdown(("arm", "minutes", "of them asking", "answers, MB"), minute_rows(study))
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


def minute_rows(study: Study) -> Iterator[Sequence[str]]:
    """Each taught arm's mean minutes, and what its teacher's answers took."""
    for arm in study.plan.arms:
        kept = study.results("trainings")
        own = [one for name, one in kept.items() if name.rpartition("-")[0] == arm]
        if own:
            means = [
                statistics.fmean(float(one[key]) for one in own)
                for key in ("seconds", "asked_seconds", "answer_bytes")
            ]
            whole, asked, held = (
                value / unit for value, unit in zip(means, (MINUTE, MINUTE, 1e6), strict=True)
            )
            yield arm, f"{whole + asked:.1f}", f"{asked:.2f}", f"{held:.1f}"


PARTS: Mapping[str, Callable[[Study, Chosen], None]] = {
    "teach": teach,
    "pace": pace,
    "train": train,
    "score": score,
    "all": train_and_score,
    "time": export_and_time,
    "table": table,
}


def chosen_of(plan: Plan, arms: Sequence[str], seed: int | None) -> Iterator[tuple[str, int]]:
    """Every arm and seed of a plan, or those of some arms or of one seed, seed by seed."""
    if unknown := {*arms} - {*plan.arms}:
        raise SystemExit(f"the study has no arm {' or '.join(sorted(unknown))}")
    for number in range(max(arm.seeds for arm in plan.arms.values())):
        for name, arm in plan.arms.items():
            wanted = (not arms or name in arms) and seed in (None, number)
            if wanted and number < arm.seeds:
                yield name, number


def plan_in(file: Path) -> Plan:
    """The plan in a YAML file."""
    return Plan.model_validate(load_yaml(file.read_text()))


def main() -> None:
    """Parse the arguments, do the part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", type=Path)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--data", default="")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--arm", action="append", default=[])
    parser.add_argument("--seed", type=int)
    parser.add_argument("--results", type=Path, help="a small file that keeps what has ended")
    parser.add_argument("--searched", type=Path, help="a run with a supernet to begin with")
    given = parser.parse_args()
    plan = plan_in(given.study)
    chosen = list(chosen_of(plan, given.arm, given.seed))
    study = Study(plan, given.data, given.work, given.results, given.searched)
    PARTS[given.part](study, chosen)


if __name__ == "__main__":
    main()
