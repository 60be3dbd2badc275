"""Is a student searched for a budget in int8 better than one searched for the same in float32?

For each seed one whole run in each precision, by the recipe beside this file, which says what was
registered.  What is printed are scores and latencies of the exported files, and the differences
in points of mean IoU on the test split, paired by seed, with a 95 % interval.

    python benchmarks/int8_budget.py --data CAMVID --out runs/int8-budget

The folder is resumed when the same command is given again; ``--table`` only prints what there is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from fasterseg.cli import main as fasterseg
from fasterseg.config import Recipe
from fasterseg.network.bundle import ModelBundle
from fasterseg.reporting.counting import costs_of, evaluated
from fasterseg.reporting.results import NetworkResult
from fasterseg.runs import RunFolder
from paired_differences import interval_of

RECIPE = Path(__file__).with_suffix(".yaml")
PRECISIONS = ("float32", "int8")
STUDENT = "student"


def words_of(precision: str, seed: int, run: RunFolder, data: Path) -> list[str]:
    """The command of one run."""
    words = ["run", "--recipe", str(RECIPE), "--data", str(data), "--run", str(run.root)]
    changes = (f"seed={seed}", f"target.precision={precision}")
    return [*words, *(word for change in changes for word in ("--set", change))]


def result_of(run: RunFolder) -> NetworkResult | None:
    """What a run came to, if it has come to its end."""
    path = run.result(STUDENT)
    return NetworkResult.load(path) if path.is_file() else None


def multiply_adds_of(run: RunFolder) -> int:
    """Those of the student at the target's size."""
    description = ModelBundle.load(run.bundle(STUDENT)).description
    geometry = Recipe.load(run.recipe).target.geometry(description.classes)
    return evaluated(costs_of(description, geometry)).macs


def lines_of(out: Path, seeds: list[int]) -> Iterator[str]:
    """A table of what has ended, and the differences of the seeds that are whole."""
    yield "| precision, seed | test mIoU of the file | median, ms | p95, ms | G multiply-adds |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    scores: dict[tuple[str, int], float] = {}
    for seed in seeds:
        for precision in PRECISIONS:
            run = RunFolder(out / f"{precision}-{seed}")
            found = result_of(run)
            if found is None or found.exported_mean_iou is None:
                continue
            score = scores[precision, seed] = 100 * found.exported_mean_iou
            yield (
                f"| {precision}, {seed} | {score:.2f} | {found.measured_ms:.2f} | "
                f"{found.measured_p95_ms:.2f} | {multiply_adds_of(run) / 1e9:.2f} |"
            )
    whole = [s for s in seeds if all((p, s) in scores for p in PRECISIONS)]
    if whole:
        points = [scores["int8", s] - scores["float32", s] for s in whole]
        told = ", ".join(f"{value:+.2f}" for value in points)
        yield f"\nint8 - float32, {len(whole)} seeds: {interval_of(points)} points ({told})"


def main() -> None:
    """Run what is missing, one seed after the other; print the table after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/int8-budget"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--table", action="store_true", help="only print what there is")
    given = parser.parse_args()
    for seed in () if given.table else given.seeds:
        for precision in PRECISIONS:
            run = RunFolder(given.out / f"{precision}-{seed}")
            code = 0 if result_of(run) else fasterseg(words_of(precision, seed, run, given.data))
            if result_of(run) is None:
                raise SystemExit(code or 1)
        print("\n".join(lines_of(given.out, given.seeds)), flush=True)
    print("\n".join(lines_of(given.out, given.seeds)))


if __name__ == "__main__":
    main()
