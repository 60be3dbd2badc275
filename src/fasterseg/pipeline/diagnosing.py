"""What this machine is, what works on it, what is missing, and what to do about that.

Nothing here imports torch by itself: that it does not import is a finding.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from fasterseg.caches import cache_folder
from fasterseg.config import Runtime, opened_runtimes
from fasterseg.errors import EnvironmentFault
from fasterseg.gpus import gpu_conditions
from fasterseg.machine import (
    Disk,
    Fact,
    Kept,
    Processor,
    Torch,
    disk,
    kept_in,
    processor,
    torch_facts,
    version_of,
)
from fasterseg.network.named_models import INSTALL, model_names, named_card
from fasterseg.pipeline.advising import Advice, Backend, advise
from fasterseg.pipeline.encoders_here import Encoder, encoders_here
from fasterseg.told import Told
from fasterseg.version import __version__

_LIBRARIES = ("numpy", "pillow", "pydantic", "safetensors", "onnx", "onnxscript", "numba")


class Shipped(Fact):
    """A model by name: its data, their terms, and its scores on images it was not trained on."""

    name: str
    data: str
    terms: str
    scores: dict[str, float]


class DoctorReport(Told, Fact):
    """What this machine is, and the advice that follows from it."""

    fasterseg: str
    python: str
    system: str
    processor: Processor
    torch: Torch
    gpus: tuple[dict[str, str], ...] = ()
    backends: tuple[Backend, ...]
    libraries: dict[str, str | None]
    disk: Disk
    kept: Kept
    models: tuple[Shipped, ...] = ()
    encoders: tuple[Encoder, ...] = ()
    advice: tuple[Advice, ...]

    @property
    def exit_code(self) -> int:
        """0, or that of an environment fault when something stops work."""
        stopped = any(advice.level == "fault" for advice in self.advice)
        return EnvironmentFault.exit_code if stopped else 0

    def describe(self) -> str:
        """Return the facts a line each, then the advice in four parts."""
        return "\n".join([*_fact_lines(self), "", *_advice_lines(self.advice)])


def _shipped(name: str) -> Shipped:
    card = named_card(name)
    return Shipped(
        name=name,
        data=card.training.data,
        terms=card.training.terms,
        scores={f"{one.data}/{one.split}": one.mean_iou for one in card.scores if not one.seen},
    )


def backends() -> tuple[Backend, ...]:
    """Return the library of every runtime we know, with its version where it is installed."""
    rows = {row.package: row for row in opened_runtimes().values()}
    return tuple(
        Backend(
            name=name,
            version=version_of(*row.distributions) or _elsewhere(row),
            install=row.install,
            beside=_beside(name),
        )
        for name, row in rows.items()
    )


def _elsewhere(row: Runtime) -> str | None:
    """The environment of its own that is named for a library; what is in it shows when it runs."""
    place = os.environ.get(row.variable, "") if row.variable else ""
    return f"in {place}" if place else None


def _beside(name: str) -> str:
    """The ONNX Runtime for processors, where the one for GPUs is installed into its folder."""
    both = version_of("onnxruntime-gpu") and version_of("onnxruntime")
    return "onnxruntime" if name == "onnxruntime-gpu" and both else ""


def _fact_lines(report: DoctorReport) -> Iterator[str]:
    cpu, torch = report.processor, report.torch
    memory = "" if cpu.memory_mib is None else f", {cpu.memory_mib / 1024:.1f} GiB memory"
    yield f"fasterseg    {report.fasterseg}, Python {report.python}, {report.system}"
    yield f"processor    {cpu.name}, {cpu.usable_cores:g} of {cpu.cores} cores{memory}"
    yield f"features     {_features(cpu)}"
    yield f"torch        {torch.version or 'absent'}, {torch.threads or 0} threads"
    yield f"CUDA         {'; '.join(_cuda(torch)) or 'no device'}"
    yield f"processes    {_processes(len(torch.cuda_devices))}"
    for gpu in report.gpus:
        yield f"GPU          {', '.join(f'{name} {told}' for name, told in gpu.items())}"
    for backend in report.backends:
        yield f"backend      {backend.name} {backend.version or f'absent: {backend.install}'}"
    found = [f"{name} {version}" for name, version in report.libraries.items() if version]
    yield f"libraries    {', '.join(found)}"
    speed = report.disk.write_mib_per_s
    written = "cannot be written" if speed is None else f"{speed:g} MiB/s written durably"
    free_gib = report.disk.free_mib / 1024
    yield f"disk         {report.disk.folder}: {free_gib:.1f} GiB free, {written}"
    yield f"kept         {report.kept.describe()}"
    yield from (f"model        {_told(model)}" for model in report.models)
    if not report.models:
        yield f"model        none has a name here: {INSTALL}"
    yield from (f"encoder      {encoder.describe()}" for encoder in report.encoders)


def _processes(gpus: int) -> str:
    """How many processes a search or a training may be shared by, as far as it was measured."""
    if gpus > 1:
        return f"--processes {gpus} shares a search or a training, one to each GPU"
    if gpus == 1:
        return "one: several need a GPU each"
    # Measured by benchmarks/ranks.py on two cores.
    return "one for a search, whose threads use the cores; a training may be faster with two"


def _told(model: Shipped) -> str:
    scores = "".join(f", mIoU {100 * iou:.1f} % on {on}" for on, iou in model.scores.items())
    return f"{model.name}: trained on {model.data}{scores}; terms: {model.terms}"


def _features(cpu: Processor) -> str:
    if cpu.features is None:
        return "not told by this system"
    return ", ".join(f"{'' if there else 'no '}{name}" for name, there in cpu.features.items())


def _cuda(torch: Torch) -> Iterator[str]:
    for device in torch.cuda_devices:
        yield f"{device.name} ({device.memory_mib / 1024:.0f} GiB, {device.capability})"


def _advice_lines(advice: tuple[Advice, ...]) -> Iterator[str]:
    for one in sorted(advice, key=lambda each: each.level):
        yield f"{one.level}: {one.what}"
        yield f"  where: {one.where}"
        yield f"  why:   {one.why}"
        yield f"  next:  {one.next_step}"
    if not any(one.level == "fault" for one in advice):
        yield "Nothing stops work here."


def diagnosed(folder: Path) -> DoctorReport:
    """Look at this machine; `folder` is where a run would go."""
    facts = (processor(), torch_facts(), backends(), disk(folder))
    return DoctorReport(
        fasterseg=__version__,
        python=platform.python_version(),
        system=platform.platform(),
        processor=facts[0],
        torch=facts[1],
        gpus=tuple(map(gpu_conditions, range(len(facts[1].cuda_devices)))),
        backends=facts[2],
        libraries={name: version_of(name) for name in _LIBRARIES},
        disk=facts[3],
        kept=kept_in(cache_folder()),
        models=tuple(map(_shipped, model_names())),
        encoders=encoders_here(),
        advice=tuple(advise(*facts, python=sys.version_info[:2])),
    )
