"""ONNX Runtime's CUDA provider and TensorRT, by stand-ins that are as strict as they are.

What a stand-in cannot show is what the real ones compute, and how fast: with ``-m gpu`` they run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from random import Random

import numpy as np
import onnx
import pytest
import torch
from every_kind import ALONE
from fake_cuda import CONDITIONS
from fake_onnx_cuda import FallenBack, pretend_onnx_cuda
from fake_tensorrt import VERSION, pretend_tensorrt

from fasterseg.config import AsFastAs, SearchSpace, TargetPrecision, TargetSettings
from fasterseg.deploy.benchmark import matching
from fasterseg.deploy.benchmark.benchmark_report import Comparison
from fasterseg.deploy.benchmark.measuring import Meter, noise_image
from fasterseg.deploy.exporting.borders import input_borders, output_border
from fasterseg.deploy.exporting.export import export_network
from fasterseg.deploy.runtimes.backends import open_backend
from fasterseg.deploy.runtimes.gpu import Gpu
from fasterseg.deploy.runtimes.onnx import cuda as onnx_cuda
from fasterseg.deploy.runtimes.onnx.cuda import OnnxCudaBackend
from fasterseg.deploy.runtimes.onnx.tensorrt_graphs import fitted
from fasterseg.deploy.runtimes.sessions import Backend, Running, Session
from fasterseg.deploy.runtimes.tensorrt import build_engine
from fasterseg.deploy.runtimes.tensorrt import runtime as tensorrt
from fasterseg.deploy.runtimes.tensorrt.engines import TensorrtGraph
from fasterseg.deploy.runtimes.tensorrt.runtime import TensorrtBackend
from fasterseg.errors import DataError, EnvironmentFault, FileError
from fasterseg.latency.table import Target, describe
from fasterseg.latency.timing import TimerSettings
from fasterseg.network.network import Network, WholeJob
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_architecture

GEOMETRY = Geometry(Size(65, 96), 4)
OPTIONS = Options.of_space(SearchSpace(layers=3, expansions=(2,), operators=("skip", "conv")))
RUNTIMES = ("onnxruntime-cuda", "tensorrt")
PRETENDED: dict[str, Callable[[pytest.MonkeyPatch], Gpu]] = {
    "onnxruntime-cuda": pretend_onnx_cuda,
    "tensorrt": pretend_tensorrt,
}
SETTINGS = TimerSettings(warmup_runs=1, runs=2, seconds=0.0)


def target(backend: str, **changes: object) -> Target:
    settings = {"backend": backend, "height": 65, "width": 96, "threads": 1, **changes}
    return Target.of(TargetSettings.model_validate(settings), GEOMETRY.classes)


REAL = {"onnxruntime-cuda": onnx_cuda.imported, "tensorrt": tensorrt.require_installed}


@pytest.fixture(
    params=[*RUNTIMES, *(pytest.param(f"{n} itself", marks=pytest.mark.gpu) for n in RUNTIMES)]
)
def runtime(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """One of both, pretended; and itself where it is installed beside a GPU."""
    name = str(request.param).partition(" ")[0]
    if name == request.param:
        PRETENDED[name](monkeypatch)
        return name
    request.getfixturevalue("cuda")
    try:
        REAL[name]()
    except EnvironmentFault as missing:
        pytest.skip(f"{name} has not been run: {missing.what}, {missing.why}")
    return name


def job(precision: TargetPrecision = "float32") -> WholeJob:
    torch.manual_seed(0)
    network = Network(random_architecture(OPTIONS, Random(0)), 4, auxiliary_heads=False)
    return WholeJob(network.eval(), (0.5,) * 3, (0.25,) * 3, precision=precision).eval()


def labels_of(job: WholeJob, image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> object:
    with torch.inference_mode():
        return job(torch.from_numpy(image)[None])[0].numpy()


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_network_gives_its_labels_with_copies_and_without(
    runtime: str, precision: TargetPrecision
) -> None:
    backend = open_backend(target(runtime, precision=precision))
    session, image = backend.open_network(job(precision), GEOMETRY.size), noise_image(GEOMETRY.size)
    expected = labels_of(job(), image)
    assert (session.run(image) == expected).mean() > 0.99
    assert session.facts()["precision"] in (precision, "float32", "as the graph says")
    found, parts = session.graph.timed(image[None], backend.stopwatch)
    assert (found[0] == expected).mean() > 0.99
    assert [*parts] == ["copy in", "network", "copy out"]
    assert min(parts.values()) >= 0
    assert backend.stopwatch(session.call(image, transfer=False)) > 0
    assert session.digest.startswith("sha256:")


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_every_block_and_border_of_a_space_runs_in_the_precision_of_the_target(
    runtime: str, precision: TargetPrecision
) -> None:
    backend = open_backend(target(runtime, precision=precision))
    specs = [spec for spec in ALONE if "auxiliary" not in spec.kind]
    # Of float16 every operator, of float32, which the other tests are in, some.
    specs = specs[::2] if precision == "float16" else specs[::8]
    opened = {spec.key: call for spec, call in backend.block_calls(specs)}
    assert opened.keys() == {spec.key for spec in specs}
    for call in opened.values():
        call()
    borders = {b for spec in specs for b in (*input_borders(spec), output_border(spec)) if b}
    for _, call in backend.border_calls(sorted(borders, key=lambda border: border.key)):
        assert backend.stopwatch(call) > 0


def test_blocks_are_timed_by_a_meter_and_whole_networks_too(runtime: str) -> None:
    meter = Meter(open_backend(target(runtime, transfer=False)))
    block = BlockSpec("conv", (8,), 8, 1, Size(8, 12), Size(8, 12))
    ((spec, timing),) = meter.blocks([block], settings=SETTINGS)
    assert (spec, timing.runs) == (block, 2)
    assert meter.floor_ms() > 0
    assert meter.architecture(random_architecture(OPTIONS, Random(1)), GEOMETRY).median_ms > 0


def test_what_only_enqueues_is_compared_with_a_budgets_model_by_the_clock_of_its_backend(
    runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, given = open_backend(on := target(runtime, transfer=False)), {}
    session = backend.random_network(random_architecture(OPTIONS, Random(1)), GEOMETRY)
    monkeypatch.setattr(matching, "open_on_target", lambda *_: session)
    played = Comparison(
        first="a", second="b", ratio=None, verdict="not compared", rounds=0, quiet_rounds=0
    )
    monkeypatch.setattr(
        matching, "compare_by_turns", lambda queries, **how: given.update(how, of=queries) or played
    )
    turns = matching.Turns(lambda: None, on_busy=True)
    matching.compare_with_model(AsFastAs("baseline:enet"), "student", session, (on, backend), turns)
    assert given["stopwatch"] is backend.stopwatch
    for query in given["of"].values():
        assert backend.stopwatch(lambda query=query: query(0)) > 0


def test_conditions_tell_the_gpu_the_driver_the_versions_and_how_it_computes(runtime: str) -> None:
    told = open_backend(target(runtime)).versions()
    assert told.keys() >= CONDITIONS.keys()
    if runtime == "tensorrt":
        assert told["engines"] == build_engine.HOW
        assert "TF32 off" in told["engines"]
    else:
        assert told["onnxruntime's cuda"]
        assert "use_tf32=0" in told["onnxruntime's options"]
    assert all(told.values())


@pytest.mark.parametrize("name", RUNTIMES)
def test_conditions_are_those_of_the_gpu_that_it_runs_on(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    PRETENDED[name](monkeypatch)
    told = open_backend(target(name)).versions()
    assert told.items() >= CONDITIONS.items()
    assert (
        told.items()
        >= {
            "tensorrt": {"tensorrt": VERSION},
            "onnxruntime-cuda": {"onnxruntime's cuda": "12.8"},
        }[name].items()
    )


def test_a_target_says_its_precision_and_what_is_left_out(runtime: str) -> None:
    told = describe(target(runtime, precision="float16", transfer=False))
    assert f"{runtime} on cuda, float16" in told
    assert "copies from and to the host left out" in told
    assert "transfer" not in target(runtime).model_dump()


def test_onnx_runtime_runs_on_the_numbered_gpu_and_nothing_falls_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pretend_onnx_cuda(monkeypatch, index=1)
    graph = OnnxCudaBackend(Running("onnxruntime-cuda", device="cuda:1")).open_graph(a_model())
    assert graph.session.get_provider_options()["CUDAExecutionProvider"]["device_id"] == "1"
    assert graph.facts()["precision"] == "float32"
    pretend_onnx_cuda(monkeypatch, session=FallenBack)
    with pytest.raises(EnvironmentFault, match="does not run all of this network on the GPU"):
        OnnxCudaBackend(Running("onnxruntime-cuda", device="cuda")).open_graph(a_model())


def test_onnx_runtime_for_processors_is_told_from_the_one_for_gpus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(EnvironmentFault, match="runs on processors only") as caught:
        open_backend(target("onnxruntime-cuda"))
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in caught.value.next_step
    assert "fasterseg[cuda]" in caught.value.next_step
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EnvironmentFault, match="onnxruntime-gpu is not installed") as caught:
        open_backend(target("onnxruntime-cuda"))
    assert "fasterseg[cuda]" in caught.value.next_step


def test_without_tensorrt_it_is_said_what_to_install() -> None:
    with pytest.raises(EnvironmentFault, match="no TensorRT engine") as caught:
        open_backend(target("tensorrt"))
    assert "pip install 'fasterseg[cuda]'" in caught.value.why


@cache
def a_model() -> bytes:
    return export_network(job(), GEOMETRY.size)


def test_a_graph_for_tensorrt_moves_no_bytes_and_computes_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu, model, image = pretend_tensorrt(monkeypatch), a_model(), noise_image(GEOMETRY.size)
    with pytest.raises(RuntimeError, match="UINT8 is not supported"):
        build_engine.build(model)
    graph = TensorrtGraph.open(build_engine.build(fitted(model)).engine, gpu)
    assert (graph.inputs, graph.output) == (("image",), "labels")
    assert (graph.run(image[None])[0] == labels_of(job(), image)).mean() > 0.999
    onnx.checker.check_model(onnx.ModelProto.FromString(fitted(model)), full_check=True)


def test_what_one_engine_measured_the_next_one_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_tensorrt(monkeypatch)
    model = fitted(a_model())
    first = build_engine.build(model)
    assert build_engine.build(model, timings=first.timings).timings == 2 * first.timings
    backend = TensorrtBackend(Running("tensorrt", device="cuda"))
    for _ in range(3):
        backend.open_graph(a_model())
    assert backend._timings == 3 * first.timings


@pytest.mark.slow
def test_an_engine_of_any_size_is_run_at_sizes_that_it_was_built_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu = pretend_tensorrt(monkeypatch)
    model = export_network(job(), GEOMETRY.size, any_size=True)
    graph = TensorrtGraph.open(build_engine.build(fitted(model)).engine, gpu)
    for size in (Size(65, 96), Size(96, 128)):
        assert Session(graph).run(noise_image(size)).shape == tuple(size)
    with pytest.raises(DataError, match="does not take an image of this size"):
        Session(graph).run(noise_image(Size(32, 96)))


def test_an_engine_of_elsewhere_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = pretend_tensorrt(monkeypatch)
    with pytest.raises(FileError, match="cannot load this engine"):
        TensorrtGraph.open(b"built elsewhere", gpu, where="x.engine")


def test_a_graph_that_is_none_is_refused_with_tensorrts_reasons(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pretend_tensorrt(monkeypatch)
    with pytest.raises(RuntimeError, match="cannot read the graph"):
        build_engine.build(b"no graph")


def test_both_are_backends(runtime: str) -> None:
    backend: Backend = open_backend(target(runtime))
    assert backend.transfer
    assert backend.stopwatch(backend.floor_call()) >= 0
