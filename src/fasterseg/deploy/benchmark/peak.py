"""How fast the processor convolves at best: what a network's multiply-adds are held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pkgutil import resolve_name
from statistics import median

import numpy as np
import torch
from torch import nn

from fasterseg.config import RUNTIMES
from fasterseg.deploy.runtimes.pytorch import threads_set
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
    """Those runtimes of the table that say how, where they are installed with all they need."""
    return {
        row.name: resolve_name(row.peak)
        for row in RUNTIMES.values()
        if row.peak and all(find_spec(library) for library in (row.library, *row.needs))
    }


def open_on_pytorch(layer: HeavyLayer, threads: int) -> Call:
    """The row in eager PyTorch, channels last."""
    row = nn.Sequential(
        *(
            nn.Conv2d(layer.channels, layer.channels, KERNEL, padding=1, bias=False)
            for _ in range(IN_A_ROW)
        )
    )
    row = row.eval().requires_grad_(False)
    row.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    maps = torch.from_numpy(_maps(layer)).to(memory_format=torch.channels_last)
    return partial(_run, row, maps, threads)


def _run(row: nn.Module, maps: torch.Tensor, threads: int) -> object:
    with torch.inference_mode(), threads_set(threads):
        return row(maps)


def open_on_onnxruntime(layer: HeavyLayer, threads: int) -> Call:
    """The row as an ONNX graph."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        row_graph(layer), options, providers=["CPUExecutionProvider"]
    )
    return partial(session.run, None, {"maps0": _maps(layer)})


def row_graph(layer: HeavyLayer) -> bytes:
    """The ONNX model of the row: ``maps0`` through ``maps1``.. to the last."""
    from onnx import TensorProto, helper, numpy_helper

    generator = np.random.default_rng(0)
    shape = (layer.channels, layer.channels, KERNEL, KERNEL)
    scale = np.float32((1.0 / np.prod(shape[1:])) ** 0.5)
    weights = [
        numpy_helper.from_array(generator.standard_normal(shape, np.float32) * scale, f"weight{i}")
        for i in range(IN_A_ROW)
    ]
    nodes = [
        helper.make_node("Conv", [f"maps{i}", f"weight{i}"], [f"maps{i + 1}"], pads=[1, 1, 1, 1])
        for i in range(IN_A_ROW)
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, layer.channels, *layer.size])
        for name in ("maps0", f"maps{IN_A_ROW}")
    ]
    graph = helper.make_graph(nodes, "row", ends[:1], ends[1:], initializer=weights)
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    return bytes(model.SerializeToString())


def _maps(layer: HeavyLayer) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    generator = np.random.default_rng(0)
    return generator.standard_normal((1, layer.channels, *layer.size), dtype=np.float32)
