"""The eager backend on a GPU: the processor's labels, and times that wait for the device."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_training import tiny_architecture

from fasterseg.config import Precision
from fasterseg.deploy.benchmark.parts import eager_parts, watch_of
from fasterseg.deploy.runtimes.onnx.cpu import OnnxRuntimeBackend
from fasterseg.deploy.runtimes.pytorch import PytorchBackend, computed_on
from fasterseg.latency.enumeration import specs_of
from fasterseg.latency.timing import CudaStopwatch, TimerSettings, time_calls
from fasterseg.learning.step_times import time_steps
from fasterseg.network.network import Network, WholeJob
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size
from fasterseg.space.options import Options

GEOMETRY = Geometry(Size(32, 64), 9)
# At two gigahertz, which no such clock exceeds by half, 50 ms: calls come back long before that.
CYCLES, LEAST_MS = 100_000_000, 25.0


def an_image() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 255, (32, 64, 3), dtype=np.uint8)


def a_job() -> WholeJob:
    return WholeJob(Network(tiny_architecture(), 9), (0.5,) * 3, (0.2,) * 3).eval()


@pytest.mark.gpu  # its twin has made-up events: tests/latency/test_timing.py
def test_the_stopwatch_waits_for_work_that_was_only_enqueued(cuda: torch.device) -> None:
    watch = CudaStopwatch(torch.cuda, cuda)
    assert watch(lambda: torch.cuda._sleep(CYCLES)) > LEAST_MS
    torch.cuda._sleep(CYCLES)
    assert watch(lambda: None) < LEAST_MS, "what was enqueued before the call is no part of it"


@pytest.mark.gpu  # its twin has a made-up clock: tests/learning/test_step_times.py
def test_steps_are_timed_until_the_device_is_done(cuda: torch.device) -> None:
    times = time_steps(lambda _index: torch.cuda._sleep(CYCLES), seconds=0.0, device=cuda)
    assert times.step_seconds * 1000 > LEAST_MS


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_labels_are_those_of_the_processor(precision: Precision, device: torch.device) -> None:
    if device.type == "cpu" and precision == "float16":
        pytest.skip("PyTorch may lack it on a processor")
    job, image = a_job(), an_image()
    here = PytorchBackend(threads=1, device="cpu").open_network(job, GEOMETRY.size)
    backend = PytorchBackend(threads=1, device=str(device), precision=precision)
    there = backend.open_network(job, GEOMETRY.size)
    least = 0.999 if precision == "float32" else 0.95
    assert float((there.run(image) == here.run(image)).mean()) > least
    assert str(device) in there.facts()["runtime"]
    assert there.facts()["precision"] == precision
    parts = eager_parts(there, image, watch_of(there))
    assert set(parts) >= {"copy in", "network", "tail", "copy out"}


def test_an_exported_file_gives_the_labels_that_the_network_gives_there(
    device: torch.device,
) -> None:
    job, image = a_job(), an_image()
    file = OnnxRuntimeBackend(threads=1).open_network(job, GEOMETRY.size)
    there = PytorchBackend(threads=1, device=str(device)).open_network(job, GEOMETRY.size)
    assert float((there.run(image) == file.run(image)).mean()) > 0.999


def test_what_stays_there_gives_the_labels_that_are_copied_back(device: torch.device) -> None:
    backend = PytorchBackend(threads=1, device=str(device), transfer=False)
    session = backend.open_network(a_job(), GEOMETRY.size)
    labels = session.call(an_image(), transfer=False)()
    assert isinstance(labels, torch.Tensor)
    assert labels.device.type == device.type
    assert np.array_equal(labels[0].cpu().numpy(), session.run(an_image()))


def test_kernels_lie_there_with_their_channels_last(device: torch.device) -> None:
    backend = PytorchBackend(threads=1, device=str(device))
    graph = backend.graph_of(a_job(), GEOMETRY.size)
    assert isinstance(graph.job, WholeJob)
    kernels = [p for p in graph.job.parameters() if p.dim() == 4]
    assert kernels
    assert all(k.is_contiguous(memory_format=torch.channels_last) for k in kernels)
    assert all(p.device.type == device.type for p in graph.job.parameters())


def test_on_a_gpu_convolutions_of_float32_compute_in_it_while_they_are_timed_and_no_longer() -> (
    None
):
    before = torch.backends.cudnn.allow_tf32
    with computed_on(torch.device("cuda"), threads=1):
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32 == before


def test_what_a_latency_depends_on_is_told(device: torch.device) -> None:
    told = PytorchBackend(threads=1, device=str(device)).versions()
    assert told["torch"] == str(torch.__version__)
    if device.type == "cuda":
        assert told["gpu"] == torch.cuda.get_device_name(device)
        assert told["tf32"] == "off"
        assert told["driver"]


@pytest.mark.slow
def test_every_block_of_a_space_is_timed_there(device: torch.device) -> None:
    from small_spaces import make_space, open_student

    space = make_space(2, branches=(16, 8), expansions=(1,))
    specs = specs_of([Options.of(space, open_student(operators=space.operators))], GEOMETRY)
    backend = PytorchBackend(threads=1, device=str(device))
    settings = TimerSettings(warmup_runs=1, runs=2, seconds=0.0)
    for spec, call in backend.block_calls(specs):
        timing = time_calls(call, settings=settings, stopwatch=backend.stopwatch)
        assert timing.median_ms > 0, spec.key
