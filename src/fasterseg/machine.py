"""Facts about this machine, each looked up when asked for; nothing here judges them."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from fasterseg.errors import FastersegError
from fasterseg.paths import place_for_folder

_WRITE_TEST_BYTES = 16 * 1024 * 1024
_MIB = 1024 * 1024
FEATURES = {
    "avx2": ("avx2",),
    "avx512": ("avx512f",),
    "bf16": ("avx512_bf16", "amx_bf16", "bf16"),
    "vnni": ("avx512_vnni", "avx_vnni"),
    "amx": ("amx_tile",),
    "neon": ("asimd", "neon"),
}
"""Processor features that decide which kernels run, and the flags that announce each."""


class Fact(BaseModel):
    """Base of what is known about the machine: frozen, nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Processor(Fact):
    """The CPU as this process sees it; `features` is None where the system does not tell."""

    name: str
    cores: int
    usable_cores: float
    memory_mib: int | None
    features: dict[str, bool] | None


class CudaDevice(Fact):
    """One CUDA device."""

    name: str
    memory_mib: int
    capability: str


class Torch(Fact):
    """The torch that would run: version None when it is absent or does not import."""

    version: str | None
    threads: int | None = None
    cuda_build: str | None = None
    cuda_devices: tuple[CudaDevice, ...] = ()
    fault: str = ""


class Disk(Fact):
    """A folder that a run would write to."""

    folder: str
    free_mib: int
    write_mib_per_s: float | None
    fault: str = ""


class Kept(Fact):
    """A folder of what can be made again at any time, and how much lies in it."""

    folder: str
    mib: int

    def describe(self) -> str:
        """Return what it holds, and how that goes."""
        if not self.mib:
            return f"{self.folder}: less than 1 MiB"
        held = f"{self.mib / 1024:.1f} GiB" if self.mib >= 1024 else f"{self.mib} MiB"
        clear = f"rm -r {shlex.quote(self.folder)}"
        return f"{self.folder}: {held} of what can be made again from the data; {clear} deletes it"


def processor() -> Processor:
    """Return what is known about the CPU."""
    info = _cpuinfo()
    name = info.get("model name") or _sysctl("machdep.cpu.brand_string") or platform.machine()
    flags = info.get("flags") or info.get("features")
    return Processor(
        name=name,
        cores=os.cpu_count() or 1,
        usable_cores=usable_cores(),
        memory_mib=_memory_mib(),
        features=None if flags is None else features_of(flags),
    )


def features_of(flags: str) -> dict[str, bool]:
    """Return which of `FEATURES` the processor's own list of flags announces."""
    present = set(flags.split())
    return {feature: not present.isdisjoint(names) for feature, names in FEATURES.items()}


def usable_cores(quota_file: Path = Path("/sys/fs/cgroup/cpu.max")) -> float:
    """Return how many cores this process may use: affinity and container quota counted."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = _cgroup_quota(quota_file)
    return min(float(allowed or 1), quota or float("inf"))


def _cgroup_quota(file: Path) -> float | None:
    try:
        quota, period = file.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else int(quota) / int(period)


def _cpuinfo() -> dict[str, str]:
    """Return the first processor's entries of the system's list, keys in lower case."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = [line.split(":", 1) for line in text.partition("\n\n")[0].splitlines() if ":" in line]
    return {key.strip().lower(): value.strip() for key, value in pairs}


def _sysctl(key: str) -> str:
    if platform.system() != "Darwin":
        return ""
    asked = subprocess.run(
        ["/usr/sbin/sysctl", "-n", key],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={},
    )
    return asked.stdout.strip()


def _memory_mib() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB
    except (ValueError, OSError):
        return None


def torch_facts() -> Torch:
    """Return the installed torch and its CUDA devices."""
    try:
        import torch
    except (ImportError, OSError) as error:  # a broken build raises OSError from its libraries
        return Torch(version=None, fault=str(error).splitlines()[0])
    return Torch(
        version=torch.__version__,
        threads=torch.get_num_threads(),
        cuda_build=torch.version.cuda,
        cuda_devices=tuple(_cuda_device(i) for i in range(torch.cuda.device_count())),
    )


def _cuda_device(index: int) -> CudaDevice:
    import torch

    facts = torch.cuda.get_device_properties(index)
    return CudaDevice(
        name=facts.name,
        memory_mib=facts.total_memory // _MIB,
        capability=f"{facts.major}.{facts.minor}",
    )


def version_of(*distributions: str) -> str | None:
    """Return the version of the first of these distributions that is installed."""
    for distribution in distributions:
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def disk(folder: Path) -> Disk:
    """Write, flush to the device and delete a test file in `folder`; return how that went."""
    existing = next(place for place in [folder, *folder.absolute().parents] if place.is_dir())
    free = shutil.disk_usage(existing).free // _MIB
    try:
        place_for_folder(folder)
        speed = _write_speed(existing)
    except FastersegError as error:
        return Disk(folder=str(existing), free_mib=free, write_mib_per_s=None, fault=error.why)
    except OSError as error:
        fault = error.strerror or str(error)
        return Disk(folder=str(existing), free_mib=free, write_mib_per_s=None, fault=fault)
    return Disk(folder=str(existing), free_mib=free, write_mib_per_s=speed)


def kept_in(folder: Path) -> Kept:
    """Return how much lies in a folder of caches; what cannot be looked at counts as nothing."""
    found = 0
    for home, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                found += Path(home, name).lstat().st_size
    return Kept(folder=str(folder), mib=found // _MIB)


def _write_speed(folder: Path) -> float:
    """Return MiB per second of one durable write."""
    started = time.monotonic()
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(_WRITE_TEST_BYTES))
        file.flush()
        os.fsync(file.fileno())
    return round(_WRITE_TEST_BYTES / _MIB / max(time.monotonic() - started, 1e-6), 1)
