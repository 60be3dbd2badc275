"""What to do about what a machine is: faults that stop work, and hints that do not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Literal

from fasterseg.machine import Disk, Fact, Processor, Torch

LEAST_PYTHON = (3, 11)
LEAST_TORCH = (2, 10)
LEAST_FREE_MIB = 2048


class Backend(Fact):
    """A library that can run a network; `beside` is another that lies in the same folder."""

    name: str
    version: str | None
    install: str
    beside: str = ""


Level = Literal["fault", "hint"]


class Advice(Fact):
    """One finding in four parts; a fault stops work, a hint does not."""

    level: Level
    what: str
    where: str
    why: str
    next_step: str


def advise(
    cpu: Processor,
    torch: Torch,
    runtimes: tuple[Backend, ...],
    place: Disk,
    *,
    python: tuple[int, int],
) -> Iterator[Advice]:
    """Yield what to do about these facts, faults first."""
    yield from _python_advice(python)
    yield from _torch_advice(torch)
    yield from _disk_advice(place)
    yield from _processor_advice(cpu, torch)
    yield from _backend_advice(runtimes)


def _python_advice(version: tuple[int, int]) -> Iterator[Advice]:
    if version < LEAST_PYTHON:
        yield Advice(
            level="fault",
            what="This Python is too old.",
            where=sys.executable,
            why=f"it is {_dotted(version)}; {_dotted(LEAST_PYTHON)} or later is needed",
            next_step="install a later Python and make a new virtual environment with it",
        )


def _torch_advice(torch: Torch) -> Iterator[Advice]:
    if torch.version is None:
        yield Advice(
            level="fault",
            what="torch does not import.",
            where=sys.executable,
            why=torch.fault or "it is not installed",
            next_step="pip install 'torch>=2.10'",
        )
    elif _release(torch.version) < LEAST_TORCH:
        yield Advice(
            level="fault",
            what="This torch is too old.",
            where=f"torch {torch.version}",
            why=f"{_dotted(LEAST_TORCH)} or later is needed",
            next_step="pip install --upgrade 'torch>=2.10'",
        )
    elif torch.cuda_build and not torch.cuda_devices:
        yield Advice(
            level="hint",
            what="Networks will be trained on the CPU.",
            where=f"torch {torch.version}",
            why=f"it is built for CUDA {torch.cuda_build}, but sees no CUDA device",
            next_step="if there is one, look at its driver with nvidia-smi",
        )


def _disk_advice(place: Disk) -> Iterator[Advice]:
    if place.write_mib_per_s is None:
        yield Advice(
            level="fault",
            what="The run folder cannot be written.",
            where=place.folder,
            why=place.fault,
            next_step="choose another folder with --run, or change the permissions of this one",
        )
    elif place.free_mib < LEAST_FREE_MIB:
        yield Advice(
            level="hint",
            what="There is little room for a run.",
            where=place.folder,
            why=f"{place.free_mib} MiB are free; a run takes up to {LEAST_FREE_MIB} MiB",
            next_step="make room, or choose another folder with --run",
        )


def _processor_advice(cpu: Processor, torch: Torch) -> Iterator[Advice]:
    if torch.threads is not None and torch.threads > cpu.usable_cores:
        yield Advice(
            level="hint",
            what="torch starts more threads than there are cores to run them.",
            where=f"{torch.threads} threads, {cpu.usable_cores:g} usable cores",
            why="this process is confined to fewer cores than the machine has; timings scatter",
            next_step=f"export OMP_NUM_THREADS={max(int(cpu.usable_cores), 1)}",
        )
    if cpu.features is None:
        yield Advice(
            level="hint",
            what="The processor's features are not known.",
            where=cpu.name,
            why="this system does not list them",
            next_step="nothing to do; bf16 and int8 speeds are measured, never assumed",
        )
    elif not cpu.features["bf16"] and not torch.cuda_devices:
        yield Advice(
            level="hint",
            what="Training runs in float32.",
            where=cpu.name,
            why="the processor announces no bf16 instructions",
            next_step="nothing to do; a CPU with bf16, or a GPU, would train faster",
        )


def _backend_advice(runtimes: tuple[Backend, ...]) -> Iterator[Advice]:
    for backend in runtimes:
        if backend.version is None and backend.name == "onnxruntime":
            yield Advice(
                level="hint",
                what="ONNX Runtime, the usual way to run the finished network, is missing.",
                where=sys.executable,
                why="it comes with the extra 'onnx'",
                next_step=backend.install,
            )
        if backend.beside:
            yield Advice(
                level="hint",
                what="Two packages of ONNX Runtime are installed, and one of them hides the other.",
                where=f"{backend.beside} and {backend.name}",
                why="both lie in one folder, and the one that was installed last counts",
                next_step=f"pip uninstall -y {backend.beside} {backend.name}, then "
                f"{backend.install}",
            )


def _release(version: str) -> tuple[int, int]:
    """Return the first two numbers of a version such as ``2.13.0+cpu``."""
    major, minor = version.partition("+")[0].split(".")[:2]
    return int(major), int(minor)


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(str(number) for number in version)
