"""Taking apart: what a runtime's profile says, sorted into pre-processing, network and tail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tiny_export import network

from fasterseg.config import OutputForm, TailForm
from fasterseg.deploy.benchmark.parts import (
    AROUND,
    COPY_IN,
    COPY_OUT,
    NETWORK,
    PREPARING,
    TAIL,
    parts_of,
    parts_of_job,
    queries_in,
)
from fasterseg.deploy.runtimes.onnx.cpu import OnnxRuntimeBackend
from fasterseg.deploy.runtimes.pytorch import PytorchBackend
from fasterseg.deploy.tail.label_maps import open_tail
from fasterseg.network.network import WholeJob
from fasterseg.space.blocks import Size


def kernel(operator: str, start: float, duration: float) -> dict[str, Any]:
    """A kernel as ONNX Runtime tells it: microseconds."""
    return {
        "cat": "Node",
        "name": f"{operator}_kernel_time",
        "ts": start,
        "dur": duration,
        "args": {"op_name": operator},
    }


def run_event(start: float, duration: float) -> dict[str, Any]:
    return {"cat": "Session", "name": "model_run", "ts": start, "dur": duration}


def test_convolutions_are_the_borders_of_the_network() -> None:
    kernels = [
        kernel("Cast", 0, 100),
        kernel("FusedConv", 100, 3000),
        kernel("Resize", 3100, 500),
        kernel("Conv", 3600, 1000),
        kernel("ReorderOutput", 4600, 50),
        kernel("ArgMax", 4650, 150),
    ]
    assert parts_of(kernels) == {PREPARING: 0.1, NETWORK: 4.5, TAIL: 0.2}


def test_a_graph_without_convolutions_is_all_network() -> None:
    assert parts_of([kernel("Add", 0, 1000)]) == {PREPARING: 0.0, NETWORK: 1.0, TAIL: 0.0}


def test_kernels_belong_to_the_run_in_which_they_began() -> None:
    events = [
        run_event(1000, 500),
        run_event(0, 500),
        {**kernel("Conv", 10, 5), "name": "Conv_fence_before"},
        kernel("Conv", 1010, 300),
        kernel("Conv", 200, 30),
        kernel("Cast", 10, 100),
    ]
    found = queries_in(events)
    assert [[one["args"]["op_name"] for one in run] for run in found] == [
        ["Cast", "Conv"],
        ["Conv"],
    ]


@pytest.mark.parametrize("tail", ["graph", "numpy"])
def test_the_parts_of_a_query_are_all_of_it(tail: TailForm) -> None:
    output: OutputForm = "labels" if tail == "graph" else "low-resolution-logits"
    apart = None if tail == "graph" else open_tail("numpy", threads=1)
    job = WholeJob(network(0), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), output=output).eval()
    image = np.zeros((64, 96, 3), dtype=np.uint8)
    onnx = OnnxRuntimeBackend(threads=1, tail=apart).open_network(job, Size(64, 96))
    eager = PytorchBackend(threads=1, device="cpu", tail=apart).open_network(job, Size(64, 96))
    told = next(parts_of_job(onnx, image))
    assert set(told) == {PREPARING, NETWORK, TAIL, AROUND}
    assert min(told.values()) >= 0
    assert told[NETWORK] > 0
    timed = next(parts_of_job(eager, image))
    assert set(timed) == {COPY_IN, PREPARING, NETWORK, TAIL, COPY_OUT}
    assert min(timed.values()) > 0
