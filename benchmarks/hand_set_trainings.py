"""Short paired trainings of networks set by hand: what decoder, context and kinds are worth.

    python benchmarks/hand_set_trainings.py train --work RUNS --data CAMVID [--network mixed]
    python benchmarks/hand_set_trainings.py table --work RUNS
    python benchmarks/hand_set_trainings.py time

The networks are those of ``hand_set_networks.py``; arms differ from ``mixed`` in one part.  All
learn from the same batches of a seed, by the package's own loop; one recording of CamVid, 0006R0,
is learned from by none and scored once, after the last step, by the averaged weights.  What is
compared, and what would refute it, stands in ``docs/studies/hand-set.md``.  Trained networks are
not trained again, what was stopped is resumed.  `time` times each by turns on one thread of ONNX
Runtime, in that thread's processor time, relative to ``mixed``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor, nn

from atlas_candidates import macs_of
from fasterseg.config import AugmentationSettings, TrainingSettings
from fasterseg.datasets.opening import open_data
from fasterseg.deploy.exporting.bordering import made_up
from fasterseg.deploy.exporting.export import export_module
from fasterseg.deploy.runtimes.onnx.cpu import OnnxRuntimeBackend
from fasterseg.durable import durable_write
from fasterseg.latency.timing import MonotonicStopwatch, TimerSettings, time_interleaved
from fasterseg.network.description import NetworkDescription
from fasterseg.runtime import memory_kept, set_threads
from fasterseg.training.data import TrainingData
from fasterseg.training.task import TrainingTask
from fasterseg.training.training import TrainingReport, train_network
from hand_set_networks import HAND_SET, builder
from paired_differences import interval_of

HELD_OUT = "0006R0"
SEEDS = (0, 1, 2)
BASE = "mixed"
SETTINGS = TrainingSettings(
    steps=250,
    batch_size=8,
    lr=0.1,
    warmup_steps=25,
    # The square roots of what `auto` gives, as in the recipe camvid-cpu.
    class_weights=(0.96, 0.84, 2.34, 0.74, 1.59, 1.19, 2.27, 2.28, 1.45, 2.49, 2.68),
    evaluate_every=10**6,
    augmentation=AugmentationSettings(
        crop_height=160, crop_width=224, scale_low=0.5, scale_high=1.25, colour=0.3
    ),
)
SIZE, CLASSES = (360, 480), 11
TURNS = TimerSettings(runs=60, seconds=0.3, visits=10)


def main() -> None:
    """Train what is missing, or print what there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Raw)
    parser.add_argument("action", choices=("train", "table", "time"))
    parser.add_argument("--work", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--network", action="append", choices=[*HAND_SET], help="may be repeated")
    parser.add_argument("--seed", action="append", type=int, help="may be repeated")
    chosen = parser.parse_args()
    networks = chosen.network or [*HAND_SET]
    if chosen.action == "time":
        print(times(networks))
    elif chosen.action == "table":
        print(table(chosen.work, networks))
    else:
        set_threads(1)
        for seed in chosen.seed or SEEDS:
            for network in networks:
                train(network, seed, chosen.work, chosen.data)


def train(network: str, seed: int, work: Path, camvid: Path) -> None:
    """One training in its own folder."""
    source = open_data(str(held_out(camvid, work / "data")), layout="camvid")
    # One name for all arms: equal parts begin with equal weights where they are built in turn.
    description = NetworkDescription(classes=source.label_space.classes, baseline=network)
    data, device = TrainingData(source), torch.device("cpu")
    task = TrainingTask("hand-set", description, data, SETTINGS, seed, device)
    folder = folder_of(work, network, seed)
    with memory_kept():
        report = train_network(task, folder, baselines={network: builder(network)})
    print(f"{network}, seed {seed}: {100 * report.scores['ema'].mean_iou:.2f}", flush=True)


def held_out(camvid: Path, folder: Path) -> Path:
    """A folder with CamVid's train and val images, of which one recording alone is scored."""
    for split in ("train", "val"):
        for kind in ("", "annot"):
            for file in sorted((camvid / f"{split}{kind}").iterdir()):
                into = "val" if file.name.startswith(HELD_OUT) else "train"
                copy = folder / f"{into}{kind}" / file.name
                copy.parent.mkdir(parents=True, exist_ok=True)
                if not copy.exists():
                    durable_write(copy, file.read_bytes())
    return folder


def folder_of(work: Path, network: str, seed: int) -> Path:
    """Where a training lies."""
    return work / f"{network}-{seed}"


def table(work: Path, networks: list[str]) -> str:
    """Scores by seed, and each arm less the mixed network, paired by seed."""
    lines = [
        f"| network | mIoU of {HELD_OUT}, by seed | mean | less {BASE}, by seed | mean, 95 % |",
        "| --- | --- | ---: | --- | ---: |",
    ]
    base = dict(scores_of(work, BASE))
    for network in networks:
        scores = dict(scores_of(work, network))
        if not scores:
            continue
        apart = [score - base[seed] for seed, score in scores.items() if seed in base]
        shown = network != BASE and apart
        lines.append(
            f"| {network} | {_joined(scores.values())} | {fmean(scores.values()):.2f} | "
            f"{_joined(apart) if shown else ''} | {interval_of(apart) if shown else ''} |"
        )
    return "\n".join(lines)


def scores_of(work: Path, network: str) -> Iterator[tuple[int, float]]:
    """Seed and percent of each training that is done."""
    for seed in SEEDS:
        path = folder_of(work, network, seed) / "report.json"
        if path.exists():
            yield seed, 100 * TrainingReport.load(path).scores["ema"].mean_iou


def times(networks: list[str]) -> str:
    """Milliseconds, the ratio to the mixed network, multiply-adds and parameters of each."""
    backend, image = OnnxRuntimeBackend(threads=1), torch.rand(1, 3, *SIZE)
    calls, rows = (
        {},
        ["| network | ms | ratio | M MACs | M parameters |", "| --- |" + " ---: |" * 4],
    )
    made = {name: made_up(partial(_main_of, name)) for name in networks}
    for name, network in made.items():
        model = export_module(network, (image,), inputs=["in0"], outputs=["out"])
        calls[name] = backend.bound(model.SerializeToString(), [image.numpy()])
    stopwatch = MonotonicStopwatch(time.process_time_ns)
    found = time_interleaved(calls, settings=TURNS, stopwatch=stopwatch)
    took_ms = {name: timing.median_ms for name, timing in found.items()}
    for name, network in made.items():
        parameters = sum(p.numel() for p in network.parameters()) / 1e6
        rows.append(
            f"| {name} | {took_ms[name]:.2f} | {took_ms[name] / took_ms[BASE]:.2f} | "
            f"{macs_of(network, [image]) / 1e6:.0f} | {parameters:.2f} |"
        )
    return "\n".join(rows)


def _main_of(name: str) -> nn.Module:
    return _Main(builder(name)(CLASSES))


class _Main(nn.Module):
    """A network without its auxiliary heads, to logits at output stride 8."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        del network.auxiliary
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Class logits."""
        logits: Tensor = self.network.low_resolution(images)  # type: ignore[operator]
        return logits


def _joined(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


class _Raw(argparse.RawDescriptionHelpFormatter):
    """Prints the description as it is."""


if __name__ == "__main__":
    main()
