"""One whole iteration of the search: the published procedure, the exact mode, the sampled mode.

An iteration is a weight step with its sandwich and an architecture step, for teacher and student,
at the geometry that the authors' code was timed at: 16 layers, expansions 4 to 12, batch 2,
128x224, random images.  The authors' code took 26.9 s and 5.3 GB there on two cores; the plain
transcription is printed beside it.  All arms run in one process, one iteration of each in turn;
the peak memory of each is that of a process of its own.

    published       a plain transcription with the passes of the authors' code, both steps alike
    same passes     the exact mode's passes, evaluated plainly, with the optimisers of torch
    exact           the exact mode: the same function as `same passes`
    sampled         the sampled mode
    two students    the sampled mode with a second student

First it is shown, in float64 on a smaller space, that exact and plain evaluation agree in outputs,
gradients (of weights and of architecture parameters) and batch statistics.

    python benchmarks/search_step.py --rounds 3
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from fasterseg.artifacts import durable_write
from fasterseg.config import SearchSettings
from fasterseg.runtime import processor_name
from plain_search_step import PlainSearch, SamePasses
from search_agreement import largest_differences
from search_setup import Dimensions, SearchSetup

PUBLISHED_SECONDS, PUBLISHED_GB = 26.9, 5.3
ARMS = ("published", "same passes", "exact", "sampled", "two students")
TOLERANCE = 1e-9
ITERATIONS_FOR_MEMORY = 3
Iterate = Callable[[int], object]


def iteration_of(arm: str, dimensions: Dimensions) -> Iterate:
    """What runs one iteration of an arm, given its index."""
    mode = "sampled" if arm in {"sampled", "two students"} else "exact"
    # No look at the budget: it is a step of its own, every few iterations.
    settings = SearchSettings(mode=mode, control_every=1_000_000)
    setup = SearchSetup(dimensions, settings, students=2 if arm == "two students" else 1)
    supernet = setup.supernet()
    if mode == "exact" and arm != "exact":
        kind = PlainSearch if arm == "published" else SamePasses
        known = (setup.contenders, setup.objective, setup.latency, dimensions.batch_at)
        return kind(supernet, *known).step
    cosearch = setup.cosearch(supernet, dimensions)
    return lambda index: cosearch.step(index + 1)


def seconds_of(iterate: Iterate, index: int, clock: Callable[[], float]) -> float:
    """How long one iteration takes."""
    began = clock()
    iterate(index)
    return clock() - began


def interleaved(
    arms: Sequence[str], dimensions: Dimensions, rounds: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """The seconds of each arm's iterations, one of each in turn, after one that does not count."""
    iterates = {arm: iteration_of(arm, dimensions) for arm in arms}
    seconds: dict[str, list[float]] = {arm: [] for arm in arms}
    for index in range(rounds + 1):
        for arm, iterate in iterates.items():
            took = seconds_of(iterate, index, clock)
            print(f"  {arm:13} {took:7.2f} s{'' if index else '  (does not count)'}", flush=True)
            seconds[arm] += [took] if index else []
    return seconds


def peak_gb(arm: str, threads: int, overrides: Sequence[str]) -> float:
    """The most memory that a process takes which does nothing but iterations of one arm."""
    command = [sys.executable, __file__, "--memory-of", arm, "--threads", str(threads), *overrides]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout)["peak_gb"])


def memory_of(arm: str, dimensions: Dimensions) -> float:
    """This process's peak after some iterations, all of the momentum being there."""
    iterate = iteration_of(arm, dimensions)
    for index in range(ITERATIONS_FOR_MEMORY):
        iterate(index)
    # Not `getrusage`: that of a new process begins with what its parent had.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e9


def show_agreement() -> dict[str, float]:
    """Print the largest differences; those of float64 rounding are all there may be."""
    found = dict(largest_differences())
    print("exact against plain evaluation in float64, largest relative difference:")
    for name, difference in found.items():
        print(f"  {name:22} {difference:.1e}")
        if difference > TOLERANCE:
            raise SystemExit(f"{name} differ by {difference:.1e}")
    return found


def show(seconds: dict[str, list[float]], memory: dict[str, float]) -> None:
    """Print a line for each arm: seconds, how many times as fast as the transcription, memory."""
    medians = {arm: statistics.median(found) for arm, found in seconds.items()}
    print(f"{'':13} {'median, s':>10} {'lowest':>8} {'highest':>8} {'ratio':>7} {'peak, GB':>9}")
    print(f"{'authors':13} {PUBLISHED_SECONDS:10.2f} {'':25} {PUBLISHED_GB:9.2f}  (measured apart)")
    for arm, found in seconds.items():
        ratio = medians["published"] / medians[arm] if "published" in medians else float("nan")
        ends = f"{min(found):8.2f} {max(found):8.2f}"
        peak = memory.get(arm, float("nan"))
        print(f"{arm:13} {medians[arm]:10.2f} {ends} {ratio:7.2f} {peak:9.2f}")
    for over, under in (("same passes", "exact"), ("two students", "sampled")):
        if {over, under} <= medians.keys():
            print(f"{over} / {under}: {medians[over] / medians[under]:.2f}")


def main() -> None:
    """Parse the arguments, show the agreement, measure, print, and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--arms", nargs="*", choices=ARMS, default=ARMS)
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="seconds of this process in place of the wall clock's, where others use the machine",
    )
    parser.add_argument("--memory-of", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=None, help="a JSON file")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    dimensions = Dimensions(layers=arguments.layers)
    if arguments.memory_of:
        print(json.dumps({"peak_gb": memory_of(arguments.memory_of, dimensions)}))
        return
    differences = show_agreement()
    clock = time.process_time if arguments.processor_time else time.perf_counter
    seconds = interleaved(arguments.arms, dimensions, arguments.rounds, clock)
    layers = ["--layers", str(arguments.layers)]
    memory = {}
    if not arguments.no_memory:
        memory = {arm: peak_gb(arm, arguments.threads, layers) for arm in arguments.arms}
    print(f"{processor_name()}, {arguments.threads} threads, torch {torch.__version__}")
    show(seconds, memory)
    if arguments.out is not None:
        found = {"differences": differences, "seconds": seconds, "peak_gb": memory}
        durable_write(arguments.out, json.dumps(found, indent=1).encode() + b"\n")


if __name__ == "__main__":
    main()
