"""How well the latency table predicts whole networks that it has never seen.

    python benchmarks/latency_model.py [--preset mobile] [--threads 1] [--work runs/latency-model]

Profiles the students' space of a recipe, or a preset, at 360x480 (blocks between convolutions,
calibrated on 24 random networks), then measures 30 other random networks: 15 spread over the
space's latencies and 15 spread over the window of 15 % around one latency, by estimate.  Every
network runs in alternation with the table's reference, and its time is corrected by the reference's
pace; all are measured twice, in different orders, from freshly opened sessions, which gives the
error from repeat to repeat.  On one thread the time is that of the processor, on several only calls
count that nothing disturbed (`undisturbed`), so that a machine which others use too will do; with
``--quiet`` all calls count, as in a profile: where a runtime's own threads wait busily for the next
call, each of them disturbs another.

*On the searched part alone*: every network has blocks around its cells that make any predictor look
good.  From a network's measured and from its predicted latency the same number is taken off: what
the table says its blocks outside of cells take.  What is left is compared with the best constant
and the best line in the cells' multiply-adds, both fitted by least squares to the same networks
that calibrate the table; the error is the mean one in milliseconds, as a share of the mean of what
was left of the measured.

Prints the errors, what they are to be, and by how much the blocks of each kind seem to be
mispriced: by least squares over the errors of all networks, in percent of what the table says.
Writes ``latency-model.json`` and ``.svg``, with the preset and the threads in their names where a
preset is asked for.  A second call with the same ``--work`` resumes with its table.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random

from fasterseg.changes import refuse_changes
from fasterseg.config import Recipe, build_recipe
from fasterseg.config.named_recipes import recipe_file
from fasterseg.config.reading import read_yaml
from fasterseg.console.progress import progress_for
from fasterseg.deploy.benchmark.measuring import WindowSettings
from fasterseg.deploy.benchmark.on_target import meter_of
from fasterseg.durable import durable_write
from fasterseg.latency.networks import NetworkSpec, sample_networks
from fasterseg.latency.table import LatencyTable, WholeNetwork, describe
from fasterseg.latency.timing import MonotonicStopwatch, Stopwatch
from fasterseg.pipeline.stages.profiling import all_options, profile_stage
from fasterseg.runs import RunFolder
from fasterseg.runtime import derived_seed, processor_name
from fasterseg.space.architecture import wire
from fasterseg.space.extremes import cheapest, dearest
from fasterseg.space.pricing import Pricing
from fasterseg.space.sampling import architectures_near
from latency_errors import NEAR, SPREAD, Cells, Errors, Found, errors_of, mispriced, percent
from latency_scatter import as_file, scatter
from undisturbed import UndisturbedStopwatch

RECIPE = recipe_file("camvid-small")
CAMVID_CLASSES = 11

COUNT, WITHIN, STEP, PASSES = 15, 0.15, 0.01, 2
WINDOWS, STEADY_WINDOWS, SECONDS_A_PASS = 7, 4, 1.0


def main() -> None:
    """Profile, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=recipe_file, default=RECIPE)
    parser.add_argument("--preset", help="a space by its name, in place of a recipe's")
    parser.add_argument("--set", action="append", default=[], help="a.b=c; may be repeated")
    parser.add_argument("--classes", type=int, default=CAMVID_CLASSES)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quiet", action="store_true", help="nothing else runs: time plainly")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=Path("docs/studies"))
    chosen = parser.parse_args()
    changes = (*chosen.set, f"target.threads={chosen.threads}")
    recipe = students_of(chosen.recipe, chosen.preset, changes)
    if chosen.work is not None:
        study(recipe, RunFolder(chosen.work), chosen)
        return
    with tempfile.TemporaryDirectory() as folder:
        study(recipe, RunFolder(Path(folder)), chosen)


def students_of(path: Path, preset: str | None, changes: tuple[str, ...]) -> Recipe:
    """A recipe with changes, without its teachers: their networks have no budget.

    A preset takes the place of its space and of its contenders.
    """
    written = read_yaml(path)
    if preset is not None:
        written = {key: written[key] for key in ("target", "profile")}
        written["space"] = {"preset": preset}
    recipe = build_recipe(base=written, overrides=changes)
    students = tuple(one for one in recipe.contenders if one.role == "student")
    return recipe.model_copy(update={"written_contenders": students})


def study(recipe: Recipe, run: RunFolder, chosen: argparse.Namespace) -> None:
    """The whole study on a run's table."""
    run.root.mkdir(parents=True, exist_ok=True)
    keep_recipe(recipe, run)
    table = profile_stage(
        recipe,
        run,
        classes=chosen.classes,
        show=progress_for(),
        stopwatch=stopwatch_for(chosen),
    )
    networks = fresh_networks(recipe, table, chosen.seed)
    found = measured(table, networks, chosen)
    errors = errors_of(found, calibration_cells(recipe, table))
    print(words(table, found, errors))
    pairs = zip((network for network, _ in networks), found, strict=True)
    print("\n".join(mispriced(table, [(network, one.measured_ms) for network, one in pairs])))
    title = "Latency of 30 random networks"
    note = f"Mean error {percent(errors.mape)}, rank correlation {errors.spearman:.3f}."
    points = {
        group: [(one.predicted_ms, one.measured_ms) for one in found if one.group == group]
        for group in (SPREAD, NEAR)
    }
    chart = scatter(title, points, note=note)
    chosen.out.mkdir(parents=True, exist_ok=True)
    name = "latency-model"
    if chosen.preset is not None:
        name = f"latency-model-{chosen.preset}-{chosen.threads}"
    durable_write(chosen.out / f"{name}.svg", as_file(chart).encode())
    document = json.dumps(document_of(recipe, table, found, errors), indent=1)
    durable_write(chosen.out / f"{name}.json", document.encode() + b"\n")


def stopwatch_for(chosen: argparse.Namespace) -> Stopwatch:
    """What is disturbed little by others: a thread's own time, or calls that nothing disturbed."""
    if chosen.quiet:
        return MonotonicStopwatch()
    if chosen.threads == 1:
        return MonotonicStopwatch(time.process_time_ns)
    return UndisturbedStopwatch()


def keep_recipe(recipe: Recipe, run: RunFolder) -> None:
    """Store the settings, or refuse with a diff to resume with others."""
    if run.recipe.exists():
        stored = Recipe.load(run.recipe).content()
        refuse_changes("the recipe", stored=stored, wanted=recipe.content())
    else:
        recipe.save(run.recipe)


def calibrating(recipe: Recipe, table: LatencyTable) -> tuple[NetworkSpec, ...]:
    """The networks that calibrated the table, in its order."""
    profile = recipe.profile
    return sample_networks(
        all_options(recipe),
        table,
        count=profile.calibration_networks,
        tolerance=profile.latency_tolerance,
        seed=recipe.seed,
    )


def fresh_networks(
    recipe: Recipe, table: LatencyTable, seed: int
) -> tuple[tuple[NetworkSpec, str], ...]:
    """Networks that the table has not seen, each with the group that it stands for."""
    known = {network.key for network in calibrating(recipe, table)}
    spaces, geometry = all_options(recipe), table.target.geometry
    price = Pricing(geometry, table.cost_ms)
    options = spaces[0]
    ends = [price(end(options, geometry, table.cost_ms)) for end in (cheapest, dearest)]
    spread = sample_networks(
        spaces,
        table,
        count=2 * COUNT,
        tolerance=recipe.profile.latency_tolerance,
        seed=derived_seed(seed, "spread"),
    )
    generator, middle_ms = Random(derived_seed(seed, "near")), statistics.fmean(ends)
    near = [
        architecture
        for index in range(COUNT)
        for architecture in architectures_near(
            options,
            middle_ms * (1 + (WITHIN - STEP) * (2 * index / (COUNT - 1) - 1)),
            estimate_ms=price,
            generator=generator,
            count=2,
            tolerance=STEP,
        )
    ]
    # Two at each latency were drawn: the first of each is enough, the others stand by.
    by_group = {SPREAD: spread, NEAR: [NetworkSpec(one, geometry) for one in near]}
    chosen: dict[str, tuple[NetworkSpec, str]] = {}
    for group, networks in by_group.items():
        in_turn = [*networks[::2], *networks[1::2]]
        new = {n.key: n for n in in_turn if n.key not in known and n.key not in chosen}
        chosen |= {key: (network, group) for key, network in list(new.items())[:COUNT]}
    return tuple(chosen.values())


def measured(
    table: LatencyTable, networks: Sequence[tuple[NetworkSpec, str]], chosen: argparse.Namespace
) -> list[Found]:
    """Every network's latencies, a pass after the other, each in an order of its own."""
    meter, geometry = meter_of(table)
    meter.backend.stopwatch = stopwatch_for(chosen)
    passes_ms: dict[str, list[float]] = {network.key: [] for network, _ in networks}
    with progress_for()("Measuring", total=PASSES * len(networks), unit="networks") as step:
        done = 0
        for index in range(PASSES):
            order = [network for network, _ in networks]
            Random(derived_seed(chosen.seed, "order", index)).shuffle(order)
            for network in order:
                settings = windows_of(table, network)
                latency = meter.architecture(network.architecture, geometry, settings=settings)
                passes_ms[network.key].append(latency.median_ms)
                done += 1
                step(done, PASSES * len(networks), f"{latency.median_ms:.2f} ms")
    return [_found(table, network, group, passes_ms[network.key]) for network, group in networks]


def windows_of(table: LatencyTable, network: NetworkSpec) -> WindowSettings:
    """Windows of as many runs, of a network and the reference, as the seconds of a pass allow."""
    beat_ms = 0.0 if table.reference is None else table.reference.measured_ms
    both_ms = max(table.estimate_ms(network.specs) + beat_ms, 1e-3)
    queries = SECONDS_A_PASS * 1e3 / both_ms
    runs = max(3, round(queries / WINDOWS))
    return WindowSettings(WINDOWS, runs, warmup_runs=2, needed=STEADY_WINDOWS, most=3 * WINDOWS)


def _found(
    table: LatencyTable, network: NetworkSpec, group: str, passes_ms: Sequence[float]
) -> Found:
    fixed_ms, macs = outside_and_inside(table, network)
    predicted_ms = table.estimate_ms(network.specs)
    return Found(network.key, group, predicted_ms, tuple(passes_ms), fixed_ms, macs)


def outside_and_inside(table: LatencyTable, network: NetworkSpec) -> tuple[float, int]:
    """What the table says of a network's blocks outside of cells; multiply-adds of its cells."""
    wiring = wire(network.architecture, network.geometry)
    in_cells = {name for names in wiring.cells for name in names}
    outside = [step.spec for step in wiring.steps if step.name not in in_cells]
    outside += [step.spec for step in wiring.border]
    macs = sum(step.spec.macs for step in wiring.steps if step.name in in_cells)
    return sum(table.cost_ms(spec) for spec in outside), macs


def calibration_cells(recipe: Recipe, table: LatencyTable) -> Cells:
    """Milliseconds and multiply-adds of the cells of each network that calibrated the table.

    Those that other work slowed down calibrated nothing.
    """
    found = []
    networks = iter(calibrating(recipe, table))
    for whole in table.calibration.networks:  # in their order
        network = next(one for one in networks if _is_of(whole, one, table))
        fixed_ms, macs = outside_and_inside(table, network)
        found.append((whole.measured_ms - fixed_ms, macs))
    return found


def _is_of(whole: WholeNetwork, network: NetworkSpec, table: LatencyTable) -> bool:
    """Whether a measurement is a network's, by what the table says of its blocks."""
    blocks_ms = sum(table.measured_ms(spec) for spec in network.specs)
    return math.isclose(blocks_ms, whole.blocks_ms, rel_tol=1e-9)


def words(table: LatencyTable, found: Sequence[Found], errors: Errors) -> str:
    """The networks and the errors, line by line."""
    lines = [
        f"{describe(table.target)}; {processor_name()}",
        f"{len(table.entries)} blocks, {len(table.marked())} of them marked as too short",
    ]
    for group in (SPREAD, NEAR):
        lines.append(f"{group}: predicted, measured (each pass), predicted / measured")
        members = [one for one in found if one.group == group]
        for one in sorted(members, key=lambda one: one.measured_ms):
            passes = ", ".join(f"{ms:.2f}" for ms in one.passes_ms)
            ratio = one.predicted_ms / one.measured_ms
            lines.append(f"  {one.predicted_ms:8.2f} {one.measured_ms:8.2f} ({passes}) {ratio:.3f}")
    lines.append(f"from repeat to repeat: {percent(errors.repeat)}")
    lines += [f"{'met' if met else 'MISSED'}: {text}" for text, met in errors.verdicts()]
    return "\n".join(lines)


def document_of(
    recipe: Recipe, table: LatencyTable, found: Sequence[Found], errors: Errors
) -> dict[str, object]:
    """All that was found, and with what, as a JSON value."""
    calibration = table.calibration
    return {
        "schema": "fasterseg/latency-model/1",
        "target": describe(table.target),
        "conditions": table.conditions,
        "table": {
            "digest": table.digest(),
            "blocks": len(table.entries),
            "marked": len(table.marked()),
            "calibration": calibration.model_dump(exclude={"networks"}),
        },
        "recipe": recipe.content(),
        "searched_part": "latency less the table's time of all blocks outside of cells; its mean "
        "error in milliseconds over its mean",
        "errors": asdict(errors),
        "met": dict(errors.verdicts()),
        "networks": [{**asdict(one), "measured_ms": one.measured_ms} for one in found],
    }


if __name__ == "__main__":
    main()
