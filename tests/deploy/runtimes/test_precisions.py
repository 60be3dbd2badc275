"""A target in a precision that a runtime does not have here is refused; blocks are timed in it."""

from __future__ import annotations

import pytest

from fasterseg.deploy.exporting.borders import Border
from fasterseg.deploy.runtimes import backends
from fasterseg.deploy.runtimes.backends import open_backend
from fasterseg.deploy.runtimes.onnx.backend import SMALL
from fasterseg.deploy.runtimes.onnx.cpu import OnnxRuntimeBackend
from fasterseg.errors import EnvironmentFault
from fasterseg.latency.table import Target
from fasterseg.space.blocks import Size


def target(backend: str, precision: str) -> Target:
    return Target.model_validate(
        {
            "device": "cpu",
            "backend": backend,
            "precision": precision,
            "threads": 1,
            "height": 64,
            "width": 128,
            "classes": 11,
        }
    )


def test_onnx_runtime_times_blocks_and_borders_in_int8_and_says_how() -> None:
    backend = open_backend(target("onnxruntime", "int8"))
    assert "int8" in backend.computed_in().split("+")
    ((_, block),) = backend.block_calls([SMALL])
    ((_, border),) = backend.border_calls([Border(16, Size(16, 16))])
    block()
    border()
    assert "weights of 8 bits" in backend.versions()["int8"]
    assert "int8" not in OnnxRuntimeBackend(threads=1).versions()


def test_another_type_than_was_asked_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OnnxRuntimeBackend, "computed_in", lambda _: "float32")
    monkeypatch.setattr(backends, "processor_name", lambda: "a processor")
    with pytest.raises(EnvironmentFault, match="does not compute in int8 here") as caught:
        open_backend(target("onnxruntime", "int8"))
    assert "computes in float32 on a processor" in str(caught.value.why)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_openvino_computes_in_the_type_or_is_refused(precision: str) -> None:
    pytest.importorskip("openvino", reason="the extra 'openvino' is not installed")
    try:
        backend = open_backend(target("openvino", precision))
    except EnvironmentFault as error:
        assert f"does not compute in {precision} here" in error.what
    else:
        assert precision in backend.computed_in().split("+")


@pytest.mark.slow
def test_openvino_times_blocks_in_int8() -> None:
    pytest.importorskip("nncf", reason="the extra 'nncf' is not installed")
    backend = open_backend(target("openvino", "int8"))
    ((_, call),) = backend.block_calls([SMALL])
    call()
    assert backend.versions().keys() == {"openvino", "nncf", "int8"}
