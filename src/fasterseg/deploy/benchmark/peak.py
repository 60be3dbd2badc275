"""How fast the processor convolves at best: what a network's multiply-adds are held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from statistics import median

import numpy as np
from torch import nn

from fasterseg.config import opened_runtimes
from fasterseg.deploy.runtimes.backends import backend_for
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.latency.timing import Call, MonotonicStopwatch, Stopwatch
from fasterseg.space.blocks import Size

IN_A_ROW = 4
KERNEL = 3


@dataclass(frozen=True, slots=True)
class HeavyLayer:
    """A 3x3 convolution of stride 1 that keeps its channels, so many times in a row.

    In a row, since a runtime lays its maps out anew before the first and after the last.
    """

    channels: int
    size: Size

    @property
    def flops(self) -> int:
        """Floating-point operations of all in the row: two for each multiply-accumulate."""
        return 2 * IN_A_ROW * KERNEL**2 * self.channels**2 * self.size.area

    def __str__(self) -> str:
        return f"{self.channels} channels at {self.size}"


LAYERS = (
    HeavyLayer(64, Size(48, 80)),
    HeavyLayer(64, Size(96, 160)),
    HeavyLayer(128, Size(48, 80)),
    HeavyLayer(256, Size(24, 40)),
)


@dataclass(frozen=True, slots=True)
class Peak:
    """The best rate that was seen, in 10^9 floating-point operations a second, and of what."""

    gflops: float
    of: str


Opener = Callable[[HeavyLayer, int], Call]
"""From a layer and a number of threads to a call that runs the row once."""


def convolution_peak(
    *,
    threads: int,
    openers: Mapping[str, Opener] | None = None,
    layers: Sequence[HeavyLayer] = LAYERS,
    visits: int = 5,
    runs: int = 5,
    stopwatch: Stopwatch | None = None,
) -> Peak:
    """The best rate over these layers on these runtimes, by default all that are installed here.

    Each layer is visited several times in turn; its rate is that of its quickest visit's median,
    since other work on the machine can only slow a visit down, and a single run may be a fluke.
    """
    watch = stopwatch or MonotonicStopwatch()
    found = []
    for runtime, opened in (installed_openers() if openers is None else openers).items():
        calls = {layer: opened(layer, threads) for layer in layers}
        quickest_ms = dict.fromkeys(layers, float("inf"))
        for _ in range(visits):
            for layer, call in calls.items():
                call()
                visit_ms = median(watch(call) for _ in range(runs))
                quickest_ms[layer] = min(quickest_ms[layer], visit_ms)
        found += [
            Peak(layer.flops / (milliseconds * 1e6), f"3x3 convolution, {layer}, {runtime}")
            for layer, milliseconds in quickest_ms.items()
        ]
    return max(found, key=lambda peak: peak.gflops)


def installed_openers() -> dict[str, Opener]:
    """Those runtimes of the table on which it is sought, where all that they need is installed."""
    return {
        row.name: partial(open_row, row.name)
        for row in opened_runtimes().values()
        if row.shows_peak and all(find_spec(package) for package in (row.package, *row.needs))
    }


def open_row(runtime: str, layer: HeavyLayer, threads: int) -> Call:
    """The row on a runtime."""
    backend = backend_for(Running(runtime, threads))
    return backend.module_call(row_of(layer), [_maps(layer)])


def row_of(layer: HeavyLayer) -> nn.Module:
    """The convolutions, one after the other."""
    convolutions = (
        nn.Conv2d(layer.channels, layer.channels, KERNEL, padding=1, bias=False)
        for _ in range(IN_A_ROW)
    )
    return nn.Sequential(*convolutions).eval().requires_grad_(False)


def _maps(layer: HeavyLayer) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    generator = np.random.default_rng(0)
    return generator.standard_normal((1, layer.channels, *layer.size), dtype=np.float32)
