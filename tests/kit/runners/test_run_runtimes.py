"""Each runtime computes the same labels, and says what it really computes in."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import fake_tensorrt
import numpy as np
import onnx
import onnxruntime
import pytest
from fake_driver import STREAM, FakeDriver
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from runnable_kits import RunnableKit, a_convolution, a_network, loaded_runner

from fasterseg.kit.measured import read_measured


@pytest.fixture
def runner() -> ModuleType:
    return loaded_runner()


@pytest.fixture
def wanted(tmp_path: Path, runner: ModuleType) -> Any:
    """The labels by ONNX Runtime."""
    kit = RunnableKit(tmp_path / "wanted")
    assert runner.main([str(kit.folder)]) == 0
    return kit.measured["labels"]


def target(backend: str, **others: Any) -> dict[str, Any]:
    return {"backend": backend, **others}


def test_openvino_gives_the_same_labels(
    tmp_path: Path, runner: ModuleType, wanted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "openvino_telemetry", raising=False)
    kit = RunnableKit(tmp_path / "kit", target=target("openvino"))
    assert runner.main([str(kit.folder)]) == 0
    found = read_measured(kit.folder / "measured.json", kit.manifest)
    assert (found.runtime.name, found.runtime.provider) == ("openvino", "CPU")
    assert found.runtime.precision == "float32"
    assert found.labels == {key: tuple(texts) for key, texts in wanted.items()}
    assert sys.modules["openvino_telemetry"] is None


def test_openvino_has_no_device_that_was_made_up(
    tmp_path: Path, runner: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    kit = RunnableKit(tmp_path / "kit", target=target("openvino"))
    assert runner.main([str(kit.folder), "--provider", "XPU"]) == 4
    assert "OpenVINO has no XPU here" in capsys.readouterr().err


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch, runner: ModuleType) -> FakeDriver:
    """A GPU and TensorRT, pretended."""
    found = FakeDriver()
    fake_tensorrt.pretend_tensorrt(monkeypatch)
    monkeypatch.setitem(fake_tensorrt.STREAMS, STREAM, found)
    monkeypatch.setattr(runner.Gpu, "_library", lambda self: found)
    return found


ON_GPU = target("tensorrt", device="cuda")


@pytest.mark.parametrize("transfer", [True, False])
def test_tensorrt_builds_engines_and_times_them_by_the_gpu_s_clock(
    transfer: bool, tmp_path: Path, runner: ModuleType, driver: FakeDriver, wanted: Any
) -> None:
    others = {} if transfer else {"transfer": False}
    kit = RunnableKit(tmp_path / "kit", target={**ON_GPU, **others})
    assert runner.main([str(kit.folder)]) == 0
    found = read_measured(kit.folder / "measured.json", kit.manifest)
    assert (found.runtime.name, found.runtime.version) == ("tensorrt", fake_tensorrt.VERSION)
    assert found.runtime.provider == "a pretended GPU (0)"
    assert {one.median_ns for one in found.timed.values()} == {1_000_000}
    assert found.labels == {key: tuple(texts) for key, texts in wanted.items()}
    assert driver.memory == {}


def test_a_graph_that_tensorrt_cannot_read_is_told(
    tmp_path: Path,
    runner: ModuleType,
    driver: FakeDriver,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kit = RunnableKit(tmp_path / "kit", target=ON_GPU)
    kit.files[kit.items[2]["file"]] = b"no graph"
    kit.write()
    assert runner.main([str(kit.folder)]) == 4
    assert "TensorRT cannot read it" in capsys.readouterr().err


def test_tensorrt_before_10_chooses_types_by_itself_and_is_refused(
    tmp_path: Path,
    runner: ModuleType,
    driver: FakeDriver,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = SimpleNamespace(EXPLICIT_BATCH=0)
    monkeypatch.setattr(sys.modules["tensorrt"], "NetworkDefinitionCreationFlag", old)
    kit = RunnableKit(tmp_path / "kit", target=ON_GPU)
    assert runner.main([str(kit.folder)]) == 4
    assert "TensorRT from 10 on is needed" in capsys.readouterr().err


@pytest.mark.parametrize("failing", ["cuInit", "cuMemAlloc_v2", "cuStreamSynchronize"])
def test_a_gpu_that_refuses_is_told(
    failing: str,
    tmp_path: Path,
    runner: ModuleType,
    driver: FakeDriver,
    capsys: pytest.CaptureFixture[str],
) -> None:
    driver.failing = failing
    kit = RunnableKit(tmp_path / "kit", target=ON_GPU)
    assert runner.main([str(kit.folder)]) == 4
    assert f"{failing} answers 2" in capsys.readouterr().err


def test_without_a_driver_there_is_no_gpu(runner: ModuleType) -> None:
    runner.Gpu.LIBRARIES = ("libabsent.so.1",)
    with pytest.raises(runner.Refusal, match="none of libabsent"):
        runner.Gpu(0)


def test_onnx_runtime_on_a_gpu_is_the_cuda_provider_or_nothing(
    tmp_path: Path, runner: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has the CUDA provider")
    kit = RunnableKit(tmp_path / "kit", target=target("onnxruntime-cuda", device="cuda:1"))
    assert runner.main([str(kit.folder)]) == 4
    assert "this ONNX Runtime has no CUDAExecutionProvider" in capsys.readouterr().err


class _Noise(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self) -> None:
        numbers = np.random.default_rng(0).standard_normal((1, 4, 8, 8)).astype(np.float32)
        self.left = [{"in0": numbers}]

    def get_next(self) -> Any:
        return self.left.pop() if self.left else None


def test_what_convolutions_compute_in_is_told_by_the_graph_that_runs(
    tmp_path: Path, runner: ModuleType
) -> None:
    runtime = runner.OnnxRuntime({"backend": "onnxruntime", "threads": 1, "device": "cpu"}, None)
    assert runtime.precision(a_convolution(), tmp_path) == "float32"
    assert runtime.precision(a_network(), tmp_path) == "float32"
    plain, quantised = tmp_path / "plain.onnx", tmp_path / "quantised.onnx"
    plain.write_bytes(a_convolution())
    quantize_static(plain, quantised, _Noise(), quant_format=QuantFormat.QDQ)
    assert runtime.precision(quantised.read_bytes(), tmp_path) == "int8"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plain.onnx", "quantised.onnx"]


def test_a_graph_of_float16_is_told_as_such_where_it_is_run_as_it_is(runner: ModuleType) -> None:
    model = onnx.ModelProto.FromString(a_convolution())
    (weight,) = model.graph.initializer
    half = numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), "half")
    model.graph.initializer.append(half)
    node = helper.make_node("FusedConv", ["in0", "half"], ["other"])
    both = onnx.ModelProto.FromString(model.SerializeToString())
    both.graph.node.append(node)
    assert runner.convolved_in(both.SerializeToString()) == "float16+float32"
    assert half.data_type == TensorProto.FLOAT16
    assert runner.convolved_in(a_convolution()) == "float32"
