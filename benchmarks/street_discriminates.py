"""Does the street data set tell a larger network from a smaller one?

Trains a narrow plain convolutional network and the same one with every width doubled (about four
times the multiply-adds), with the same images, order, epochs and schedule, and prints the IoU of
each class on unseen scenes, beside what position in the image alone predicts.

    python benchmarks/street_discriminates.py --seeds 3
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from fasterseg.datasets.street import STREET_LABELS, StreetScenes

CLASSES = STREET_LABELS.classes
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Plan:
    """How both networks are trained."""

    train: int
    test: int
    epochs: int
    batch: int
    width: int
    rate: float


class PlainNetwork(nn.Module):
    """Convolutions down to an eighth of the image, and one skip from a quarter of it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.quarter = nn.Sequential(
            _conv(3, width, stride=2),
            _conv(width, 2 * width, stride=2),
            _conv(2 * width, 2 * width),
        )
        self.eighth = nn.Sequential(
            _conv(2 * width, 4 * width, stride=2),
            _conv(4 * width, 4 * width, dilation=2),
            _conv(4 * width, 4 * width, dilation=4),
            _conv(4 * width, 4 * width, dilation=2),
        )
        self.narrow = nn.Conv2d(4 * width, 2 * width, 1)
        self.head = nn.Sequential(_conv(4 * width, 2 * width), nn.Conv2d(2 * width, CLASSES, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (batch, classes, height, width)."""
        fine = self.quarter(images)
        coarse = _resized(self.narrow(self.eighth(fine)), fine)
        return _resized(self.head(torch.cat([fine, coarse], dim=1)), images)


def _conv(channels_in: int, channels_out: int, *, stride: int = 1, dilation: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(
            channels_in, channels_out, 3, stride, padding=dilation, dilation=dilation, bias=False
        ),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def _resized(values: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(values, like.shape[-2:], mode="bilinear", align_corners=False)


def multiply_adds(network: nn.Module) -> int:
    """Return the multiply-adds of the convolutions for one 128x256 image."""
    total = 0

    def count(module: nn.Module, _: object, output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += output[0].numel() * module.weight[0].numel()

    hooks = [module.register_forward_hook(count) for module in network.modules()]
    network.eval()(torch.zeros(1, 3, 128, 256))
    for hook in hooks:
        hook.remove()
    return total


def load(source: StreetScenes, split: str) -> tuple[Tensor, Tensor]:
    """Return a split as normalised images (N, 3, H, W) and labels (N, H, W)."""
    samples = [source.sample(split, index) for index in range(source.length(split))]
    images = torch.from_numpy(np.stack([sample.image for sample in samples]))
    labels = torch.from_numpy(np.stack([sample.labels for sample in samples]).astype(np.int64))
    return (images.permute(0, 3, 1, 2).float() / 255.0 - 0.5) / 0.25, labels


def train(network: nn.Module, data: tuple[Tensor, Tensor], plan: Plan, *, seed: int) -> None:
    """Train with Adam under a one-cycle schedule, mirroring half of the batches."""
    images, labels = data
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=plan.rate)
    steps = plan.epochs * (len(images) // plan.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, plan.rate, total_steps=steps)
    network.train()
    for _ in range(plan.epochs):
        order = torch.randperm(len(images), generator=generator)
        for chosen in order.split(plan.batch)[: len(images) // plan.batch]:
            batch, truth = images[chosen], labels[chosen]
            if torch.rand((), generator=generator) < 0.5:
                batch, truth = batch.flip(-1), truth.flip(-1)
            loss = functional.cross_entropy(
                network(batch), truth, ignore_index=STREET_LABELS.ignore
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def confusion(predicted: Tensor, truth: Tensor) -> Counts:
    """Return pixel counts (classes, classes), rows being the truth."""
    counted = truth != STREET_LABELS.ignore
    pairs = truth[counted] * CLASSES + predicted[counted]
    return pairs.bincount(minlength=CLASSES * CLASSES).view(CLASSES, CLASSES).numpy()


def iou_percent(counts: Counts) -> npt.NDArray[np.float64]:
    """Return the IoU of each class in percent."""
    hits = np.diag(counts)
    percent: npt.NDArray[np.float64] = (
        100.0 * hits / np.maximum(counts.sum(0) + counts.sum(1) - hits, 1)
    )
    return percent


@torch.inference_mode()
def score(network: nn.Module, data: tuple[Tensor, Tensor]) -> npt.NDArray[np.float64]:
    """Return the IoU of each class in percent on whole images."""
    network.eval()
    counts = np.zeros((CLASSES, CLASSES), np.int64)
    for images, labels in zip(data[0].split(16), data[1].split(16), strict=True):
        counts += confusion(network(images).argmax(1), labels)
    return iou_percent(counts)


def score_of_position(train_labels: Tensor, test_labels: Tensor) -> npt.NDArray[np.float64]:
    """Return the IoU in percent of predicting the most frequent class at each position."""
    votes = torch.stack([(train_labels == kind).sum(0) for kind in range(CLASSES)])
    guess = votes.argmax(0).expand_as(test_labels)
    return iou_percent(confusion(guess, test_labels))


def compare(plan: Plan, *, seed: int) -> list[npt.NDArray[np.float64]]:
    """Return the IoUs in percent of position alone, of the narrow and of the wide network."""
    source = StreetScenes(counts={"train": plan.train, "test": plan.test}, seed=seed)
    seen, unseen = load(source, "train"), load(source, "test")
    found = [score_of_position(seen[1], unseen[1])]
    for width in (plan.width, 2 * plan.width):
        torch.manual_seed(seed)
        network = PlainNetwork(width)
        cost = multiply_adds(network) / 1e6
        started = time.perf_counter()
        train(network, seen, plan, seed=seed)
        found.append(score(network, unseen))
        took = time.perf_counter() - started
        print(f"seed {seed}: width {width}, {cost:.1f} M multiply-adds, {took:.0f} s", flush=True)
    return found


def show(results: Sequence[Sequence[npt.NDArray[np.float64]]]) -> None:
    """Print the mean over the seeds class by class, and the gain of each seed."""
    means = np.mean(np.asarray(results), axis=0)
    print(f"{'IoU, %':12} {'position':>9} {'narrow':>8} {'4x':>8} {'gain':>8}")
    rows = [*zip(STREET_LABELS.names, means.T, strict=True), ("mean", means.mean(axis=1))]
    for name, (position, narrow, wide) in rows:
        print(f"{name:12} {position:9.1f} {narrow:8.1f} {wide:8.1f} {wide - narrow:+8.1f}")
    gains = [wide.mean() - narrow.mean() for _, narrow, wide in results]
    print("gain of the mean in each seed:", ", ".join(f"{gain:+.1f}" for gain in gains))


def main() -> None:
    """Parse the arguments, train, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--train", type=int, default=320)
    parser.add_argument("--test", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=18)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--width", type=int, default=4)
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--threads", type=int, default=1)
    arguments = vars(parser.parse_args())
    torch.set_num_threads(arguments.pop("threads"))
    seeds = range(arguments.pop("seeds"))
    show([compare(Plan(**arguments), seed=seed) for seed in seeds])


if __name__ == "__main__":
    main()
