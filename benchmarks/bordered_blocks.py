"""Blocks timed alone and between convolutions, side by side: which predicts whole networks better?

    python benchmarks/bordered_blocks.py [--height 360] [--width 480] [--networks 50]

Times every block of a recipe's space on one thread of ONNX Runtime in both ways, in the same
groups, then random networks twice, in alternation with one of them.  For each way, and for each
set of terms of the calibration, prints the mean error on the network that was left out of the fit.

Times are those of the processor, not of the clock: on one thread, other programs then disturb
little.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from random import Random
from statistics import fmean

import numpy as np

from fasterseg.config import Recipe, build_recipe
from fasterseg.config.named_recipes import recipe_file
from fasterseg.deploy.benchmark.measuring import groups_of, noise_image
from fasterseg.deploy.exporting.bordering import SizedBlock, made_up
from fasterseg.deploy.exporting.borders import border_shares, bordered_inputs
from fasterseg.deploy.runtimes.onnx.cpu import OnnxRuntimeBackend
from fasterseg.latency.enumeration import specs_of
from fasterseg.latency.networks import NetworkSpec, sample_networks
from fasterseg.latency.profiling import block_settings
from fasterseg.latency.table import Entry, LatencyTable, Target
from fasterseg.latency.timing import (
    Call,
    MonotonicStopwatch,
    TimerSettings,
    Timing,
    time_interleaved,
)
from fasterseg.pipeline.stages.profiling import all_options
from fasterseg.space.blocks import BlockSpec

RECIPE = recipe_file("camvid-small")
TERMS = {"scale": [0], "scale, block": [0, 1], "scale, byte": [0, 2], "all three": [0, 1, 2]}
NETWORKS_BESIDE, PASSES = 7, 2
STOPWATCH = MonotonicStopwatch(time.process_time_ns)
NETWORK_SETTINGS = TimerSettings(warmup_runs=2, runs=8, seconds=0.5, visits=8)

Medians = Mapping[str, Timing]


class BothWays(OnnxRuntimeBackend):
    """Opens blocks between convolutions, and alone as well."""

    def alone_calls(self, specs: Iterable[BlockSpec]) -> Iterator[tuple[BlockSpec, Call]]:
        """A call that runs the block by itself, for each spec in turn."""
        for spec in specs:
            yield spec, self.module_call(made_up(partial(SizedBlock, spec)), inputs_alone(spec))


def inputs_alone(spec: BlockSpec) -> list[np.ndarray]:
    """What a block reads within a network."""
    if spec.kind == "input":
        return bordered_inputs(spec)
    pattern = np.random.default_rng(0).standard_normal(1 << 18, dtype=np.float32)
    if spec.kind != "tail":
        pattern = np.where(pattern > 1e-6, pattern, 0.0).astype(np.float32)
    return [np.resize(pattern, (1, count, *spec.in_size)) for count in spec.in_channels]


def timed_blocks(
    backend: BothWays, specs: Sequence[BlockSpec], settings: TimerSettings
) -> tuple[Medians, Medians]:
    """Every block alone, and between convolutions less those."""
    alone, bordered = {}, {}
    for group in groups_of(specs):
        borders = dict.fromkeys(border for spec in group for border in border_shares(spec))
        calls = {border.key: call for border, call in backend.border_calls(borders)}
        calls |= {spec.key: call for spec, call in backend.block_calls(group)}
        calls |= {_alone(spec): call for spec, call in backend.alone_calls(group)}
        found = time_interleaved(calls, settings=settings, stopwatch=STOPWATCH)
        for spec in group:
            parts = [(share, found[border.key]) for border, share in border_shares(spec).items()]
            bordered[spec.key] = found[spec.key].less(parts)
            alone[spec.key] = found[_alone(spec)]
    return alone, bordered


def _alone(spec: BlockSpec) -> str:
    return f"alone: {spec.key}"


def timed_networks(backend: BothWays, networks: Sequence[NetworkSpec], index: int) -> np.ndarray:
    """Each network's time over that of the middle one, beside which it ran."""
    middle = networks[len(networks) // 2]
    order, ratios = list(networks), {}
    Random(index).shuffle(order)
    for start in range(0, len(order), NETWORKS_BESIDE):
        some = order[start : start + NETWORKS_BESIDE]
        calls = {network.key: _call(backend, network) for network in (middle, *some)}
        found = time_interleaved(calls, settings=NETWORK_SETTINGS, stopwatch=STOPWATCH)
        for network in some:
            ratios[network.key] = found[network.key].median_ms / found[middle.key].median_ms
    return np.array([ratios[network.key] for network in networks])


def _call(backend: BothWays, network: NetworkSpec) -> Call:
    session = backend.random_network(network.architecture, network.geometry)
    return partial(session.run, noise_image(network.geometry.size))


def left_out_error(features: np.ndarray, measured: np.ndarray) -> float:
    """The mean relative error on each network, by the fit to all others."""
    relative = features / measured[:, None]
    relative = relative / np.abs(relative).max(axis=0)
    errors = []
    for index in range(len(measured)):
        others = np.delete(relative, index, axis=0)
        solved, *_ = np.linalg.lstsq(others, np.ones(len(others)), rcond=None)
        errors.append(abs(float(relative[index] @ solved) - 1.0))
    return fmean(errors)


def study(recipe: Recipe, *, classes: int, count: int) -> None:
    """Time everything, and print the errors."""
    target = Target.of(recipe.target, classes)
    backend = BothWays(threads=target.threads)
    specs = specs_of(all_options(recipe), target.geometry)
    alone, bordered = timed_blocks(backend, specs, block_settings(recipe.profile))
    entries = {
        key: Entry(median_ms=one.median_ms, spread_ms=one.spread_ms, runs=one.runs)
        for key, one in bordered.items()
    }
    table = LatencyTable(target=target, conditions={}, entries=entries)
    networks = sample_networks(all_options(recipe), table, count=count, tolerance=0.02, seed=5)
    passes = [timed_networks(backend, networks, index) for index in range(PASSES)]
    measured = np.sqrt(passes[0] * passes[1])
    repeat = float(np.mean(np.abs(passes[0] / passes[1] - 1.0)))
    print(f"{len(specs)} blocks, {len(networks)} networks, from repeat to repeat {repeat:.2%}")
    print(f"{'mean error':14s} {'alone':>8s} {'bordered':>8s}")
    for terms, columns in TERMS.items():
        errors = [
            left_out_error(features_of(networks, medians)[:, columns], measured)
            for medians in (alone, bordered)
        ]
        print(f"{terms:14s} {errors[0]:8.2%} {errors[1]:8.2%}")


def features_of(networks: Sequence[NetworkSpec], medians: Medians) -> np.ndarray:
    """What a calibration sees of each network: milliseconds, blocks, bytes at borders."""
    rows = [
        (
            sum(medians[spec.key].median_ms for spec in network.specs),
            len(network.specs),
            sum(spec.border_bytes for spec in network.specs),
        )
        for network in networks
    ]
    return np.array(rows, dtype=np.float64)


def main() -> None:
    """Read the options, and study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=recipe_file, default=RECIPE)
    parser.add_argument("--classes", type=int, default=11)
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--width", type=int, default=480)
    parser.add_argument("--networks", type=int, default=50)
    chosen = parser.parse_args()
    overrides = (
        "target.threads=1",
        f"target.height={chosen.height}",
        f"target.width={chosen.width}",
    )
    recipe = build_recipe(chosen.recipe, overrides=overrides)
    study(recipe, classes=chosen.classes, count=chosen.networks)


if __name__ == "__main__":
    main()
