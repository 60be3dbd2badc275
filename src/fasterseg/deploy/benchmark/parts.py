"""A whole job taken apart: how long pre-processing, network and tail take within one query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from fasterseg.deploy.runtimes.onnx.cpu import OnnxGraph
from fasterseg.deploy.runtimes.pytorch import PytorchGraph
from fasterseg.deploy.runtimes.sessions import Image, Session
from fasterseg.deploy.runtimes.tensorrt.engines import TensorrtGraph
from fasterseg.foreign.strict_json import load_json
from fasterseg.latency.timing import Call, CudaStopwatch, MonotonicStopwatch, Stopwatch
from fasterseg.network.network import WholeJob
from fasterseg.space.blocks import Size

COPY_IN, PREPARING, NETWORK, TAIL, COPY_OUT = (
    "copy in",
    "pre-processing",
    "network",
    "tail",
    "copy out",
)
AROUND = "around the graph"
WARM_UP, PROFILED_RUNS = 3, 20
MICROSECONDS_PER_MS = 1e3


def parts_of_job(session: Session, image: Image) -> Iterator[dict[str, float]]:
    """One query after the other, taken apart, in milliseconds.

    Where the runtime tells what it did, pre-processing is apart from the network; where it does
    not, it is part of it.
    """
    if isinstance(session.graph, OnnxGraph):
        while found := onnx_parts(session, session.graph, image, runs=PROFILED_RUNS):
            yield from found
    watch = watch_of(session)
    while True:
        yield eager_parts(session, image, watch) or session.parts_ms(image, watch)


def watch_of(session: Session) -> Stopwatch:
    """The clock of the device that a session runs on."""
    graph = session.graph
    if isinstance(graph, PytorchGraph) and graph.device.type == "cuda":
        return CudaStopwatch(torch.cuda, graph.device)
    return graph.gpu.stopwatch if isinstance(graph, TensorrtGraph) else MonotonicStopwatch()


def eager_parts(session: Session, image: Image, watch: Stopwatch) -> dict[str, float]:
    """One query of an eager session, each part timed apart; empty for any other session."""
    graph = session.graph
    if not isinstance(graph, PytorchGraph) or not isinstance(graph.job, WholeJob):
        return {}
    job, size = graph.job, Size(image.shape[0], image.shape[1])
    found: dict[str, float] = {}

    def part(name: str, call: Call) -> Any:
        results: list[object] = []
        found[name] = watch(lambda: results.append(call()))
        return results[0]

    with graph.computing():
        pixels = part(COPY_IN, lambda: torch.from_numpy(image)[None].to(graph.device))
        maps = part(PREPARING, lambda: job.input(pixels))
        network = job.network.low_resolution
        logits = part(NETWORK, lambda: network(maps).to(torch.float32))  # type: ignore[operator]
        if session.tail is None:
            labels = part(TAIL, lambda: job.tail(logits, size=size))
            part(COPY_OUT, lambda: labels[0].cpu().numpy())
        else:
            tail, copied = session.tail, part(COPY_OUT, lambda: logits[0].cpu().numpy())
            part(TAIL, lambda: tail(copied, size))
    return found


def onnx_parts(
    session: Session, graph: OnnxGraph, image: Image, *, runs: int
) -> list[dict[str, float]]:
    """Some queries of an ONNX graph, taken apart by ONNX Runtime's own profile, in milliseconds.

    What runs before the graph's first convolution is pre-processing, what runs after its last the
    tail, or part of it where the tail is apart.  "Around the graph" is what the runtime and the
    calls into it add.
    """
    import onnxruntime

    with TemporaryDirectory() as folder:
        options = graph.session.get_session_options()
        profiling = onnxruntime.SessionOptions()
        profiling.intra_op_num_threads = options.intra_op_num_threads
        profiling.inter_op_num_threads = options.inter_op_num_threads
        profiling.log_severity_level = 3
        profiling.enable_profiling = True
        profiling.profile_file_prefix = str(Path(folder) / "profile")
        profiled = OnnxGraph(
            graph.model,
            onnxruntime.InferenceSession(
                graph.model, profiling, providers=["CPUExecutionProvider"]
            ),
        )
        watch = MonotonicStopwatch()
        times_ms = [watch(lambda: profiled.run(image[None])) for _ in range(WARM_UP + runs)]
        written = Path(profiled.session.end_profiling())
        events = load_json(written.read_bytes())
    queries = queries_in(events)
    if len(queries) != len(times_ms):
        return []
    whole = zip([parts_of(nodes) for nodes in queries], times_ms, strict=True)
    apart = [{**parts, AROUND: ms - sum(parts.values())} for parts, ms in whole][WARM_UP:]
    if session.tail is None:
        return apart
    return [{**parts, TAIL: parts[TAIL] + session.parts_ms(image, watch)[TAIL]} for parts in apart]


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
