"""What a GPU is and how it is set, by stand-ins for NVIDIA's library and for PyTorch."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch

from fasterseg.gpus import NOT_TOLD, gpu_clock_mhz, gpu_conditions


class NVMLError(Exception):
    """What NVIDIA's library raises."""


class FakeLibrary(ModuleType):
    """NVIDIA's library: it wants to be opened first, and closed again."""

    NVMLError = NVMLError
    NVML_CLOCK_SM, NVML_CLOCK_MEM = 1, 2

    def __init__(self, *, broken: bool = False, old: bool = False) -> None:
        super().__init__("pynvml")
        self.broken, self.old, self.opened, self.closed = broken, old, 0, 0

    def nvmlInit(self) -> None:
        if self.broken:
            raise NVMLError("driver not loaded")
        self.opened += 1

    def nvmlShutdown(self) -> None:
        self.closed += 1

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        assert self.opened > self.closed
        if uuid != "GPU-1234":
            raise NVMLError("no such GPU")
        return "handle"

    def nvmlSystemGetDriverVersion(self) -> str | bytes:
        return b"470.1" if self.old else "570.1"

    def nvmlDeviceGetMaxClockInfo(self, handle: str, clock: int) -> int:
        assert handle == "handle"
        return {1: 1980, 2: 2619}[clock]

    def nvmlDeviceGetApplicationsClock(self, _handle: str, _clock: int) -> int:
        if self.old:
            raise NVMLError("not supported")
        return 1755

    def nvmlDeviceGetClockInfo(self, _handle: str, _clock: int) -> int:
        return 345

    def nvmlDeviceGetPowerManagementLimit(self, _handle: str) -> int:
        if self.old:
            raise NVMLError("not supported")
        return 700_000


@pytest.fixture(autouse=True)
def _a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU {device}")
    facts = SimpleNamespace(uuid="1234")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _device: facts)


def test_driver_clocks_and_power_limit_are_told_by_nvidias_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library = FakeLibrary()
    monkeypatch.setitem(sys.modules, "pynvml", library)
    told = gpu_conditions(torch.device("cuda", 1))
    assert told == {
        "gpu": "GPU cuda:1",
        "cuda": str(torch.version.cuda),
        "driver": "570.1",
        "gpu clocks": "up to 1980 MHz, memory 2619 MHz, applications 1755 MHz",
        "gpu power limit": "700 W",
    }
    assert gpu_clock_mhz(torch.device("cuda", 1)) == 345.0
    assert library.opened == library.closed == 2


def test_what_a_gpu_does_not_tell_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeLibrary(old=True))
    told = gpu_conditions(0)
    assert (told["driver"], told["gpu power limit"]) == ("470.1", NOT_TOLD)
    assert told["gpu clocks"] == "up to 1980 MHz, memory 2619 MHz"


@pytest.mark.parametrize("library", [None, FakeLibrary(broken=True), FakeLibrary()])
def test_without_the_library_its_driver_or_that_gpu_nothing_is_told(
    library: ModuleType | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = SimpleNamespace(uuid="5678")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _device: unknown)
    monkeypatch.setitem(sys.modules, "pynvml", library)  # type: ignore[arg-type]
    told = gpu_conditions(0)
    assert {told[name] for name in ("driver", "gpu clocks", "gpu power limit")} == {NOT_TOLD}
    assert gpu_clock_mhz(torch.device("cuda")) is None
