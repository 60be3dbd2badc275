"""Networks on runtimes, side by side: whole jobs, interleaved within each size and thread count.

    python benchmarks/runtimes.py MODEL... [--size 512x1024] [--threads 2] [--out FOLDER]

Every model runs in PyTorch (eager and compiled), ONNX Runtime and OpenVINO, in float32 and, where
the runtime has it, in bfloat16, with the same tail for all.  Each cell has at least 200 queries or
five seconds.  Prints a table for each size and thread count: latency, ratio to the first line,
multiply-adds, and the share of the processor's measured float32 convolution peak.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from fasterseg.deploy.benchmark.benchmark_report import BenchmarkReport
from fasterseg.deploy.benchmark.contest import QUICK
from fasterseg.deploy.benchmark.entry import Entry, time_models
from fasterseg.pipeline.models.benchmarking import write_files
from fasterseg.reporting.counting import evaluated_macs
from fasterseg.space.blocks import Size

SIZES, THREADS = ("512x1024", "360x480"), (1, 2)
# One repeated image against many is looked at by the benchmark itself, and need not be here.
SETTINGS = replace(
    QUICK,
    audit_rounds=1,
    parts_runs=1,
    alternation=replace(QUICK.alternation, warmup_seconds=0.5),
)
BACKENDS = ("onnxruntime", "openvino", "pytorch", "compiled")


def main() -> None:
    """Time and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Raw)
    parser.add_argument("models", nargs="+", help="bundles, baselines: NAME=MODEL gives a name")
    parser.add_argument("--size", action="append", help="image size; may be repeated")
    parser.add_argument("--threads", action="append", type=int, help="may be repeated")
    parser.add_argument("--out", type=Path, help="a folder for the reports and charts")
    chosen = parser.parse_args()
    names = {one.rpartition("=")[2]: one.partition("=")[0] for one in chosen.models}
    for size in chosen.size or SIZES:
        for threads in chosen.threads or THREADS:
            entry = Entry(
                tuple(names),
                threads,
                BACKENDS,
                ("float32", "bfloat16"),
                ("fast",),
                Size.parse(size),
            )
            report = time_models(entry, settings=SETTINGS, count_macs=evaluated_macs)
            print(f"\n{size}, {threads} thread{'s' if threads > 1 else ''}\n")
            print(table(report, names), flush=True)
            if chosen.out:
                write_files(report, chosen.out / f"{size}-{threads}")


def table(report: BenchmarkReport, names: dict[str, str]) -> str:
    """The figures as a Markdown table; ratios are to the first line's median."""
    first = report.contestants[0].p50_ms.value
    lines = [
        "| network | runtime | computes in | median ms | p95 ms | ratio | G MACs | of peak |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one in report.contestants:
        p50_ms = one.p50_ms.value
        share = ""
        if one.macs and report.peak_gflops:
            share = f"{100 * 2 * one.macs / p50_ms / 1e6 / report.peak_gflops:.0f} %"
        model, backend = one.facts["model"], one.facts["backend"]
        lines.append(
            f"| {names.get(model, model)} | {backend} | {one.facts['precision']} | {p50_ms:.2f} | "
            f"{one.p95_ms.value:.2f} | {p50_ms / first:.2f} | {(one.macs or 0) / 1e9:.2f} | "
            f"{share} |"
        )
    facts = report.machine.facts
    peak = f"peak {report.peak_gflops:.0f} GFLOP/s in float32" if report.peak_gflops else ""
    tail = report.contestants[0].facts["tail"]
    return "\n".join([*lines, "", f"{facts.get('processor', '')}; {peak}; tail: {tail}"])


class _Raw(argparse.RawDescriptionHelpFormatter):
    pass


if __name__ == "__main__":
    main()
