"""A whole job taken apart: how long pre-processing, network and tail take within one query."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from fasterseg.deploy.onnx_runtime import OnnxSession
from fasterseg.deploy.pytorch import PytorchSession, threads_set
from fasterseg.deploy.sessions import Image
from fasterseg.latency.timing import Call, CudaStopwatch, MonotonicStopwatch, Stopwatch

COPY_IN, PREPARING, NETWORK, TAIL, COPY_OUT = (
    "copy in",
    "pre-processing",
    "network",
    "tail",
    "copy out",
)
AROUND = "around the graph"
WARM_UP = 3
MICROSECONDS_PER_MS = 1e3


def pytorch_parts(session: PytorchSession, image: Image) -> dict[str, float]:
    """One query of an eager session, each part timed apart, in milliseconds."""
    on_cuda = session.device.type == "cuda"
    watch: Stopwatch = CudaStopwatch(torch.cuda) if on_cuda else MonotonicStopwatch()
    job, height, width = session.job, image.shape[0], image.shape[1]
    found: dict[str, float] = {}

    def part(name: str, call: Call) -> Any:
        results: list[object] = []
        found[name] = watch(lambda: results.append(call()))
        return results[0]

    with torch.inference_mode(), threads_set(session.threads):
        pixels = part(COPY_IN, lambda: torch.from_numpy(image)[None].to(session.device))
        maps = part(PREPARING, lambda: job.input(pixels))  # type: ignore[operator]
        network = job.network.low_resolution  # type: ignore[union-attr]
        logits = part(NETWORK, lambda: network(maps))  # type: ignore[operator]
        labels = part(TAIL, lambda: job.tail(logits, size=(height, width)))  # type: ignore[operator]
        part(COPY_OUT, lambda: labels[0].cpu().numpy())
    return found


def onnx_parts(
    session: OnnxSession, image: Image, *, threads: int, runs: int
) -> list[dict[str, float]]:
    """Some queries of an ONNX graph, taken apart by ONNX Runtime's own profile, in milliseconds.

    What runs before the graph's first convolution is pre-processing, what runs after its last the
    tail.  "Around the graph" is what the runtime and the calls into it add.
    """
    import onnxruntime

    with TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        profiled = OnnxSession(
            session.model,
            onnxruntime.InferenceSession(
                session.model, options, providers=["CPUExecutionProvider"]
            ),
        )
        watch = MonotonicStopwatch()
        times_ms = [watch(lambda: profiled.run(image)) for _ in range(WARM_UP + runs)]
        written = Path(profiled.session.end_profiling())
        events = json.loads(written.read_text(encoding="utf-8"))
    queries = queries_in(events)
    if len(queries) != len(times_ms):
        return []
    apart = [parts_of(nodes) for nodes in queries]
    whole = zip(apart, times_ms, strict=True)
    return [{**parts, AROUND: ms - sum(parts.values())} for parts, ms in whole][WARM_UP:]


def queries_in(events: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """The kernels of each run that a profile of ONNX Runtime tells, in the order in which they ran.

    They are told apart by the clock: a kernel belongs to the run during which it began.
    """
    runs = [event for event in events if event.get("name") == "model_run"]
    kernels = [
        event
        for event in events
        if event.get("cat") == "Node" and str(event.get("name")).endswith("_kernel_time")
    ]
    kernels.sort(key=lambda event: float(event["ts"]))
    found = []
    for run in sorted(runs, key=lambda event: float(event["ts"])):
        start, end = float(run["ts"]), float(run["ts"]) + float(run["dur"])
        found.append([kernel for kernel in kernels if start <= float(kernel["ts"]) <= end])
    return found


def parts_of(kernels: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Milliseconds before the first convolution, up to the last, and after it."""
    convolutions = [place for place, one in enumerate(kernels) if "Conv" in _operator(one)]
    first, last = (convolutions[0], convolutions[-1]) if convolutions else (0, len(kernels) - 1)
    return {
        PREPARING: _milliseconds(kernels[:first]),
        NETWORK: _milliseconds(kernels[first : last + 1]),
        TAIL: _milliseconds(kernels[last + 1 :]),
    }


def _operator(kernel: Mapping[str, Any]) -> str:
    return str(kernel.get("args", {}).get("op_name", ""))


def _milliseconds(kernels: Sequence[Mapping[str, Any]]) -> float:
    return sum(float(kernel["dur"]) for kernel in kernels) / MICROSECONDS_PER_MS
