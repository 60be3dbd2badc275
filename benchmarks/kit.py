"""Whether a kit measures what a profile on this machine does: both by turns, the same space.

Makes an environment of Python, NumPy and one ONNX Runtime alone, packs a recipe's space, and then,
round by round, profiles here and runs the kit there. Prints for the blocks: the median of the ratio
kit to profile with its quartiles, beside how far profiles lie from each other and kits do; the rank
correlation; and for whole networks that no fit has seen the mean error of either table. With
--weights it times blocks with random weights and with a kit's pattern by turns instead.

    python benchmarks/kit.py                              # the runtime that is installed here
    python benchmarks/kit.py --runtime 1.16.3             # the oldest one that kits are for
    python benchmarks/kit.py --weights
    python benchmarks/kit.py --rounds 1 --set profile.seconds_per_block=0.001   # a trial

Leave the machine alone meanwhile: on a busy one the figures tell of the other work.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
from scipy.stats import spearmanr

from fasterseg.amounts import size
from fasterseg.config import Recipe, build_recipe
from fasterseg.config.named_recipes import recipe_file
from fasterseg.console.progress import progress_for
from fasterseg.datasets.opening import open_data
from fasterseg.deploy.exporting import timed_graphs
from fasterseg.deploy.runtimes.onnx.cpu import OnnxRuntimeBackend
from fasterseg.kit.graphs import block_graph
from fasterseg.kit.kept import networks_of
from fasterseg.kit.measured import MEASURED_FILE, read_measured
from fasterseg.kit.packing import pack_space
from fasterseg.kit.reading import table_of
from fasterseg.kit.writing import PackedKit
from fasterseg.latency.enumeration import specs_of
from fasterseg.latency.profiling import block_settings
from fasterseg.latency.table import LatencyTable, Target
from fasterseg.latency.timing import Call, time_interleaved
from fasterseg.pipeline.stages.profiling import all_options, profile_stage
from fasterseg.runs import RunFolder
from fasterseg.space.blocks import BlockSpec

GOAL_RANKS, GOAL_MAPE = 0.97, 0.05
GROUP = 8


@dataclass(frozen=True, slots=True)
class Ground:
    """What is measured, both ways."""

    recipe: Recipe
    target: Target
    specs: tuple[BlockSpec, ...]


def main() -> None:
    """Print what was found."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--recipe", default="demo")
    words.add_argument("--set", action="append", default=[])
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--runtime", default=onnxruntime.__version__, help="of the kit's side")
    words.add_argument("--python", default=sys.executable, help="of the kit's side")
    words.add_argument("--work", type=Path, help="keep everything there")
    words.add_argument("--weights", action="store_true")
    asked = words.parse_args()
    ground = _ground(asked.recipe, asked.set)
    if asked.weights:
        _compare_weights(ground)
        return
    with TemporaryDirectory() as place:
        _by_turns(ground, asked.work or Path(place), asked.rounds, asked.python, asked.runtime)


def _ground(name: str, changes: Sequence[str]) -> Ground:
    recipe = build_recipe(recipe_file(name), overrides=tuple(changes))
    classes = open_data("street").label_space.classes
    target = Target.of(recipe.target, classes)
    return Ground(recipe, target, specs_of(all_options(recipe), target.geometry))


def _by_turns(ground: Ground, work: Path, rounds: int, python: str, runtime: str) -> None:
    there = _environment(work / "there", python, runtime)
    kit = pack_space(
        all_options(ground.recipe),
        ground.target,
        ground.recipe.profile,
        seed=ground.recipe.seed,
        name=ground.recipe.name,
        into=work / "kit",
    )
    print(f"kit: {len(ground.specs)} blocks, {size(kit.zip.stat().st_size)} zipped", flush=True)
    profiles, kits = [], []
    for number in range(rounds):
        profiles.append(_profiled(ground, work / f"profile-{number}"))
        kits.append(_measured(ground, kit, work / f"kit-{number}", there))
        print(f"round {number + 1} of {rounds} is done", flush=True)
    _tell(ground, profiles, kits, runtime)


def _environment(folder: Path, python: str, runtime: str) -> Path:
    """The Python of an environment with one runtime and NumPy in it, and nothing else of ours."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    inside = folder / "bin" / "python"
    numpy = ["numpy<2"] if int(runtime.split(".")[1]) < 19 else ["numpy"]
    install = [inside, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*install, f"onnxruntime=={runtime}", *numpy], check=True)
    return inside.absolute()


def _profiled(ground: Ground, folder: Path) -> LatencyTable:
    run = RunFolder(folder)
    return profile_stage(
        ground.recipe, run, classes=ground.target.classes, show=progress_for(json=True)
    )


def _measured(ground: Ground, kit: PackedKit, folder: Path, python: Path) -> LatencyTable:
    """The kit run in a folder of its own, by a Python that has nothing of this package."""
    shutil.copytree(kit.folder, folder)
    subprocess.run([python, "-I", "run.py"], cwd=folder, check=True, stderr=subprocess.DEVNULL)
    measured = read_measured(folder / MEASURED_FILE, kit.manifest)
    if measured.unquiet:
        print(f"{measured.unquiet} groups were never quiet")
    return table_of(kit.manifest, measured, ground.specs, networks_of(kit))


def _tell(
    ground: Ground, profiles: list[LatencyTable], kits: list[LatencyTable], runtime: str
) -> None:
    clear = [
        spec
        for spec in ground.specs
        if not any(table.entries[spec.key].marked for table in (*profiles, *kits))
    ]
    print(f"{len(clear)} of {len(ground.specs)} blocks are told from noise by all")
    here, there = _medians(profiles, clear), _medians(kits, clear)
    _spread(f"kit (ONNX Runtime {runtime}) / profile", there / here)
    for name, tables in (("profile / profile", profiles), ("kit / kit", kits)):
        pairs = [_medians([a], clear) / _medians([b], clear) for a, b in combinations(tables, 2)]
        if pairs:
            _spread(name, np.concatenate(pairs))
    ranks = float(spearmanr(here, there).statistic)
    print(f"rank correlation of blocks: {ranks:.4f} (goal: {GOAL_RANKS} at least)")
    for name, tables in (("profile", profiles), ("kit", kits)):
        errors = [table.calibration.mape for table in tables if table.calibration.mape is not None]
        told = ", ".join(f"{100 * error:.2f} %" for error in errors)
        print(f"error on held-out networks, {name}: {told} (goal: {100 * GOAL_MAPE:g} % at most)")


def _medians(tables: Sequence[LatencyTable], specs: Sequence[BlockSpec]) -> np.ndarray:
    return np.array([median(t.measured_ms(spec) for t in tables) for spec in specs])


def _spread(name: str, ratios: np.ndarray) -> None:
    low, middle, high = np.percentile(ratios, [25, 50, 75])
    wide = np.percentile(ratios, [5, 95])
    print(
        f"{name}: median {middle:.3f}, half of them {low:.3f} to {high:.3f}, "
        f"nine of ten {wide[0]:.3f} to {wide[1]:.3f}"
    )


def _compare_weights(ground: Ground) -> None:
    """Blocks with random weights and with the pattern, each pair by turns."""
    backend = OnnxRuntimeBackend(threads=ground.target.threads)
    precision = ground.target.precision
    settings = block_settings(ground.recipe.profile)
    ratios: list[float] = []
    for first in range(0, len(ground.specs), GROUP):
        calls: dict[str, Call] = {}
        for spec in ground.specs[first : first + GROUP]:
            inputs = timed_graphs.block_inputs(spec, precision)
            for name, model in _both(spec, ground.target).items():
                calls[f"{name} {spec.key}"] = backend.bound(model(), inputs)
        timings = time_interleaved(calls, settings=settings)
        for spec in ground.specs[first : first + GROUP]:
            random, repeated = (timings[f"{n} {spec.key}"] for n in ("random", "pattern"))
            ratios.append(repeated.median_ms / random.median_ms)
    _spread(f"{len(ratios)} blocks, pattern / random weights", np.array(ratios))


def _both(spec: BlockSpec, target: Target) -> Mapping[str, Callable[[], bytes]]:
    return {
        "random": lambda: timed_graphs.block_graph(spec, target.precision),
        "pattern": lambda: block_graph(spec, target).model,
    }


if __name__ == "__main__":
    main()
