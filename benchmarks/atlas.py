"""How long the blocks take of which a space might be made: an atlas of candidates by place.

    python benchmarks/atlas.py measure [--size 360x480] [--threads 1] [--runtime onnxruntime]
    python benchmarks/atlas.py table [--threads 1] [--runtime onnxruntime]

Each candidate is timed between 1x1 convolutions (`fasterseg.deploy.exporting.borders`), where it
can be in a chain of up to six equal blocks; what the convolutions alone take is taken off, the rest
divided by the number of blocks.  The candidates of one place and width take turns, in short visits
of single calls.  A figure is the *least* of these calls, since other work on the machine can only
slow a call down, and only calls count during which no thread of ours waited for a processor; the
spread beside it is how far the least of the even and of the odd visits are apart.  Beside
milliseconds stand GFLOP/s, two for each multiply-add of a convolution.

Each condition is stored as soon as it is measured, in ``docs/studies/atlas.json``; what stands
there is not measured again.  Another type of processor is another part of the file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from math import inf, isinf
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch

from atlas_candidates import Candidate, Timed, candidates_at, timed
from atlas_tables import tables
from fasterseg.deploy.benchmark.peak import convolution_peak
from fasterseg.deploy.exporting.export import export_module
from fasterseg.deploy.exporting.tracing import traced
from fasterseg.deploy.runtimes.backends import backend_for
from fasterseg.deploy.runtimes.onnx.backend import OnnxBackend
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.durable import durable_write
from fasterseg.latency.timing import Call, MonotonicStopwatch
from fasterseg.machine import processor
from fasterseg.runtime import processor_name
from fasterseg.space.blocks import Size
from undisturbed import undisturbed_ms

STORE = Path(__file__).parents[1] / "docs/studies/atlas.json"
SIZES, THREADS, RUNTIMES = ("360x480", "512x1024"), (1, 2), ("onnxruntime", "openvino")
CLASSES = {"360x480": 11, "512x1024": 19}
ROUNDS, MOST_ROUNDS, CALLS, VISIT_MS = 12, 48, 3, 10.0

Store = dict[str, Any]
Halves = tuple[float, float]
"""The least milliseconds of the even and of the odd visits."""


def main() -> None:
    """Measure what is missing, or print what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Raw)
    parser.add_argument("action", choices=("measure", "table"))
    parser.add_argument("--size", action="append", choices=SIZES, help="may be repeated")
    parser.add_argument("--threads", action="append", type=int, help="may be repeated")
    parser.add_argument("--runtime", action="append", choices=RUNTIMES, help="may be repeated")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--store", type=Path, default=STORE)
    parser.add_argument("--again", action="store_true", help="measure once more, keep the lesser")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    store = json.loads(chosen.store.read_text()) if chosen.store.exists() else {}
    chosen.size, chosen.threads = chosen.size or SIZES, chosen.threads or THREADS
    chosen.runtime = chosen.runtime or RUNTIMES
    if chosen.action == "table":
        text = tables(
            store,
            sizes=chosen.size,
            threads=chosen.threads,
            runtimes=chosen.runtime,
            precision=chosen.precision,
        )
        print(text)
        return
    for size in chosen.size:
        for runtime in chosen.runtime:
            for threads in chosen.threads:
                running = Running(runtime, threads, chosen.precision)
                measure(store, Size.parse(size), running, again=chosen.again, kept=chosen.store)


def measure(store: Store, size: Size, running: Running, *, again: bool, kept: Path) -> None:
    """Time what a condition lacks, group by group, and store each group."""
    machine = store.setdefault(processor_name(), {"features": processor().features})
    backend = backend_for(running)
    assert isinstance(backend, OnnxBackend)
    machine.setdefault("versions", {}).update(backend.versions())
    condition = condition_of(size, running)
    found: Store = machine.setdefault("conditions", {}).setdefault(condition, {})
    peaks = machine.setdefault("peak_gflops", {})
    if str(running.threads) not in peaks:
        peaks[str(running.threads)] = round(convolution_peak(threads=running.threads).gflops, 1)
    ordered = sorted(candidates_at(size, CLASSES[str(size)]), key=lambda one: one.group)
    for group, members in groupby(ordered, key=lambda one: one.group):
        missing = [one for one in members if again or one.key not in found]
        if not missing:
            continue
        for key, entry in time_group(backend, missing, size).items():
            before = found.get(key)
            found[key] = entry if before is None or entry["ms"] < before["ms"] else before
        durable_write(kept, as_text(store).encode())
        print(f"{condition}: {group[0]}, 1/{group[1]}: {len(missing)}", file=sys.stderr, flush=True)


def as_text(store: Store) -> str:
    """The store as JSON, a line for each block."""
    return json.dumps(store, sort_keys=True, separators=(",", ":")).replace('},"', '},\n"') + "\n"


def condition_of(size: Size, running: Running) -> str:
    """A condition as one string."""
    return f"{size}, {running.threads} threads, {running.runtime}, {running.precision}"


def time_group(backend: OnnxBackend, members: Sequence[Candidate], size: Size) -> Store:
    """The entries of candidates that take turns, by their keys."""
    made = {one.key: timed(one, size) for one in members}
    borders = dict.fromkeys(border for one in made.values() for border, _ in one.off)
    calls: dict[object, Call] = {key: call_of(backend, one) for key, one in made.items()}
    calls.update(backend.border_calls(borders))
    halves = by_turns(calls)
    entries = {key: entry_of(key, one, halves) for key, one in made.items()}
    return {key: entry for key, entry in entries.items() if entry is not None}


def call_of(backend: OnnxBackend, one: Timed) -> Call:
    """A call that runs a chain: traced where the quick exporter knows all its calls."""
    examples = [torch.from_numpy(x) for x in one.inputs]
    try:
        model = traced(one.module, examples)
    except NotImplementedError:
        names = [f"in{index}" for index in range(len(examples))]
        whole = export_module(one.module, tuple(examples), inputs=names, outputs=["out"])
        model = bytes(whole.SerializeToString())
    return backend.bound(model, one.inputs)


def by_turns(calls: Mapping[Any, Call]) -> dict[Any, Halves]:
    """The least milliseconds of each call, of the even and of the odd visits.

    A call counts where no thread of this process waited for a processor meanwhile: what other
    programs take from it is then only their share of caches and of the clock.  Visits go on, up to
    a limit, until every call has counted in both halves; infinite where it never did.
    """
    counts = {}
    for name, call in calls.items():
        call()
        counts[name] = max(CALLS, min(40, int(VISIT_MS / max(MonotonicStopwatch()(call), 1e-3))))
    least = {name: [inf, inf] for name in calls}
    for visit in range(MOST_ROUNDS):
        for name, call in calls.items():
            if visit >= ROUNDS and inf not in least[name]:
                continue
            call()
            quickest = min(undisturbed_ms(call) for _ in range(counts[name]))
            least[name][visit % 2] = min(least[name][visit % 2], quickest)
    return {name: (even, odd) for name, (even, odd) in least.items()}


def entry_of(key: str, one: Timed, halves: Mapping[Any, Halves]) -> dict[str, float] | None:
    """Milliseconds of a block, how far two halves of the visits are apart, and its rate.

    None where a part was never undisturbed.
    """
    parts = [(share, halves[border]) for border, share in one.off]
    if any(isinf(half) for _, both in [(1.0, halves[key]), *parts] for half in both):
        return None

    def block_ms(pick: Callable[[Halves], float]) -> float:
        return (pick(halves[key]) - sum(share * pick(both) for share, both in parts)) / one.blocks

    whole_ms = max(block_ms(min), 1e-4)
    even_ms, odd_ms = block_ms(itemgetter(0)), block_ms(itemgetter(1))
    return {
        "ms": round(whole_ms, 4),
        "apart": round(abs(even_ms - odd_ms) / whole_ms, 3),
        "macs": one.macs,
        "blocks": one.blocks,
    }


class _Raw(argparse.RawDescriptionHelpFormatter):
    """Prints the description as it is."""


if __name__ == "__main__":
    main()
