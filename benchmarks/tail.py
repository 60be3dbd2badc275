"""How much faster the one-pass tail is than upsampling and arg max as two operations.

Times, in turn within one run, the tail block in ONNX Runtime (the exporter's graph: Resize corner
on corner, ArgMax, Cast to uint8), the same graph in OpenVINO, the block in PyTorch, and the three
forms of `fasterseg.deploy.tail`, that in C compiled here with -O3 for this processor.  They are
given logits as a network makes them, and noise, which is the worst case: every cell mixed, nearly
every class a candidate.  Prints medians and minima in milliseconds, in how many times less than
ONNX Runtime each is done, and how many pixels differ from PyTorch's.  On a busy machine the minima
tell more.

    python benchmarks/tail.py
    python benchmarks/tail.py --logits logits.npy --size 512 1024

A file of logits holds (classes, height, width) numbers.  Without one, label maps of the built-in
street scenes stand in for a network: shares of each class at low resolution, blurred, as
logarithms, with a little noise.
"""

from __future__ import annotations

import argparse
import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from fasterseg.datasets.street import StreetScenes
from fasterseg.deploy.exporting.bordering import SizedBlock
from fasterseg.deploy.exporting.tracing import traced
from fasterseg.deploy.runtimes.onnx.cpu import OnnxRuntimeBackend
from fasterseg.deploy.runtimes.pytorch import threads_set
from fasterseg.deploy.tail.beside import c_source
from fasterseg.deploy.tail.label_maps import open_tail
from fasterseg.latency.timing import Call, MonotonicStopwatch, TimerSettings, time_interleaved
from fasterseg.layers.building import TailBlock
from fasterseg.space.blocks import BlockSpec, Size

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[Any]

CLASSES = 19
SIZES = (
    (Size(45, 60), Size(360, 480)),
    (Size(64, 128), Size(512, 1024)),
    (Size(128, 256), Size(1024, 2048)),
)
NOISE = 0.5  # deviation of what is added to the logarithms of shares
LEAST_SHARE = 1e-3
NEIGHBOURS = (slice(None, -1), slice(1, None))


def street_logits(low: Size, *, seed: int) -> Floats:
    """Return logits (classes, height, width) that look like those of a trained network."""
    stride = 4
    size = (low.height * stride, low.width * stride)
    labels = StreetScenes(size=size, counts={"val": 1}, seed=seed).sample("val", 0).labels
    known = torch.from_numpy(np.where(labels < CLASSES, labels, 0).astype(np.int64))
    shares = F.one_hot(known, CLASSES).permute(2, 0, 1)[None].float()
    shares = F.avg_pool2d(F.avg_pool2d(shares, stride), 3, stride=1, padding=1)
    noise = torch.randn(shares.shape, generator=torch.Generator().manual_seed(seed))
    logits: Floats = (torch.log(shares + LEAST_SHARE) + NOISE * noise)[0].numpy()
    return logits


def noise_logits(classes: int, low: Size) -> Floats:
    """Return logits that know nothing."""
    return np.random.default_rng(0).standard_normal((classes, *low), dtype=np.float32)


def mixed_cells(logits: Floats) -> tuple[float, float]:
    """Return the share of cells whose corners differ, and their mean number of candidates."""
    ends = [logits[:, y, x] for y in NEIGHBOURS for x in NEIGHBOURS]
    winners = [end.argmax(axis=0) for end in ends]
    mixed = np.any([winner != winners[0] for winner in winners], axis=0)
    floor = np.minimum.reduce(ends).max(axis=0)
    candidates = (np.maximum.reduce(ends) >= floor).sum(axis=0)[mixed]
    return float(mixed.mean()), float(candidates.mean()) if mixed.any() else 0.0


@cache
def tail_graph(classes: int, low: Size, size: Size) -> bytes:
    """Return the ONNX model of the tail block."""
    spec = BlockSpec("tail", (classes,), classes, 8, low, size)
    return traced(SizedBlock(spec), [torch.empty(1, classes, *low)])


def onnx_runtime(model: bytes, logits: Floats, size: Size, threads: int) -> tuple[Call, Labels]:
    """Return a run of the graph, and the labels it writes."""
    import onnxruntime

    session = OnnxRuntimeBackend(threads=threads).open_graph(model).session
    labels = np.empty((1, *size), dtype=np.uint8)
    binding = session.io_binding()
    binding.bind_ortvalue_input("in0", onnxruntime.OrtValue.ortvalue_from_numpy(logits[None]))
    pointer = labels.ctypes.data
    binding.bind_output("out", "cpu", 0, np.uint8, labels.shape, pointer)
    return partial(session.run_with_iobinding, binding), labels[0]


def openvino(model: bytes, logits: Floats, size: Size, threads: int) -> tuple[Call, Labels]:
    """Return a run of the graph in float32, and the labels it writes."""
    from openvino import Core, Tensor

    options = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    core = Core()
    compiled = core.compile_model(core.read_model(model), "CPU", options)
    request = compiled.create_infer_request()
    labels = np.empty((1, *size), dtype=np.uint8)
    request.set_input_tensor(Tensor(np.ascontiguousarray(logits[None]), shared_memory=True))
    request.set_output_tensor(Tensor(labels, shared_memory=True))
    return request.infer, labels[0]


def pytorch(logits: Floats, size: Size, threads: int) -> tuple[Call, Labels]:
    """Return a run of the tail block, and the labels it gives."""
    block, inputs = TailBlock(), torch.from_numpy(logits)[None]

    def run() -> torch.Tensor:
        with torch.inference_mode(), threads_set(threads):
            found: torch.Tensor = block(inputs, size=tuple(size))
        return found

    return run, run()[0].numpy()


def ours(kind: Any, logits: Floats, size: Size, threads: int) -> tuple[str, tuple[Call, Labels]]:
    """Return the name and a run of one form of the tail, and the labels it writes."""
    tail = open_tail(kind, threads=threads)
    labels = np.empty(size, dtype=np.uint8)
    return tail.name, (partial(tail, logits, size, out=labels), labels)


@cache
def compiled() -> ctypes.CDLL | None:
    """Return the C file as a library; None where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="tail-"))
    (folder / "tail.c").write_bytes(c_source())
    flags = ["-std=c99", "-O3", "-march=native", "-shared", "-fPIC"]
    made = folder / "tail.so"
    subprocess.run([compiler, *flags, "-o", str(made), str(folder / "tail.c")], check=True)
    library = ctypes.CDLL(str(made))
    library.fasterseg_tail_bytes.restype = ctypes.c_size_t
    return library


def in_c(library: ctypes.CDLL, logits: Floats, size: Size) -> tuple[Call, Labels]:
    """Return a run of the C file on one thread, and the labels it writes."""
    numbers = (*logits.shape, *size)
    work = np.empty(library.fasterseg_tail_bytes(*numbers), dtype=np.uint8)
    labels = np.empty(size, dtype=np.uint8)
    values = np.ascontiguousarray(logits)
    places = [ctypes.c_void_p(array.ctypes.data) for array in (values, labels, work)]

    def run() -> None:
        fault = library.fasterseg_tail_u8(
            places[0], *logits.shape, places[1], *size, places[2], 0, 1
        )
        assert (fault, len(values), len(work)) == (0, len(logits), len(work))

    return run, labels


def contenders(model: bytes, logits: Floats, size: Size, threads: int) -> Iterator[tuple[str, Any]]:
    """Give everything that can be timed here, ONNX Runtime first."""
    yield "ONNX Runtime", onnx_runtime(model, logits, size, threads)
    if find_spec("openvino"):
        yield "OpenVINO", openvino(model, logits, size, threads)
    yield "PyTorch", pytorch(logits, size, threads)
    if find_spec("numba"):
        yield ours("fast", logits, size, threads)
    if threads == 1:
        yield ours("numpy", logits, size, threads)
        if (library := compiled()) is not None:
            yield "C (1 thread)", in_c(library, logits, size)


def compare(model: bytes, logits: Floats, size: Size, *, threads: int, runs: int) -> None:
    """Time all contenders in turn and print one line for each."""
    known: dict[str, tuple[Call, Labels]] = dict(contenders(model, logits, size, threads))
    settings = TimerSettings(warmup_runs=1, runs=runs, seconds=0.0, visits=runs)
    calls, watch = {name: call for name, (call, _) in known.items()}, LeastTimes()
    timings = time_interleaved(calls, settings=settings, stopwatch=watch)
    times = {name: (timings[name].median_ms, watch.least_ms[call]) for name, call in calls.items()}
    for name, found in times.items():
        median, least = found
        ratios = [slow / fast for slow, fast in zip(times["ONNX Runtime"], found, strict=True)]
        differing = int((known[name][1] != known["PyTorch"][1]).sum())
        print(
            f"  {threads} thread{'s' if threads > 1 else ' '}  {name:24}"
            f" median {median:8.2f} ({ratios[0]:5.1f}x)  least {least:8.2f} ({ratios[1]:5.1f}x)"
            f"  {differing:3} pixels differ",
            flush=True,
        )


class LeastTimes:
    """A stopwatch that remembers the shortest time of each call."""

    def __init__(self) -> None:
        self.least_ms: dict[Call, float] = {}

    def __call__(self, call: Call) -> float:
        """Make the call; return its milliseconds."""
        taken_ms = MonotonicStopwatch()(call)
        self.least_ms[call] = min(taken_ms, self.least_ms.get(call, taken_ms))
        return taken_ms


def cases(arguments: argparse.Namespace) -> Iterator[tuple[str, Floats, Size]]:
    """Give what the logits are, the logits, and the size of their label map."""
    if arguments.logits is not None:
        logits = np.load(arguments.logits).astype(np.float32)
        yield f"logits of {arguments.logits.name}", logits, Size(*arguments.size)
        return
    for low, size in SIZES:
        yield "street labels as logits, with noise", street_logits(low, seed=0), size
        yield "noise", noise_logits(CLASSES, low), size


def main() -> None:
    """Parse the arguments, time each case, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--logits", type=Path, help="a .npy file of (classes, height, width)")
    parser.add_argument("--size", type=int, nargs=2, default=(512, 1024))
    parser.add_argument("--threads", type=int, nargs="+", default=(1, 2))
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    for library in ("openvino", "numba"):
        if not find_spec(library):
            print(f"{library} is not installed: its lines are left out")
    if not shutil.which("cc"):
        print("no C compiler is installed: the lines of the C file are left out")
    for what, logits, size in cases(arguments):
        low = Size(*logits.shape[1:])
        mixed, candidates = mixed_cells(logits)
        print(f"{low} -> {size}, {len(logits)} classes, {what}:")
        print(f"  {100 * mixed:.0f} % of the cells are mixed, {candidates:.1f} candidates in each")
        model = tail_graph(len(logits), low, size)
        for threads in arguments.threads:
            compare(model, logits, size, threads=threads, runs=arguments.runs)


if __name__ == "__main__":
    main()
