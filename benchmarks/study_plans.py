"""What a study is to do, from its YAML file, and what of it was done: folders, pace, results.

Results are kept twice: in the folder of the work, and, where a file is named for them, there after
each training that ends.  On another machine what stands in that file is not done again.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, model_validator

from fasterseg.baselines.catalogue import baseline_name
from fasterseg.config import Recipe, build_recipe
from fasterseg.durable import durable_write
from fasterseg.evaluation import EvaluationReport
from fasterseg.network.description import NetworkDescription
from fasterseg.runs import RunFolder
from fasterseg.runtime import processor_name
from fasterseg.space.architecture import Architecture
from fasterseg.stage_folders import TrainingFolder

PERCENT, MINUTE = 100, 60
SCHEMA = "fasterseg/arms/1"
SEARCHED = "searched"
"""In the place of a teacher's network: the one of a co-search by the study's recipe."""
Result = dict[str, Any]


def asked_of_study(told: str | None, *, plan: Path, work: str) -> argparse.Namespace:
    """The options of a study: its plan, its work, its results, and whether to print alone."""
    parser = argparse.ArgumentParser(
        description=told, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plan", type=Path, default=plan)
    parser.add_argument("--work", type=Path, default=Path("runs") / work)
    parser.add_argument("--results", type=Path, help="a small file that keeps what has ended")
    parser.add_argument("--table", action="store_true", help="only print what there is")
    return parser.parse_args()


class Arm(BaseModel):
    """A network, how many seeds it is trained with, and what it changes of the recipe.

    It is trained for the reference's minutes, for so many `steps`, or `as_long_as` another arm; of
    an arm with a `teacher` the minutes in which that one is asked count.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str
    seeds: int = 1
    steps: int | None = None
    as_long_as: str | None = None
    teacher: str | None = None
    changes: tuple[str, ...] = ()

    def description(self, classes: int) -> NetworkDescription:
        """The network, as a baseline or from its architecture's file."""
        baseline = baseline_name(self.network)
        if baseline is not None:
            return NetworkDescription(classes=classes, baseline=baseline)
        return NetworkDescription(
            classes=classes, architecture=Architecture.load(Path(self.network))
        )


class TeacherArm(BaseModel):
    """A network to learn from, and how long it is trained; students share those of its seeds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str
    steps: int
    seeds: int = 1
    changes: tuple[str, ...] = ()


class Plan(BaseModel):
    """A study's file; see the module ``arms``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    recipe: dict[str, Any]
    reference: str
    reference_steps: int
    split: str
    arms: dict[str, Arm]
    teachers: dict[str, TeacherArm] = {}
    compared: tuple[tuple[str, str], ...] = ()

    @model_validator(mode="after")
    def _names_what_there_is(self) -> Plan:
        named = [self.reference, *(name for pair in self.compared for name in pair)]
        named += [arm.as_long_as for arm in self.arms.values() if arm.as_long_as]
        taught_by = {arm.teacher for arm in self.arms.values() if arm.teacher}
        unknown = ({*named} - {*self.arms}) | (taught_by - {*self.teachers})
        if unknown:
            raise ValueError(f"no arm or teacher is called {' or '.join(sorted(unknown))}")
        return self


@dataclass(frozen=True, slots=True)
class Study:
    """A plan, the data it is for (none: the recipe's), and where what was done is kept.

    `searched` is the run whose supernet arms with `student.start` supernet begin with.
    """

    plan: Plan
    data: str
    work: Path
    results_file: Path | None = None
    searched: Path | None = None

    @property
    def pace(self) -> dict[str, Any]:
        """What `pace` found: by arm, the step's time relative to the reference's, and steps."""
        path = self.work / "pace.json"
        return dict(json.loads(path.read_text())) if path.exists() else self._document("pace")

    def keep_pace(self, found: Mapping[str, Any]) -> None:
        """Store what was found of some arms beside the others."""
        together = {**self.pace, **found}
        _written(self.work / "pace.json", together)
        self._kept("pace", together)

    def steps(self, name: str) -> int:
        """How long an arm is trained."""
        arm = self.plan.arms[name]
        if arm.steps is not None:
            return arm.steps
        if name == self.plan.reference:
            return self.plan.reference_steps
        other = arm.as_long_as or self.plan.reference
        left = self._reference_steps(other) - self._asked(name)
        return max(1, round(left / self.pace[name]["ratio"]))

    def _reference_steps(self, name: str) -> float:
        """An arm's length in steps of the reference, asking its teacher included."""
        ratio = 1.0 if name == self.plan.reference else self.pace[name]["ratio"]
        return float(self.steps(name) * ratio + self._asked(name))

    def _asked(self, name: str) -> float:
        """Of which those in which its teacher is asked."""
        if self.plan.arms[name].teacher is None:
            return 0.0
        step = statistics.median(self.pace[self.plan.reference]["seconds"])
        return float(self.pace[name]["asked_seconds"] / step)

    def recipe(self, name: str, seed: int, *, steps: int | None = None) -> Recipe:
        """How an arm is trained with a seed; for other `steps` than its own without a warm-up."""
        arm = self.plan.arms[name]
        lasts = [f"student.steps={self.steps(name) if steps is None else steps}"]
        lasts += [] if steps is None else ["student.warmup_steps=0"]
        taught = () if arm.teacher is None else ("student.distillation_weight=1",)
        changes = (f"seed={seed}", *lasts, *taught, *arm.changes)
        return build_recipe(base=self.plan.recipe, overrides=changes)

    def run(self, name: str, seed: int) -> RunFolder:
        """The run of one training."""
        return RunFolder(self.work / f"{name}-{seed}")

    def trained(self, name: str, seed: int) -> TrainingFolder | None:
        """The training, where it has come to its end in this folder."""
        found = [one for one in self.run(name, seed).trainings() if one.report.exists()]
        return found[0] if found else None

    def score_file(self, name: str, seed: int) -> Path:
        """Where the score of a training lies."""
        return self.work / "scores" / f"{name}-{seed}-{self.plan.split}.json"

    def score(self, name: str, seed: int) -> float | None:
        """The mean IoU of a training in percent, where it was scored, here or elsewhere."""
        path = self.score_file(name, seed)
        if path.exists():
            return PERCENT * EvaluationReport.load(path).mean_iou
        kept = self.results("trainings").get(f"{name}-{seed}")
        return None if kept is None else float(kept["score"])

    def results(self, kind: str) -> dict[str, Any]:
        """What is kept of `trainings` or `teachers`, by name and seed."""
        here = self.work / f"{kind}.json"
        return {**self._document(kind), **(json.loads(here.read_text()) if here.exists() else {})}

    def keep(self, kind: str, name: str, found: Result) -> None:
        """Keep what came of one training."""
        together = {**self.results(kind), name: found}
        _written(self.work / f"{kind}.json", together)
        self._kept(kind, together)

    def _document(self, part: str) -> dict[str, Any]:
        """A part of what the results' file holds; ends the study where that is another's."""
        path = self.results_file
        if path is None or not path.exists():
            return {}
        found = json.loads(path.read_text())
        recipe = json.loads(json.dumps(self.plan.recipe))
        if (found["title"], found["plan"]["recipe"]) != (self.plan.title, recipe):
            raise SystemExit(
                f"{path} holds the results of another study, or of another recipe of this one; "
                "name another file with --results"
            )
        return dict(found[part])

    def _kept(self, part: str, found: Mapping[str, Any]) -> None:
        if self.results_file is None:
            return
        about = {"title": self.plan.title, "plan": self.plan.model_dump(mode="json")}
        machine = {"processor": processor_name(), "torch": str(torch.__version__)}
        parts = {one: self._document(one) for one in ("pace", "teachers", "trainings")}
        _written(self.results_file, {"schema": SCHEMA, **about, **machine, **parts, part: found})


def _written(path: Path, content: Mapping[str, Any]) -> None:
    durable_write(path, json.dumps(content, indent=1).encode() + b"\n")


def seeds_of(found: Sequence[tuple[str, int]]) -> list[int]:
    """The seeds among some arms and seeds, each once."""
    return sorted({seed for _, seed in found})
