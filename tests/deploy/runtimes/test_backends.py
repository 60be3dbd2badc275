from __future__ import annotations

import sys
from random import Random
from typing import get_args

import numpy as np
import pytest
import torch
from tiny_export import faithful

from fasterseg.config import FloatPrecision, SearchSpace, TargetSettings
from fasterseg.deploy.exporting.borders import Border
from fasterseg.deploy.exporting.timed_graphs import PLAIN_DEVIATION, PLAIN_MEAN
from fasterseg.deploy.runtimes.backends import open_backend
from fasterseg.deploy.runtimes.onnx import backend as onnx_backend
from fasterseg.deploy.runtimes.onnx.cpu import OnnxGraph, OnnxRuntimeBackend
from fasterseg.deploy.runtimes.pytorch import PytorchBackend, PytorchGraph
from fasterseg.deploy.runtimes.sessions import Session
from fasterseg.deploy.tail.label_maps import open_tail
from fasterseg.errors import EnvironmentFault
from fasterseg.latency.table import Target
from fasterseg.latency.timing import Call
from fasterseg.network.network import Network, WholeJob
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_architecture

GEOMETRY = Geometry(Size(33, 48), 4)
OPTIONS = Options.of_space(SearchSpace(layers=3, expansions=(2,), operators=("conv",)))
CONV = BlockSpec("conv", (8,), 8, 1, Size(8, 8), Size(8, 8))

TAIL = BlockSpec("tail", (4,), 1, 1, Size(5, 6), Size(33, 48))


SIZE = {"height": 32, "width": 64}


def target(**changes: object) -> Target:
    return Target.of(TargetSettings.model_validate({**SIZE, "threads": 1, **changes}), 4)


@pytest.fixture(scope="module")
def job() -> WholeJob:
    architecture = random_architecture(OPTIONS, Random(0))
    return WholeJob(Network(architecture, 4), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)).eval()


@pytest.fixture(scope="module")
def onnx_session(job: WholeJob) -> Session:
    return OnnxRuntimeBackend(threads=1).open_network(job, GEOMETRY.size)


def an_image() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (33, 48, 3), dtype=np.uint8)


def test_both_backends_give_the_networks_labels(job: WholeJob, onnx_session: Session) -> None:
    image = an_image()
    with torch.inference_mode():
        expected = job(torch.from_numpy(image)[None])[0].numpy()
    eager = PytorchBackend(threads=1, device="cpu").open_network(job, GEOMETRY.size)
    for session in (onnx_session, eager):
        labels = session.predictor()(image)
        assert labels.shape == (33, 48)
        assert (labels == expected).mean() >= 0.999


def test_openvino_gives_the_networks_labels_and_says_what_it_computes_in(job: WholeJob) -> None:
    pytest.importorskip("openvino", reason="the extra 'openvino' is not installed")
    from fasterseg.deploy.runtimes.openvino.runtime import OpenvinoBackend

    session = OpenvinoBackend(threads=1).open_network(job, GEOMETRY.size)
    with torch.inference_mode():
        expected = job(torch.from_numpy(an_image())[None])[0].numpy()
    assert (session.run(an_image()) == expected).mean() >= 0.999
    assert session.facts()["precision"] == "float32"
    assert session.facts()["threads"] == "1"


def test_the_precision_is_read_back_and_not_repeated(job: WholeJob) -> None:
    half = OnnxRuntimeBackend(threads=1).open_graph(faithful("logits", "float16"))
    assert half.facts()["precision"] == "float32"  # there are no other kernels for processors
    for precision in get_args(FloatPrecision):
        backend = PytorchBackend(threads=1, device="cpu", precision=precision)
        if precision != "float16":  # which PyTorch may lack on a processor
            assert backend.open_network(job, GEOMETRY.size).facts()["precision"] == precision


def test_the_parts_of_a_job_are_timed_apart(job: WholeJob) -> None:
    ticks = iter(range(1, 100))

    def watch(call: Call) -> float:
        call()
        return float(next(ticks))

    low = WholeJob(job.network, PLAIN_MEAN, PLAIN_DEVIATION, output="low-resolution-logits").eval()
    tail = open_tail("numpy", threads=1)
    onnx = OnnxRuntimeBackend(threads=1, tail=tail).open_network(low, GEOMETRY.size)
    eager = PytorchBackend(threads=1, device="cpu", tail=tail).open_network(low, GEOMETRY.size)
    assert onnx.parts_ms(an_image(), watch) == {"network": 1.0, "tail": 2.0}
    assert [*eager.parts_ms(an_image(), watch)] == ["copy in", "network", "copy out", "tail"]
    assert (onnx.run(an_image()) == eager.run(an_image())).mean() >= 0.999


def test_a_session_says_what_file_it_runs(onnx_session: Session) -> None:
    assert isinstance(onnx_session.graph, OnnxGraph)
    again = OnnxRuntimeBackend(threads=1).open_graph(onnx_session.graph.model)
    assert onnx_session.digest == again.digest
    assert onnx_session.digest.startswith("sha256:")


def test_onnx_runtime_runs_on_the_named_threads_and_on_the_processor_only(
    onnx_session: Session,
) -> None:
    assert isinstance(onnx_session.graph, OnnxGraph)
    session = onnx_session.graph.session
    assert session.get_providers() == ["CPUExecutionProvider"]
    options = session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert options.get_session_config_entry("session.force_spinning_stop") == "1"


@pytest.mark.parametrize("tail", ["graph", "numpy"])
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino", "pytorch"])
def test_blocks_and_random_networks_run(backend: str, tail: str) -> None:
    if backend == "openvino":
        pytest.importorskip("openvino", reason="the extra 'openvino' is not installed")
    opened = open_backend(target(backend=backend, tail=tail))
    ((spec, call),) = opened.block_calls([CONV])
    call()
    assert spec == CONV
    border = Border(8, Size(8, 8))
    ((bare, call),) = opened.border_calls([border])
    call()
    assert bare == border
    session = opened.random_network(random_architecture(OPTIONS, Random(1)), GEOMETRY)
    assert session.run(an_image()).shape == (33, 48)
    assert (session.tail is None) == (tail == "graph") == (session.output == "labels")
    ((spec, call),) = opened.block_calls([TAIL])
    call()
    assert spec == TAIL
    opened.floor_call()()
    assert opened.versions()


def test_a_network_that_is_only_timed_is_the_same_each_time_and_not_exported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(onnx_backend, "export_network", None)
    backend = OnnxRuntimeBackend(threads=1)
    architecture = random_architecture(OPTIONS, Random(1))
    first, second = (backend.random_network(architecture, GEOMETRY) for _ in range(2))
    assert first.digest == second.digest


def test_the_backend_is_the_one_that_was_asked_for_or_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert isinstance(open_backend(target()), OnnxRuntimeBackend)
    assert isinstance(open_backend(target(backend="pytorch")), PytorchBackend)
    with pytest.raises(EnvironmentFault, match="cuda"):
        open_backend(target(device="cuda"))
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(EnvironmentFault) as caught:
        open_backend(target(backend="openvino"))
    assert "fasterseg[openvino]" in caught.value.next_step
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EnvironmentFault) as caught:
        open_backend(target())
    assert "fasterseg[onnx]" in caught.value.next_step


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_pytorch_on_an_absent_gpu_is_an_error() -> None:
    with pytest.raises(EnvironmentFault, match="CUDA"):
        open_backend(target(backend="pytorch", device="cuda"))


def test_pytorch_sessions_leave_the_number_of_threads_as_it_was(job: WholeJob) -> None:
    before, seen = torch.get_num_threads(), []
    backend = PytorchBackend(threads=before + 1, device="cpu")
    session = backend.open_network(job, GEOMETRY.size)
    assert isinstance(session.graph, PytorchGraph)
    assert isinstance(session.graph.job, WholeJob)
    session.graph.job.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    session.run(an_image())
    ((_, call),) = backend.block_calls([CONV])
    call()
    assert seen == [before + 1]
    assert torch.get_num_threads() == before
