"""What do search, distillation and the decoupled penalty each bring, on street scenes?

For each seed, on the same scenes, for the same latency budget and by the same schedule:

    A  the student that a search with the decoupled penalty finds, trained without a teacher
    B  random architectures of A's latency within 2 %, trained likewise (mean of several)
    C  A's architecture, trained with distillation from the teacher of the same search
    D  the student that a search with one undivided penalty finds, trained without a teacher

search = A - B, distillation = C - A, decoupled penalty = A - D, in points of mean IoU on the test
split of the weights that were best on the validation split.

Blocks are measured on the target once.  All latencies from then on, also those that a budget and
"equal latency" mean, are estimates by that table: no network is measured as a whole for its
budget.  The work folder is resumed when the same command is given again.

    python benchmarks/street_ablations.py --work runs/ablations --out ablations.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from ablation_arms import TOLERANCE, Comparison, Say, SeedRun, scenes_of
from fasterseg.changes import refuse_changes
from fasterseg.config import Recipe, build_recipe
from fasterseg.console.progress import progress_for
from fasterseg.durable import durable_write
from fasterseg.errors import FastersegError
from fasterseg.latency.table import describe
from fasterseg.pipeline.stages.profiling import profile_stage
from fasterseg.runs import RunFolder
from fasterseg.runtime import processor_name
from fasterseg.stopping import stop_on_signals
from paired_differences import SeedResult, effects_of, table_of

RECIPE = Path(__file__).with_suffix(".yaml")


def keep_recipe(recipe: Recipe, run: RunFolder) -> None:
    """Store the settings, or refuse with a diff to resume with others."""
    if run.recipe.exists():
        stored = Recipe.load(run.recipe).content()
        refuse_changes("the recipe", stored=stored, wanted=recipe.content())
    else:
        recipe.save(run.recipe)


def document(shared: Comparison, results: Sequence[SeedResult]) -> dict[str, object]:
    """All that was found, and with what, as a JSON value."""
    calibration = shared.table.calibration
    return {
        "schema": "fasterseg/street-ablations/1",
        "latencies": "estimates by the latency table; no whole network was measured for a budget",
        "random_tolerance": TOLERANCE,
        "recipe": shared.recipe.content(),
        "processor": processor_name(),
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "table": {
            "target": describe(shared.table.target),
            "digest": shared.table.digest(),
            "mape": calibration.mape,
            "spearman": calibration.spearman,
        },
        "seeds": [asdict(result) for result in results],
        "effects_in_points": [asdict(effect) for effect in effects_of(results)],
    }


def compare(arguments: argparse.Namespace, say: Say) -> None:
    """Run every seed; after each, print the table of those so far and write the file."""
    recipe = build_recipe(RECIPE, overrides=tuple(arguments.set))
    run = RunFolder(arguments.work / "table")
    with run.locked(), stop_on_signals() as stop:
        keep_recipe(recipe, run)
        classes = scenes_of(recipe, 0).label_space.classes
        table = profile_stage(recipe, run, classes=classes, show=progress_for(), stop=stop)
        shared = Comparison(recipe, arguments.work, table, arguments.random, say, stop)
        say(f"{len(table.entries)} blocks, {describe(table.target)}; latencies are its estimates")
        results: list[SeedResult] = []
        for seed in range(arguments.seeds):
            results.append(SeedRun(shared, seed).result())
            print(table_of(results), flush=True)
            text = json.dumps(document(shared, results), indent=1)
            durable_write(arguments.out, text.encode() + b"\n")


def main() -> None:
    """Parse the arguments, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("runs/ablations"))
    parser.add_argument("--out", type=Path, default=Path("runs/ablations.json"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--random", type=int, default=2, help="random architectures per seed")
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
