"""Which models take part in a benchmark and how they run; opening and timing all of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from fasterseg.baselines.catalogue import baseline_name
from fasterseg.config import Precision, TailForm, runtime_named
from fasterseg.deploy.benchmark.benchmark_report import BenchmarkReport
from fasterseg.deploy.benchmark.benchmarking import Surroundings, benchmark
from fasterseg.deploy.benchmark.contest import BenchmarkSettings, Contestant
from fasterseg.deploy.benchmark.contestants import (
    CountMacs,
    open_canary,
    open_contestant,
    runtime_of,
    street_images,
    target_of,
)
from fasterseg.deploy.benchmark.machine_state import gpu_facts, machine_facts, machine_state
from fasterseg.deploy.benchmark.peak import Peak, convolution_peak
from fasterseg.deploy.benchmark.pinning import cores_for, denormals_flushed, pinned
from fasterseg.deploy.runtimes.backends import backend_for, require_device
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.errors import UsageError
from fasterseg.events import Progress, silent
from fasterseg.runtime import select_device, threads_kept
from fasterseg.space.blocks import Size


@dataclass(frozen=True, slots=True)
class Entry:
    """Which models are timed, and how they run: every model in every way.

    Without backends, each model on its own: ONNX Runtime, but for files of another runtime.
    Without a device, each backend on its own: the processor, but for those that are for GPUs.
    """

    models: tuple[str, ...]
    threads: int
    backends: tuple[str, ...] = ()
    precisions: tuple[Precision, ...] = ("float32",)
    tails: tuple[TailForm, ...] = ("graph",)
    size: Size | None = None
    device: str = ""

    def contestants(self) -> list[tuple[str, Running]]:
        """Each model with each way of running it; all that were asked for where one alone was."""
        found = self._asked_for()
        return [(model, how) for model, how in found if _is_possible(how)] or found

    def require_possible(self) -> None:
        """Raise where images are too small, or a backend is for another device or not here."""
        if self.size is not None:
            street_images(self.size, 1)
        for _, how in self.contestants():
            runtime = runtime_named(str(how.runtime))
            if how.device != "auto":
                elsewhere = f"--device {runtime.usual_device}, or --backend pytorch"
                require_device(runtime, how.device, elsewhere)
            if runtime.is_for_gpus:
                backend_for(how)

    def left_out(self) -> list[str]:
        """Combinations that do not exist, one line each."""
        if not any(_is_possible(how) for _, how in self._asked_for()):
            return []
        return [
            f"left out: {model} on {how.runtime} in {how.precision}: it computes in "
            + " or ".join(runtime_named(str(how.runtime)).precisions)
            for model, how in self._asked_for()
            if not _is_possible(how)
        ]

    def _asked_for(self) -> list[tuple[str, Running]]:
        return [
            (model, Running(backend, self.threads, precision, tail, self._device_of(backend)))
            for model in self.models
            for backend in self.backends or (runtime_of(model),)
            for precision in self.precisions
            for tail in self.tails
        ]

    def _device_of(self, backend: str) -> str:
        return self.device or runtime_named(backend).usual_device

    @property
    def devices(self) -> set[str]:
        """The devices that the contestants run on."""
        return {how.device for _, how in self.contestants()}


def _is_possible(how: Running) -> bool:
    return how.precision in runtime_named(str(how.runtime)).precisions


def threads_of(models: Sequence[str]) -> int:
    """The threads of the models' own targets, 1 for models of no run; `UsageError` if they differ.

    Contestants of one session share cores and canary, and so the number of threads.
    """
    targets = {model: target_of(model) for model in models}
    threads = {model: target.threads if target else 1 for model, target in targets.items()}
    if len(set(threads.values())) > 1:
        raise UsageError(
            "the models were made for different numbers of threads",
            where=", ".join(f"{model}: {count}" for model, count in threads.items()),
            next_step="say which with --threads",
        )
    return next(iter(threads.values()))


def time_models(
    entry: Entry,
    *,
    settings: BenchmarkSettings,
    count_macs: CountMacs | None = None,
    progress: Progress = silent,
) -> BenchmarkReport:
    """Open each model in each way on cores of their own, and time them by turns."""
    lasting = machine_facts()  # before the process is confined to some of its cores
    with ExitStack() as stack:
        stack.enter_context(threads_kept())
        cores = stack.enter_context(pinned(cores_for(entry.threads)))
        flushed = stack.enter_context(denormals_flushed())
        contestants = _opened(entry, count_macs)
        _require_apart(contestants)
        facts = {
            **lasting,
            "pinned to": cores,
            "denormals": "flushed to zero" if flushed else "kept",
            **gpu_facts(_gpu_of(entry)),
        }
        return benchmark(
            contestants,
            canary=open_canary(entry.threads, _gpu_of(entry) or "cpu"),
            settings=settings,
            surroundings=Surroundings(
                facts, partial(machine_state, gpu=_gpu_of(entry)), _peak(entry)
            ),
            progress=progress,
        )


def _require_apart(contestants: Sequence[Contestant]) -> None:
    """Raise `UsageError` where two are the same: a file that ends at logits has no tail inside."""
    names = [one.name for one in contestants]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise UsageError(
            "two of the contestants are the same",
            where=twice,
            why="a model was named twice, or a file that ends at logits with the tail in the graph "
            "and with another: its tail is never in the graph",
            next_step="name it once, with one --tail",
        )


def _opened(entry: Entry, count_macs: CountMacs | None) -> list[Contestant]:
    """The contestants; a baseline, which was made for no size, has that of those beside it."""
    asked = entry.contestants()
    found: dict[int, Contestant] = {}
    for place in sorted(range(len(asked)), key=lambda one: _is_baseline(asked[one][0])):
        model, how = asked[place]
        size = entry.size
        if size is None and _is_baseline(model):
            size = _one_size({one.facts["size"] for one in found.values()})
        found[place] = open_contestant(model, how, size=size, count_macs=count_macs)
    return [found[place] for place in range(len(asked))]


def _is_baseline(model: str) -> bool:
    return baseline_name(model) is not None


def _one_size(sizes: set[str]) -> Size | None:
    """The size, where there is one."""
    return Size.parse(*sizes) if len(sizes) == 1 else None


def _peak(entry: Entry) -> Peak | None:
    """The processor's peak in float32; None for other devices and precisions."""
    if entry.devices != {"cpu"} or "float32" not in entry.precisions:
        return None
    return convolution_peak(threads=entry.threads)


def _gpu_of(entry: Entry) -> str:
    """The GPU that contestants run on; empty where all run on processors."""
    named = {name: select_device(name) for name in sorted(entry.devices)}
    return next((name for name, device in named.items() if device.type == "cuda"), "")
