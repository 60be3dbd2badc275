"""What another budget adds to a search: steps for one, two and three budgets, by turns.

A supernet each of 9 layers with half the paper's widths, street scenes at 128x224, batch 2, made-up
block times (they do not change what a step computes).  A step of each kind is timed in turn, in
processor seconds on one thread; printed are medians, and the paired ratios to one budget.

    python benchmarks/several_budgets.py --rounds 5
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import torch

from fasterseg.config import Recipe, build_recipe
from fasterseg.datasets.street import StreetScenes
from fasterseg.events import silent
from fasterseg.latency.enumeration import specs_of
from fasterseg.latency.table import Entry, LatencyTable, Target
from fasterseg.runs import RunFolder
from fasterseg.searching.beginnings.beginning import SearchJob, agreed_start, task_of
from fasterseg.searching.search import Search
from fasterseg.space.architecture import Geometry, wire
from fasterseg.space.blocks import Size
from fasterseg.space.options import Options

HEIGHT, WIDTH = 128, 224
BUDGETS = (("50%",), ("35%", "65%"), ("25%", "50%", "75%"))
CHANGES = (
    f"target={{height: {HEIGHT}, width: {WIDTH}, threads: 1}}",
    "space={layers: 9, expansions: [2, 3, 4, 5, 6], stem_expansions: [4, 6], "
    "head_expansions: [4, 6]}",
    "contenders=[{name: teacher, role: teacher, stem_expansion: 6, head_expansion: 6, "
    "operators: [conv, conv_x2, zoomed_conv, zoomed_conv_x2]}, "
    "{name: student, role: student, stem_expansion: 4, head_expansion: 4}]",
    "search.batch_size=2",
    f"search.augmentation={{crop_height: {HEIGHT}, crop_width: {WIDTH}}}",
)


def recipe_for(budgets: tuple[str, ...]) -> Recipe:
    """The recipe of a search for some budgets."""
    wanted = ", ".join(f"'{budget}'" for budget in budgets)
    return build_recipe(overrides=(*CHANGES, f"budget=[{wanted}]"))


def begun(recipe: Recipe, folder: Path) -> Search:
    """The search, on a target where a block takes as long as it has multiply-adds."""
    source = StreetScenes(size=(HEIGHT, WIDTH), counts={"train": 40, "val": 1, "test": 1})
    geometry = Geometry(Size(HEIGHT, WIDTH), source.label_space.classes)
    options = [Options.of(recipe.space, contender) for contender in recipe.contenders]
    table = LatencyTable(
        target=Target.of(recipe.target, geometry.classes),
        conditions={},
        entries={
            spec.key: Entry(median_ms=0.01 + spec.macs / 1e8, spread_ms=0.0, runs=1)
            for spec in specs_of(options, geometry)
        },
    )

    def measure(architecture: Any) -> Any:
        latency_ms = table.estimate_ms(wire(architecture, geometry).timed_specs())
        return SimpleNamespace(median_ms=latency_ms, p95_ms=latency_ms)

    run = RunFolder(folder)
    cpu, match = torch.device("cpu"), cast(Any, None)  # no budget is a model
    job = SearchJob(recipe, source, table, cpu, run, measure, made={}, match=match)
    return Search.begin(task_of(job, agreed_start(job, progress=silent)))


def seconds(work: Callable[[int], object], index: int) -> float:
    """The processor seconds of one step."""
    started = time.process_time()
    work(index)
    return time.process_time() - started


def main() -> None:
    """Time the steps by turns and print what each budget adds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        searches = [
            begun(recipe_for(budgets), Path(place) / str(len(budgets))) for budgets in BUDGETS
        ]
        kinds = {
            "pre-training": [search.pretraining() for search in searches],
            "search": [search.cosearch() for search in searches],
        }
        for kind, stages in kinds.items():
            for stage in stages:
                stage.step(0)
            times = [[seconds(stage.step, 1 + n) for stage in stages] for n in range(rounds)]
            for which, budgets in enumerate(BUDGETS):
                own = statistics.median(row[which] for row in times)
                ratio = statistics.median(row[which] / row[0] for row in times)
                print(f"{kind:<13} {len(budgets)} budgets: {own:6.2f} s, {ratio:.2f} times one's")


if __name__ == "__main__":
    main()
