"""The process and its machine: device, precision, threads, seeds."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from fasterseg.errors import EnvironmentFault
from fasterseg.processes import Place

# From glibc's malloc.h.
_TRIM_THRESHOLD, _MAPPED_BLOCKS = -1, -4
_MOST = 2**31 - 1
_SUPPORTED = ("cpu", "cuda")


def select_device(name: str) -> torch.device:
    """The torch device of that name; ``auto`` takes CUDA when present, else the CPU.

    Raises `EnvironmentFault` when the device is not there: never another one in its place.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise _unknown(name, f"no device is called {name!r}") from error
    if device.type not in _SUPPORTED:
        raise _unknown(name, f"nothing of fasterseg computes on {name}")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise EnvironmentFault(
            "CUDA was asked for and is not available",
            where=f"--device {name}",
            why="this torch build or this machine has no CUDA device",
            next_step="run 'fasterseg doctor', or use --device cpu",
        )
    _require_values(device, name)
    return device


def _unknown(name: str, what: str) -> EnvironmentFault:
    numbers = name.split(",")
    if not all(number.strip().isdecimal() for number in numbers):
        use = "use cpu, cuda, cuda:1 or auto"
    elif len(numbers) == 1:
        use = f"use --device cuda:{name.strip()}"
    else:
        use = f"start a process for each: CUDA_VISIBLE_DEVICES={name} torchrun --nproc-per-node="
        use += f"{len(numbers)} -m fasterseg, without --device"
    return EnvironmentFault(
        what,
        where=f"--device {name}",
        why="it computes on processors (cpu) and on GPUs that PyTorch calls cuda (NVIDIA's, and "
        "AMD's by ROCm)",
        next_step=use,
    )


def _require_values(device: torch.device, name: str) -> None:
    """Raise `EnvironmentFault` for a device that is known by name and computes nothing here."""
    if device.type == "cpu":
        return
    try:
        torch.ones(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        raise EnvironmentFault(
            f"nothing can be computed on {name} here",
            where=f"--device {name}",
            why=str(error).splitlines()[0],
            next_step="run 'fasterseg doctor' to see what there is, or use --device cpu",
        ) from error


def set_threads(threads: int) -> None:
    """Fix the number of threads of one operator; operators run in turn.

    0 is for all cores, shared among the processes that torchrun started on this machine.
    """
    torch.set_num_threads(threads or max(1, available_cores() // Place.here().local_count))


@contextmanager
def threads_kept() -> Iterator[None]:
    """Put the number of threads back as it was, whatever is measured in between."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def memory_kept() -> Iterator[None]:
    """Let tensors take the memory of freed ones, while steps of one kind follow each other.

    glibc maps large blocks anew and gives freed memory back; the system then clears each page
    again, which took an eighth of a training step's processor time on a virtual machine.
    What was kept is given back on leaving.  With another C library it does nothing.
    """
    libc = _glibc()
    if libc is None:
        yield
        return
    libc.mallopt(_MAPPED_BLOCKS, 0)
    libc.mallopt(_TRIM_THRESHOLD, _MOST)
    try:
        yield
    finally:
        # Its own defaults; the threshold where it ends in a process that frees large blocks.
        libc.mallopt(_MAPPED_BLOCKS, 65536)
        libc.mallopt(_TRIM_THRESHOLD, 64 << 20)
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None


def available_cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor_name() -> str:
    """The processor's model, family and stepping, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    pairs = (line.partition(":") for line in lines if ":" in line)
    fields = {name.strip(): value.strip() for name, _, value in pairs}
    model = fields.get("model name", platform.machine())
    return f"{model} (family {fields.get('cpu family', '?')} model {fields.get('model', '?')})"


def derived_seed(seed: int, *words: object) -> int:
    """A 63-bit seed for one purpose: a pure function of the run's seed and the words."""
    text = ":".join([str(seed), *(str(word) for word in words)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def torch_generator(seed: int, *words: object) -> torch.Generator:
    """A CPU generator for one purpose, see `derived_seed`."""
    return torch.Generator().manual_seed(derived_seed(seed, *words))


def numpy_generator(seed: int, *words: object) -> np.random.Generator:
    """A NumPy generator for one purpose, see `derived_seed`."""
    return np.random.default_rng(derived_seed(seed, *words))
