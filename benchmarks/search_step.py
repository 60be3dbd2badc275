"""One whole iteration of the search: the published procedure, the exact mode, the sampled mode.

An iteration is a weight step with its sandwich and an architecture step, for teacher and student,
at the geometry that the authors' code was timed at: 16 layers, expansions 4 to 12, batch 2,
128x224, random images.  The authors' code took 26.9 s and 5.3 GB there on two cores; the plain
transcription is printed beside it.  Each arm is a process of its own, with a peak of memory of its
own, and they take turns, one iteration at a time, so that what disturbs one disturbs all.

    published       a plain transcription with the passes of the authors' code, both steps alike
    same passes     the exact mode's passes, evaluated plainly, with the optimisers of torch
    exact           the exact mode, widths straight through: the same function as `same passes`
    two draws       the exact mode as it is by default: a forward more for a student's widths
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

from fasterseg.config import SearchSettings
from fasterseg.durable import durable_write
from fasterseg.runtime import processor_name
from plain_search_step import PlainSearch, SamePasses
from search_agreement import largest_differences
from search_setup import Dimensions, SearchSetup

PUBLISHED_SECONDS, PUBLISHED_GB = 26.9, 5.3
ARMS = ("published", "same passes", "exact", "two draws", "sampled", "two students")
TOLERANCE = 1e-9
Iterate = Callable[[int], object]


def iteration_of(arm: str, dimensions: Dimensions) -> Iterate:
    """What runs one iteration of an arm, given its index."""
    mode = "sampled" if arm in {"sampled", "two students"} else "exact"
    # No look at the budget: it is a step of its own, every few iterations.
    widths = "two-draws" if arm == "two draws" else "straight-through"
    settings = SearchSettings(mode=mode, exact_widths=widths, control_every=1_000_000)
    setup = SearchSetup(dimensions, settings, students=2 if arm == "two students" else 1)
    if arm in {"published", "same passes"}:
        kind = PlainSearch if arm == "published" else SamePasses
        search = setup.search
        known = (search.contenders, search.weights.objective, search.latency, dimensions.batch_at)
        return kind(setup.supernet(), *known).step
    cosearch = setup.cosearch()
    return lambda index: cosearch.step(index + 1)


class Runner:
    """An arm in a process of its own, which waits until it is told to run an iteration."""

    def __init__(self, arm: str, options: Sequence[str]) -> None:
        command = [sys.executable, __file__, "--serve", arm, *options]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.answer()  # what it answers once all is built

    def answer(self) -> float:
        """The number that it says next."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"an arm ended with exit code {self.process.wait()}")
        return float(line)

    def seconds(self, index: int) -> float:
        """What one iteration takes."""
        assert self.process.stdin is not None
        print(index, file=self.process.stdin, flush=True)
        return self.answer()

    def finish(self) -> float:
        """End the process; its peak of memory in GB."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        peak = self.answer()
        self.process.wait()
        return peak


def serve(arm: str, dimensions: Dimensions, clock: Callable[[], float]) -> None:
    """Run an iteration for each index that comes in; say how long it took, at the end the peak."""
    iterate = iteration_of(arm, dimensions)
    print(0.0, flush=True)
    for line in sys.stdin:
        began = clock()
        iterate(int(line))
        print(clock() - began, flush=True)
    # Not `getrusage`: that of a new process begins with what its parent had.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    highest = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    print(int(highest.split()[1]) * 1024 / 1e9, flush=True)


def interleaved(
    arms: Sequence[str], rounds: int, options: Sequence[str]
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Each arm's seconds, after one iteration that does not count, and its peak in GB."""
    runners = {arm: Runner(arm, options) for arm in arms}
    seconds: dict[str, list[float]] = {arm: [] for arm in arms}
    for index in range(rounds + 1):
        for arm, runner in runners.items():
            took = runner.seconds(index)
            print(f"  {arm:13} {took:7.2f} s{'' if index else '  (does not count)'}", flush=True)
            seconds[arm] += [took] if index else []
    return seconds, {arm: runner.finish() for arm, runner in runners.items()}


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
    for over, under in (
        ("same passes", "exact"),
        ("two draws", "exact"),
        ("two students", "sampled"),
    ):
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
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="processor seconds in place of the wall clock's, where others use the machine too",
    )
    parser.add_argument("--serve", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=None, help="a JSON file")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    dimensions = Dimensions(layers=arguments.layers)
    clock = time.process_time if arguments.processor_time else time.perf_counter
    if arguments.serve:
        serve(arguments.serve, dimensions, clock)
        return
    differences = show_agreement()
    options = ["--layers", str(arguments.layers), "--threads", str(arguments.threads)]
    options += ["--processor-time"] if arguments.processor_time else []
    seconds, memory = interleaved(arguments.arms, arguments.rounds, options)
    kind = "processor" if arguments.processor_time else "wall clock"
    print(
        f"{processor_name()}, {arguments.threads} threads, torch {torch.__version__}, {kind} time"
    )
    show(seconds, memory)
    if arguments.out is not None:
        found = {"differences": differences, "seconds": seconds, "peak_gb": memory}
        durable_write(arguments.out, json.dumps(found, indent=1).encode() + b"\n")


if __name__ == "__main__":
    main()
