"""The trainings of a study: its arms and their teachers, and what asking these took."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from fasterseg.baselines.catalogue import baseline_name
from fasterseg.config import Recipe, build_recipe
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.transforming.answers_at import Answer, small_size
from fasterseg.evaluation import EvaluationReport
from fasterseg.runs import RunFolder
from fasterseg.stages import StageTimes
from fasterseg.training.training import TrainingReport
from study_plans import MINUTE, PERCENT, SEARCHED, Result, Study

TEACHER, STUDENT, SUPERNET = "teacher", "student", "supernet"


def fasterseg(*words: str) -> None:
    """Run one command of the package; one that fails ends the study's part."""
    subprocess.run([sys.executable, "-m", "fasterseg", *words], check=True)


def train_arm(study: Study, arm: str, seed: int) -> None:
    """Train an arm with a seed, its teacher before it where that is not there yet."""
    _train_student(study, arm, seed, study.run(arm, seed), study.recipe(arm, seed))


def _train_student(study: Study, arm: str, seed: int, run: RunFolder, recipe: Recipe) -> None:
    network = study.plan.arms[arm].network
    baseline = baseline_name(network) is not None
    named = [network] if baseline else [STUDENT, "--architecture", network]
    if recipe.student.start == SUPERNET:
        bring_supernet(study, run)
    if study.plan.arms[arm].teacher is not None:
        named += ["--teacher", str(trained_teacher(study, arm, seed))]
    fasterseg("train", *named, *_where(study, run, recipe))


def bring_supernet(study: Study, run: RunFolder) -> None:
    """Have the supernet of the searched run in an arm's, which begins with its slices."""
    if study.searched is None:
        raise SystemExit("name the run whose supernet arms begin with: --searched RUN")
    kept, own = RunFolder(study.searched).supernet.root, run.supernet.root
    if not own.exists():
        shutil.copytree(kept, own)


def _where(study: Study, run: RunFolder, recipe: Recipe) -> list[str]:
    """The options that say with which recipe, into which run and from which data."""
    path = recipe.save(study.work / "recipes" / f"{run.root.name}.json")
    data = ["--data", study.data] if study.data else []
    return ["--run", str(run.root), "--recipe", str(path), *data]


def trained_teacher(study: Study, arm: str, seed: int) -> Path:
    """The bundle of an arm's teacher for a seed; trained and scored here, where it is not there."""
    name = study.plan.arms[arm].teacher
    assert name is not None, f"{arm} has no teacher"
    own = study.plan.teachers[name]
    number = seed % own.seeds
    run = RunFolder(study.work / f"{TEACHER}-{name}-{number}")
    baseline = baseline_name(own.network)
    bundle = run.training(baseline or TEACHER).bundle("last").root
    if not bundle.is_dir():
        _train_teacher(study, run, _teacher_recipe(study, name, number), own.network)
    path = study.work / "scores" / f"{run.root.name}-{study.plan.split}.json"
    if not path.exists():
        score_bundle(study, bundle, path)
    seconds = TrainingReport.load(run.training(baseline or TEACHER).report).clock.seconds
    score = PERCENT * EvaluationReport.load(path).mean_iou
    found = {"score": score, "steps": own.steps, "seconds": seconds}
    study.keep("teachers", f"{name}-{number}", found)
    return bundle


def _train_teacher(study: Study, run: RunFolder, recipe: Recipe, network: str) -> None:
    where = _where(study, run, recipe)
    if network == SEARCHED:
        fasterseg("search", *where)
        fasterseg("train", TEACHER, *where)
    elif baseline_name(network) is not None:
        fasterseg("train", network, *where)
    else:
        fasterseg("train", TEACHER, "--architecture", network, *where)


def _teacher_recipe(study: Study, name: str, seed: int) -> Recipe:
    """A teacher's; a baseline is trained by the student's settings, so both have its steps."""
    own = study.plan.teachers[name]
    both = tuple(f"{role}.steps={own.steps}" for role in (TEACHER, STUDENT))
    changes = (f"seed={seed}", *both, *own.changes)
    return build_recipe(base=study.plan.recipe, overrides=changes)


def score_bundle(study: Study, bundle: Path, out: Path) -> None:
    """Score a network on the study's split."""
    data = ["--data", study.data] if study.data else []
    fasterseg("evaluate", str(bundle), *data, "--split", study.plan.split, "--out", str(out))


def keep_training(study: Study, arm: str, seed: int) -> None:
    """Keep the result of a training that was scored here."""
    folder, score = study.trained(arm, seed), study.score(arm, seed)
    if folder is None or score is None:
        return
    report, run = TrainingReport.load(folder.report), study.run(arm, seed)
    found: Result = {
        "score": score,
        "steps": report.steps,
        "seconds": report.clock.seconds,
        "asked_seconds": asking_seconds(run),
        "answer_bytes": answer_bytes(run),
    }
    study.keep("trainings", f"{arm}-{seed}", found)


def asked_seconds(study: Study, arm: str) -> float:
    """How long it takes to ask an arm's teacher, found once, by a training of one step."""
    run = RunFolder(study.work / "asked" / arm)
    if not asking_seconds(run):
        _train_student(study, arm, 0, run, study.recipe(arm, 0, steps=1))
    return asking_seconds(run)


def asking_seconds(run: RunFolder) -> float:
    """How long a run's students asked their teachers."""
    stages = StageTimes.of_run(run.root).stages
    return sum(one.seconds for one in stages if one.name.startswith("train/answers/"))


def answer_bytes(run: RunFolder) -> int:
    """What the kept answers of a run take on disk."""
    kept = (run.root / "answers").rglob("*")
    return sum(path.stat().st_size for path in kept if path.is_file())


def teacher_rows(study: Study) -> Iterator[Sequence[str]]:
    """Each teacher's length, score and minutes, as kept."""
    for name, found in study.results("teachers").items():
        took = float(found["seconds"]) / MINUTE
        yield name, f"{found['steps']:,}", f"{found['score']:.2f}", f"{took:.1f}"


@dataclass(frozen=True)
class MadeUpAnswers:
    """Answers that say nothing and take as long to read and to learn from as any."""

    stride: int
    one: Answer = field(repr=False)

    @classmethod
    def on(cls, source: DataSource, stride: int = 8) -> Self:
        """Of the size that answers to this data have."""
        height, width = source.sample("train", 0).image.shape[:2]
        small = small_size((height, width), stride)
        return cls(stride, np.zeros((source.label_space.classes, *small), np.float32))

    def answer(self, index: int) -> Answer:
        """The same for every image."""
        return self.one
