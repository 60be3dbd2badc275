"""How the machine is while something is timed on it; what the system does not tell is None."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from statistics import mean

import numpy as np
import torch

from fasterseg.config import opened_runtimes
from fasterseg.deploy.benchmark.benchmark_report import MachineState
from fasterseg.gpus import gpu_clock_mhz, gpu_conditions
from fasterseg.machine import processor, version_of

_CPUS = Path("/sys/devices/system/cpu")
_STAT = Path("/proc/stat")
_CPUINFO = Path("/proc/cpuinfo")
_STEAL_FIELD = 8  # after the name: user nice system idle iowait irq softirq steal


def machine_state(
    *, cpus: Path = _CPUS, stat: Path = _STAT, cpuinfo: Path = _CPUINFO, gpu: str = ""
) -> MachineState:
    """Load, frequency, governor and stolen time now, and the clock of a GPU that is named."""
    return MachineState(
        load=_load(),
        frequency_mhz=_frequency_mhz(cpus, cpuinfo),
        governor=", ".join(sorted(set(_read_each(cpus, "scaling_governor")))) or None,
        steal_seconds=_steal_seconds(stat),
        gpu_mhz=gpu_clock_mhz(torch.device(gpu)) if gpu else None,
    )


def gpu_facts(gpu: str) -> dict[str, str]:
    """What stays as it is of a GPU while something is timed on it; nothing where none is named."""
    return gpu_conditions(torch.device(gpu)) if gpu else {}


def machine_facts() -> dict[str, str]:
    """What stays as it is while something is timed: processor, cores, system, versions."""
    cpu = processor()
    libraries = {row.package: row.distributions for row in opened_runtimes().values()}
    versions = {name: version_of(*brought) for name, brought in libraries.items()}
    return {
        "processor": cpu.name,
        "cores": f"{cpu.usable_cores:g} of {cpu.cores}",
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        **{name: version for name, version in versions.items() if version is not None},
    }


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def _frequency_mhz(cpus: Path, cpuinfo: Path) -> float | None:
    """The mean over the cores: the governor's own figure in kHz, else what the list says."""
    kilohertz = [float(text) for text in _read_each(cpus, "scaling_cur_freq") if text.isdigit()]
    if kilohertz:
        return mean(kilohertz) / 1000
    lines = [line.partition(":") for line in _text(cpuinfo).splitlines()]
    listed = [value for name, _, value in lines if name.strip().lower() == "cpu mhz"]
    return mean(float(value) for value in listed) if listed else None


def _read_each(cpus: Path, name: str) -> list[str]:
    texts = [_text(file).strip() for file in sorted(cpus.glob(f"cpu[0-9]*/cpufreq/{name}"))]
    return [text for text in texts if text]


def _steal_seconds(stat: Path) -> float | None:
    """What the host of a virtual machine took from it since it started, over all cores."""
    fields = _text(stat).partition("\n")[0].split()
    if len(fields) <= _STEAL_FIELD or not fields[_STEAL_FIELD].isdigit():
        return None
    return int(fields[_STEAL_FIELD]) / float(os.sysconf("SC_CLK_TCK"))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
