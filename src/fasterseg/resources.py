"""Memory of this process and of the machine, and free disk; no torch."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from pathlib import Path
from typing import Literal

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"
_KIB = 1024
_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)

Since = Literal["reset", "start"]
"""Since when a peak is one: since it was reset, or since the process started."""


def reset_peak() -> Since:
    """Let the peak begin anew; ``start`` where the system does not permit it."""
    try:
        _CLEAR.write_text(_RESET_PEAK, encoding="ascii")
    except OSError:
        return "start"
    return "reset"


def peak_bytes() -> int:
    """The greatest resident set of this process since the peak was reset, or since its start."""
    return _status_bytes("VmHWM") or _greatest_ever()


def resident_bytes() -> int:
    """The resident set of this process now; its greatest where the system does not tell."""
    return _status_bytes("VmRSS") or _greatest_ever()


def _status_bytes(name: str) -> int:
    """An entry of the kernel's account of this process; 0 where there is none."""
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(found[0]) * _KIB if found else 0


def _greatest_ever() -> int:
    unit = 1 if sys.platform == "darwin" else _KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def memory_bytes(limits: tuple[Path, ...] = _CGROUP_LIMITS) -> int:
    """The memory that this process may use: the machine's, or its container's where that is less.

    0 where the system does not tell.
    """
    machine = _machine_bytes()
    allowed = [limit for path in limits if (limit := _limit(path)) is not None]
    return min([machine, *allowed]) if machine else 0


def free_memory_bytes() -> int:
    """What this process may still take of the memory, at most; 0 where the system does not tell."""
    return max(0, memory_bytes() - resident_bytes())


def _machine_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def _limit(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def free_disk_bytes(folder: Path) -> int:
    """Free bytes where a folder lies, or will lie."""
    existing = next(place for place in [folder, *folder.absolute().parents] if place.is_dir())
    return shutil.disk_usage(existing).free
