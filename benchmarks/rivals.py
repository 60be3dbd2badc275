"""How long the hand-made networks take, and learn, beside Fast-SCNN.

    python benchmarks/rivals.py [--size 360x480] [--threads 1 2] [--rounds 8] [--step-rounds 3]

Latency: `latencies_by_turns`; ENet's own logits are at full size.  Training step: a batch forwards
with auxiliary heads, loss and backwards, by the package's own stage on one thread in the precision
that the processor is best at.  All take turns (`by_turns`).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial

import torch

from by_turns import by_turns, print_table
from fasterseg.baselines.catalogue import BASELINES
from fasterseg.config import AugmentationSettings, TrainingSettings
from fasterseg.datasets.street import StreetScenes
from fasterseg.learning.noise_batch import noise_batch
from fasterseg.learning.precision import choose_numerics
from fasterseg.network.description import NetworkDescription
from fasterseg.reporting.counting import costs_of, evaluated
from fasterseg.runtime import processor_name, set_threads
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size
from fasterseg.training.data import TrainingData
from fasterseg.training.stage import TrainingStage
from fasterseg.training.task import TrainingTask, stage_of
from latencies_by_turns import print_latencies

CLASSES = 11
CPU = torch.device("cpu")
REFERENCE = "fast-scnn"


def main() -> None:
    """Time and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Raw)
    parser.add_argument("--size", default="360x480")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--step-rounds", type=int, default=3, help="0: no training")
    parser.add_argument("--batch", type=int, default=8)
    chosen = parser.parse_args()
    size = Size.parse(chosen.size)
    names = (REFERENCE, *(name for name in BASELINES if name != REFERENCE))
    described = {name: NetworkDescription(classes=CLASSES, baseline=name) for name in names}
    print(f"{processor_name()}; {size}, {CLASSES} classes\n")
    for name, one in described.items():
        cost = evaluated(costs_of(one, Geometry(size, CLASSES)))
        print(f"{name}: {cost.macs / 1e9:.2f} G MACs, {cost.parameters / 1e6:.2f} M parameters")
    print_latencies(described, size, threads=chosen.threads, rounds=chosen.rounds)
    if chosen.step_rounds:
        print_steps(described, size, batch=chosen.batch, rounds=chosen.step_rounds)


def print_steps(
    described: Mapping[str, NetworkDescription], size: Size, *, batch: int, rounds: int
) -> None:
    """The table of training steps."""
    set_threads(1)
    crop = AugmentationSettings(crop_height=size.height, crop_width=size.width)
    noise = noise_batch(crop, batch_size=batch, classes=CLASSES, device=CPU)
    stages = {name: stage_of_network(name, one, crop, batch) for name, one in described.items()}
    calls = {name: partial(stage.dry_run, noise) for name, stage in stages.items()}
    kind = stages[REFERENCE].numerics.precision
    told = by_turns(calls, threads=1, rounds=rounds, visit=1)
    print_table(f"Training step, batches of {batch}, threads: 1, {kind}", told)
    for stage in stages.values():
        stage.close()


def stage_of_network(
    name: str, description: NetworkDescription, crop: AugmentationSettings, batch: int
) -> TrainingStage:
    """A training by the settings' defaults; of its data nothing is read."""
    settings = TrainingSettings(batch_size=batch, augmentation=crop)
    source = StreetScenes(size=crop.crop, counts={"train": 1, "val": 1})
    task = TrainingTask(name, description, TrainingData(source), settings, 0, CPU)
    return stage_of(task, choose_numerics(settings.precision, CPU), baselines=BASELINES)


class _Raw(argparse.RawDescriptionHelpFormatter):
    """Prints the description as it is."""


if __name__ == "__main__":
    main()
