"""What a GPU is and how it is set: a part of the conditions of every latency that it gave.

Driver, clocks and power limit are told by NVIDIA's own library, which the extra ``cuda`` brings;
what nobody tells is said to be so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

NOT_TOLD = "not told"
MILLIWATTS = 1000


def gpu_conditions(device: torch.device | int) -> dict[str, str]:
    """Name, CUDA's version, driver, highest and set clocks, and power limit of a CUDA device."""
    import torch

    known = {
        "gpu": torch.cuda.get_device_name(device),
        "cuda": str(torch.version.cuda),
        **dict.fromkeys(("driver", "gpu clocks", "gpu power limit"), NOT_TOLD),
    }
    with _managed(device) as (library, handle):
        if library is None:
            return known
        watts = _asked(library, lambda: library.nvmlDeviceGetPowerManagementLimit(handle))
        return {
            **known,
            "driver": _text(library.nvmlSystemGetDriverVersion()),
            "gpu clocks": _clocks(library, handle),
            "gpu power limit": NOT_TOLD if watts is None else f"{watts / MILLIWATTS:g} W",
        }


def gpu_clock_mhz(device: torch.device) -> float | None:
    """How fast the GPU's multiprocessors run now; None where nobody tells."""
    with _managed(device) as (library, handle):
        if library is None:
            return None
        clock = library.NVML_CLOCK_SM
        return _asked(library, lambda: float(library.nvmlDeviceGetClockInfo(handle, clock)))


def _clocks(library: Any, handle: Any) -> str:
    """``up to 1980 MHz, memory 2619 MHz, applications 1980 MHz``, as far as it is told."""
    asked = {
        "up to {:g} MHz": (library.nvmlDeviceGetMaxClockInfo, library.NVML_CLOCK_SM),
        "memory {:g} MHz": (library.nvmlDeviceGetMaxClockInfo, library.NVML_CLOCK_MEM),
        "applications {:g} MHz": (library.nvmlDeviceGetApplicationsClock, library.NVML_CLOCK_SM),
    }
    told = []
    for words, (ask, clock) in asked.items():
        found = _asked(library, lambda ask=ask, clock=clock: float(ask(handle, clock)))  # type: ignore[misc]
        told += [] if found is None else [words.format(found)]
    return ", ".join(told) or NOT_TOLD


def _asked(library: Any, ask: Callable[[], float]) -> float | None:
    """What the driver says; None where this GPU does not tell."""
    with suppress(library.NVMLError):
        return ask()
    return None


@contextmanager
def _managed(device: torch.device | int) -> Iterator[tuple[Any, Any]]:
    """NVIDIA's management library and its name for a device; None and None where there is none.

    By the GPU's own number: which GPUs PyTorch counts depends on the environment.
    """
    try:
        import pynvml
    except ModuleNotFoundError:
        yield None, None
        return
    import torch

    with suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
        try:
            uuid = torch.cuda.get_device_properties(device).uuid
            handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
        except pynvml.NVMLError:
            handle = None
        try:
            yield (None, None) if handle is None else (pynvml, handle)
        finally:
            pynvml.nvmlShutdown()
        return
    yield None, None


def _text(said: str | bytes) -> str:
    return said.decode() if isinstance(said, bytes) else said
