"""Taking apart: what a runtime's profile says, sorted into pre-processing, network and tail."""

from __future__ import annotations

from typing import Any

import pytest

from fasterseg.deploy.parts import AROUND, NETWORK, PREPARING, TAIL, parts_of, queries_in


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


def test_the_parts_of_a_query_are_all_of_it() -> None:
    pytest.importorskip("onnxruntime")
    import numpy as np
    import torch
    from torch import nn

    from fasterseg.deploy.onnx_runtime import OnnxRuntimeBackend
    from fasterseg.deploy.parts import onnx_parts
    from fasterseg.space.blocks import Size

    class Job(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, padding=1)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            maps = images.permute(0, 3, 1, 2).float() / 255.0
            return self.conv(maps).argmax(1).to(torch.uint8)

    session = OnnxRuntimeBackend(threads=1).open_network(Job().eval(), Size(16, 24))
    image = np.zeros((16, 24, 3), dtype=np.uint8)
    found = onnx_parts(session, image, threads=1, runs=4)
    assert len(found) == 4
    for parts in found:
        assert set(parts) == {PREPARING, NETWORK, TAIL, AROUND}
        assert min(parts.values()) >= 0
        assert parts[NETWORK] > 0
