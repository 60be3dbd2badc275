"""ONNX Runtime with a pretended CUDA provider: it computes on the processor, and is as strict.

Refused are other providers beside it, a session that may fall back, and values that lie elsewhere
than on the device that was bound.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest
from fake_cuda import pretend_a_gpu

from fasterseg.deploy.runtimes.gpu import Gpu

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
NO_FALLBACK = "session.disable_cpu_ep_fallback"


class FakeValue:
    """Numbers on a device, read back with `numpy` once the session is done with them."""

    def __init__(self, numbers: np.ndarray[Any, Any], device: str, index: int) -> None:
        self.numbers, self.device, self.index = numbers.copy(), device, index
        self.is_done = True

    @classmethod
    def ortvalue_from_numpy(
        cls, numbers: np.ndarray[Any, Any], device: str = "cpu", index: int = 0
    ) -> FakeValue:
        """A copy of an array on a device."""
        return cls(numbers, device, index)

    def numpy(self) -> np.ndarray[Any, Any]:
        """The numbers in the host's memory."""
        assert self.is_done, "nobody waited for the output"
        return self.numbers.copy()


class FakeBinding:
    """Where a run reads and writes."""

    def __init__(self) -> None:
        self.inputs: dict[str, FakeValue] = {}
        self.output: tuple[str, str, int] | None = None
        self.kept: FakeValue | None = None
        self.written: FakeValue | None = None

    def bind_ortvalue_input(self, name: str, value: FakeValue) -> None:
        """Read from there."""
        assert value.device == "cuda"
        self.inputs[name] = value

    def bind_output(self, name: str, device: str, index: int) -> None:
        """Allocate the output on a device."""
        self.output = (name, device, index)

    def bind_ortvalue_output(self, name: str, value: FakeValue) -> None:
        """Write there."""
        assert self.output is not None and self.output[0] == name
        self.kept = value

    def get_outputs(self) -> list[FakeValue]:
        """What was written."""
        assert self.written is not None
        return [self.written]

    def synchronize_outputs(self) -> None:
        """Wait for it."""
        assert self.written is not None
        self.written.is_done = True


class FakeSession:
    """A session whose every node runs on the pretended GPU."""

    takes = CUDA

    def __init__(
        self, model: bytes, options: Any, *, providers: Any, enable_fallback: int = 1
    ) -> None:
        ((name, told),) = providers
        assert name == CUDA
        self.told = {CUDA: {key: str(value) for key, value in told.items()}}
        inner = onnxruntime.SessionOptions()
        inner.log_severity_level = 4
        if options.optimized_model_filepath:
            inner.optimized_model_filepath = options.optimized_model_filepath
        else:
            assert options.get_session_config_entry(NO_FALLBACK) == "1"
        assert enable_fallback == 0, "the package would start again on the processor"
        self.inner = onnxruntime.InferenceSession(model, inner, providers=[CPU])
        self.get_inputs, self.get_outputs = self.inner.get_inputs, self.inner.get_outputs
        self.run = self.inner.run
        self.io_binding = FakeBinding

    def get_providers(self) -> list[str]:
        """As the real one: the processor's stands behind."""
        return [self.takes, CPU] if self.takes == CUDA else [CPU]

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        """What the providers were told."""
        return self.told if self.takes == CUDA else {CPU: {}}

    def run_with_iobinding(self, binding: FakeBinding) -> None:
        """Run on bound values; what is written may be read once somebody waited."""
        assert binding.output is not None
        name, device, index = binding.output
        feeds = {key: value.numbers for key, value in binding.inputs.items()}
        found = self.inner.run([name], feeds)[0]
        if binding.kept is None:
            binding.written = FakeValue(found, device, index)
        else:
            binding.written = binding.kept
            binding.kept.numbers[...] = found
        binding.written.is_done = False


class FallenBack(FakeSession):
    """A session that runs on the processor without a word."""

    takes = CPU


def pretend_onnx_cuda(
    patch: pytest.MonkeyPatch, *, session: type[FakeSession] = FakeSession, index: int = 0
) -> Gpu:
    """Let `import onnxruntime` find one with a CUDA provider, and a GPU be there for it."""
    gpu = pretend_a_gpu(patch, index=index)
    module = ModuleType("onnxruntime")
    module.__dict__.update(onnxruntime.__dict__)
    module.__dict__.update(
        get_available_providers=lambda: [CUDA, CPU],
        InferenceSession=session,
        OrtValue=FakeValue,
        cuda_version="12.8",
    )
    patch.setitem(sys.modules, "onnxruntime", module)
    return gpu
