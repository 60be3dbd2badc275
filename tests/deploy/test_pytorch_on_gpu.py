"""The eager backend on a GPU: the CPU's labels, and times that wait for the device."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_training import tiny_architecture

from fasterseg.deploy.benchmark.parts import eager_parts, watch_of
from fasterseg.deploy.runtimes.pytorch import PytorchBackend
from fasterseg.latency.enumeration import specs_of
from fasterseg.latency.timing import CudaStopwatch, TimerSettings, time_calls
from fasterseg.learning.step_times import time_steps
from fasterseg.network.network import Network, WholeJob
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size
from fasterseg.space.options import Options

pytestmark = pytest.mark.gpu

GEOMETRY = Geometry(Size(32, 64), 9)
# At two gigahertz, which no such clock exceeds by half, 50 ms: calls come back long before that.
CYCLES, LEAST_MS = 100_000_000, 25.0


def an_image() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 255, (32, 64, 3), dtype=np.uint8)


def a_job() -> WholeJob:
    return WholeJob(Network(tiny_architecture(), 9), (0.5,) * 3, (0.2,) * 3).eval()


def test_the_stopwatch_waits_for_work_that_was_only_enqueued(cuda: torch.device) -> None:
    watch = CudaStopwatch(torch.cuda, cuda)
    assert watch(lambda: torch.cuda._sleep(CYCLES)) > LEAST_MS
    torch.cuda._sleep(CYCLES)
    assert watch(lambda: None) < LEAST_MS, "what was enqueued before the call is no part of it"


def test_steps_are_timed_until_the_device_is_done(cuda: torch.device) -> None:
    times = time_steps(lambda _index: torch.cuda._sleep(CYCLES), seconds=0.0, device=cuda)
    assert times.step_seconds * 1000 > LEAST_MS


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_labels_are_those_of_the_cpu(precision: str, cuda: torch.device) -> None:
    job, image = a_job(), an_image()
    here = PytorchBackend(threads=1, device="cpu").open_network(job, GEOMETRY.size)
    backend = PytorchBackend(threads=1, device=str(cuda), precision=precision)  # type: ignore[arg-type]
    there = backend.open_network(job, GEOMETRY.size)
    assert float((there.run(image) == here.run(image)).mean()) > 0.95
    assert "cuda" in there.facts()["runtime"]
    parts = eager_parts(there, image, watch_of(there))
    assert set(parts) >= {"copy in", "network", "tail", "copy out"}
    assert backend.versions()["gpu"] == torch.cuda.get_device_name(cuda)


def test_every_block_of_a_space_is_timed_on_the_device(cuda: torch.device) -> None:
    from small_spaces import make_space, open_student

    space = make_space(2, branches=(16, 8), expansions=(1,))
    specs = specs_of([Options.of(space, open_student(operators=space.operators))], GEOMETRY)
    backend = PytorchBackend(threads=1, device=str(cuda))
    settings = TimerSettings(warmup_runs=1, runs=2, seconds=0.0)
    for spec, call in backend.block_calls(specs):
        timing = time_calls(call, settings=settings, stopwatch=backend.stopwatch)
        assert timing.median_ms > 0, spec.key
