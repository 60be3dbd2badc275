"""Does the sampled search find students as good as the exact one's, and at which price?

For each seed, on the same scenes, with the same latency table and the same numbers of steps, every
arm searches; its student is derived for the same budget and trained without a teacher, all alike.
What is printed are the arms' differences from the first, in points of mean IoU on the test split,
paired by seed, with a 95 % interval, and how long each search took.

    python benchmarks/search_modes.py --out runs/search-modes

An arm is a mode, or a mode with settings of `search` or `search.sampling`:

    --arm exact --arm sampled --arm sampled:weight_operators=one,architecture_operators=two

With `--budgets` two students are searched beside one teacher, and each of them alone: what the
common search costs, and what each student loses by it.

    python benchmarks/search_modes.py --budgets 20% 50% --out runs/search-budgets

Latencies, also those of budgets, are estimates by the table.  The folder is resumed when the
same command is given again; finished arms are kept in its ``arms.json``.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ablation_arms import STUDENT, TEACHER, Comparison, Say, SeedRun, scenes_of
from fasterseg.config import Recipe, SamplingSettings, build_recipe
from fasterseg.console.progress import progress_for
from fasterseg.durable import durable_write
from fasterseg.errors import FastersegError
from fasterseg.latency.table import describe
from fasterseg.pipeline.stages.profiling import profile_stage
from fasterseg.runs import RunFolder
from fasterseg.runtime import processor_name
from fasterseg.stopping import stop_on_signals
from paired_differences import Trained, interval_of
from street_ablations import keep_recipe

RECIPE = Path(__file__).with_suffix(".yaml")
BOTH = "both"


@dataclass(frozen=True, slots=True)
class Arm:
    """One search of every seed: its name, what it changes in the recipe, and its students."""

    name: str
    overrides: tuple[str, ...]
    budgets: Mapping[str, str]

    @classmethod
    def of_text(cls, text: str) -> Arm:
        """An arm as the command line names it."""
        mode, _, settings = text.partition(":")
        changes = [f"search.mode={mode}"]
        for setting in filter(None, settings.split(",")):
            key = setting.partition("=")[0]
            section = "search.sampling" if key in SamplingSettings.model_fields else "search"
            changes.append(f"{section}.{setting}")
        return cls(text, tuple(changes), {})

    def recipe(self, base: Recipe, seed: int) -> Recipe:
        """The recipe of its search."""
        content = base.content()
        if self.budgets:
            known = next(c for c in content["contenders"] if c["name"] == STUDENT)
            students = [{**known, "name": n, "budget": b} for n, b in self.budgets.items()]
            teacher = [c for c in content["contenders"] if c["name"] == TEACHER]
            content = {**content, "contenders": [*teacher, *students]}
        return build_recipe(base=content, overrides=(f"seed={seed}", *self.overrides))


@dataclass(frozen=True, slots=True)
class Finished:
    """An arm of one seed: the seconds of its search, and its students after their training."""

    search_seconds: float
    students: dict[str, Trained]


class ModeRun(SeedRun):
    """All arms of one seed; each is pre-trained by itself."""

    def pretraining_folder(self, arm: str) -> Path:
        """In the arm's own folder."""
        return RunFolder(self.folder / arm).pretraining.root

    def finished(self, arm: Arm) -> Finished:
        """Search and train; what is there already is only read."""
        folder = arm.name.replace(":", "-").replace(",", "-")
        found = self.search(arm.recipe(self.shared.recipe, self.seed), folder)
        students = [*found.start.budgets_ms]
        trained = {
            name: self.train(f"{folder}-{name}", found.architecture(name)) for name in students
        }
        return Finished(found.seconds, trained)


class Kept:
    """The arms that are finished, by seed and name, in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        text = path.read_text(encoding="utf-8") if path.exists() else "{}"
        self.arms: dict[str, dict[str, Any]] = json.loads(text).get("arms", {})

    def find(self, seed: int, arm: Arm) -> Finished | None:
        """What was found, if it was."""
        known = self.arms.get(str(seed), {}).get(arm.name)
        if known is None:
            return None
        students = {name: Trained(**trained) for name, trained in known["students"].items()}
        return Finished(known["search_seconds"], students)

    def add(self, seed: int, arm: Arm, finished: Finished, about: Mapping[str, object]) -> None:
        """Keep an arm."""
        self.arms.setdefault(str(seed), {})[arm.name] = asdict(finished)
        text = json.dumps({**about, "arms": self.arms}, indent=1)
        durable_write(self.path, text.encode() + b"\n")


def arms_of(arguments: argparse.Namespace) -> list[Arm]:
    """What is compared; the first arm is what the others are held against."""
    if not arguments.budgets:
        return [Arm.of_text(text) for text in arguments.arm or ("exact", "sampled")]
    low, high = arguments.budgets
    budgets = {"low": low, "high": high}
    alone = [Arm(name, (), {name: budget}) for name, budget in budgets.items()]
    return [Arm(BOTH, (), budgets), *alone]


def compare(arguments: argparse.Namespace, say: Say) -> None:
    """Run every arm of every seed; after each seed, print the table of those so far."""
    recipe = build_recipe(RECIPE, overrides=tuple(arguments.set))
    run = RunFolder(arguments.out / "table")
    kept, arms = Kept(arguments.out / "arms.json"), arms_of(arguments)
    with run.locked(), stop_on_signals() as stop:
        keep_recipe(recipe, run)
        classes = scenes_of(recipe, 0).label_space.classes
        table = profile_stage(recipe, run, classes=classes, show=progress_for(), stop=stop)
        shared = Comparison(recipe, arguments.out / "work", table, 0, say, stop)
        about = {
            "schema": "fasterseg/search-modes/1",
            "recipe": recipe.content(),
            "processor": processor_name(),
            "torch": str(torch.__version__),
            "threads": torch.get_num_threads(),
            "target": describe(table.target),
        }
        for seed in arguments.seeds:
            for arm in arms:
                if kept.find(seed, arm) is None:
                    kept.add(seed, arm, ModeRun(shared, seed).finished(arm), about)
            print("\n".join(lines_of(kept, arms, arguments.seeds)), flush=True)


def lines_of(kept: Kept, arms: Sequence[Arm], seeds: Sequence[int]) -> Iterator[str]:
    """The table of all seeds that are whole."""
    whole = [seed for seed in seeds if all(kept.find(seed, arm) for arm in arms)]
    found = {arm.name: [kept.find(seed, arm) for seed in whole] for arm in arms}
    yield f"{len(whole)} seeds; mIoU on the test split in %, estimated latency in ms"
    for name, results in found.items():
        seconds = [one.search_seconds for one in results if one]
        yield f"{name}: search {statistics.fmean(seconds):.0f} s on average"
        for student in results[0].students if results and results[0] else ():
            trained = [one.students[student] for one in results if one]
            scores = " ".join(f"{100 * one.mean_iou:6.2f}" for one in trained)
            times = " ".join(f"{one.estimated_ms:.3f}" for one in trained)
            yield f"  {student:8} {scores}   ({times} ms)"
    yield from _differences(found, arms)


def _differences(found: Mapping[str, list[Finished | None]], arms: Sequence[Arm]) -> Iterator[str]:
    """Paired by seed: of the first arm's students from the others', in points."""
    first, *others = arms
    for other in others:
        pairs = [
            (a, b) for a, b in zip(found[first.name], found[other.name], strict=True) if a and b
        ]
        for student in pairs[0][1].students:
            points = [
                100 * (b.students[student].mean_iou - a.students[student].mean_iou)
                for a, b in pairs
            ]
            told = " ".join(f"{value:+.2f}" for value in points)
            yield f"{other.name} - {first.name}, {student}: {interval_of(points)} points ({told})"
        ratios = [a.search_seconds / b.search_seconds for a, b in pairs]
        yield f"  {first.name} takes {statistics.fmean(ratios):.2f} times as long to search"


def main() -> None:
    """Parse the arguments, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/search-modes"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--arm", action="append", metavar="MODE[:KEY=VALUE,...]")
    parser.add_argument("--budgets", nargs=2, metavar=("LOW", "HIGH"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    try:
        compare(arguments, Say())
    except FastersegError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
