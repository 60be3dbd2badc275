"""Eager PyTorch, on the CPU or on CUDA."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fasterseg.config import Precision
from fasterseg.deploy.exporting.borders import Numbers
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.exporting.folding import folded
from fasterseg.deploy.runtimes.gpu import as_tensor
from fasterseg.deploy.runtimes.module_backend import ModuleBackend
from fasterseg.deploy.runtimes.programs import torch_program
from fasterseg.deploy.runtimes.sessions import Image, Running
from fasterseg.deploy.tail.label_maps import Tail
from fasterseg.gpus import gpu_conditions
from fasterseg.latency.timing import Call, CudaStopwatch, Stopwatch
from fasterseg.network.network import WholeJob
from fasterseg.runtime import select_device, set_threads
from fasterseg.space.blocks import Size

COMPILED = "compiled"


@dataclass(frozen=True)
class PytorchGraph:
    """A whole job in PyTorch: eager, compiled, or an exported program.

    `digest` is that of the file it was read from; empty where there is none.
    """

    job: Callable[[Tensor], Tensor]
    device: torch.device
    threads: int
    precision: Precision = "float32"
    digest: str = ""
    runtime: str = "pytorch"

    def run(self, images: Image) -> np.ndarray[Any, Any]:
        """The job's output, in the host's memory."""
        with self.computing():
            output = self.job(as_tensor(images).to(self.device))
        found: np.ndarray[Any, Any] = output.cpu().numpy()
        return found

    def timed(
        self, images: Image, stopwatch: Stopwatch
    ) -> tuple[np.ndarray[Any, Any], dict[str, float]]:
        """The output, and the milliseconds of the copies to and from the device and between."""
        kept: dict[str, Any] = {}

        def copy_in() -> None:
            kept["images"] = as_tensor(images).to(self.device)

        def compute() -> None:
            kept["output"] = self.job(kept["images"])

        def copy_out() -> None:
            kept["found"] = kept["output"].cpu().numpy()

        steps = {"copy in": copy_in, "network": compute, "copy out": copy_out}
        with self.computing():
            parts = {name: stopwatch(step) for name, step in steps.items()}
        return kept["found"], parts

    def resident(self, images: Image) -> Call:
        """A call on images that lie on the device; what it gives stays there."""
        placed = as_tensor(images).to(self.device)

        def run() -> Tensor:
            with self.computing():
                return self.job(placed)

        return run

    @contextmanager
    def computing(self) -> Iterator[None]:
        """As the job is run: its threads or its GPU's exact products, its precision."""
        with torch.inference_mode(), computed_on(self.device, self.threads), self.autocast():
            yield

    def facts(self) -> dict[str, str]:
        """Device, threads, and the type that convolutions compute in."""
        return {
            "runtime": f"{self.runtime} on {self.device}",
            "precision": self._computed_in(),
            "threads": str(self.threads),
        }

    def _computed_in(self) -> str:
        """The types that convolutions put out, seen on a small image; a program keeps its own."""
        job = getattr(self.job, "_orig_mod", self.job)
        if not isinstance(job, WholeJob):
            return self.precision
        seen: set[str] = set()

        def note(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            seen.add(str(output.dtype).removeprefix("torch."))

        kernels = (getattr(part, "weight", None) for part in job.modules())
        pairs = zip(job.modules(), kernels, strict=True)
        convolutions = [m for m, k in pairs if isinstance(k, Tensor) and k.ndim == 4]
        handles = [part.register_forward_hook(note) for part in convolutions]
        try:
            with torch.inference_mode(), self.autocast():
                job(torch.zeros(1, 64, 64, 3, dtype=torch.uint8, device=self.device))
        finally:
            for handle in handles:
                handle.remove()
        return "+".join(sorted(seen)) or self.precision

    def autocast(self) -> AbstractContextManager[object]:
        """What makes convolutions compute in the precision."""
        if self.precision == "float32":
            return nullcontext()
        kind = torch.bfloat16 if self.precision == "bfloat16" else torch.float16
        return torch.autocast(self.device.type, dtype=kind)


@contextmanager
def computed_on(device: torch.device, threads: int) -> Iterator[None]:
    """So many threads on a processor; on a GPU convolutions of float32 compute in it.

    Without that, cuDNN rounds what it multiplies to ten binary digits.
    """
    if device.type != "cuda":
        with threads_set(threads):
            yield
        return
    cudnn = torch.backends.cudnn
    before = (cudnn.enabled, cudnn.benchmark, cudnn.benchmark_limit, cudnn.deterministic)
    with cudnn.flags(*before, allow_tf32=False):
        yield


@contextmanager
def threads_set(threads: int) -> Iterator[None]:
    """So many threads for PyTorch's operators, and afterwards as many as there were."""
    before = torch.get_num_threads()
    set_threads(threads)
    try:
        yield
    finally:
        set_threads(before)


class PytorchBackend(ModuleBackend):
    """Eager PyTorch, on the CPU with a fixed number of threads, or on CUDA."""

    def __init__(
        self,
        *,
        threads: int,
        device: str,
        tail: Tail | None = None,
        precision: Precision = "float32",
        compiled: bool = False,
        transfer: bool = True,
    ) -> None:
        super().__init__(threads=threads, tail=tail, transfer=transfer)
        self.device = select_device(device)
        self.precision: Precision = precision
        self.compiled = compiled
        if self.device.type == "cuda":
            self.stopwatch = CudaStopwatch(torch.cuda, self.device)

    def graph_of(self, job: WholeJob, size: Size) -> PytorchGraph:
        """The job in its evaluation form, on the device; compiled if this backend compiles."""
        del size
        placed = folded(job).to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        run = torch.compile(placed) if self.compiled else placed
        name = _name(compiled=self.compiled)
        return PytorchGraph(run, self.device, self.threads, self.precision, runtime=name)

    def module_call(self, module: nn.Module, inputs: Sequence[Numbers]) -> Call:
        """The module in its evaluation form on the device, its inputs there already."""
        layout = torch.channels_last
        placed = folded(module).to(self.device).to(memory_format=layout)  # type: ignore[call-overload]
        tensors = [torch.from_numpy(x).to(self.device) for x in inputs]
        floats = [x.to(memory_format=layout) if x.is_floating_point() else x for x in tensors]
        return partial(self._run, placed, floats)

    def _run(self, module: nn.Module, inputs: Sequence[Tensor]) -> Tensor:
        with torch.inference_mode(), computed_on(self.device, self.threads):
            found: Tensor = module(*inputs)
            return found

    def floor_call(self) -> Call:
        """The smallest operator there is."""
        number = torch.zeros(1, device=self.device)
        return lambda: number + 1

    def versions(self) -> dict[str, str]:
        """PyTorch's version, and where it is not the processor, what the GPU is."""
        found = {"torch": str(torch.__version__)}
        if self.device.type == "cuda":
            return {**found, "tf32": "off", **gpu_conditions(self.device)}
        return found


def open_backend(running: Running, tail: Tail | None) -> PytorchBackend:
    """The backend for these conditions, compiled where that is the runtime's name."""
    return PytorchBackend(
        threads=running.threads,
        device=running.device,
        tail=tail,
        precision=running.precision,
        compiled=running.runtime == COMPILED,
        transfer=running.transfer,
    )


def open_file(path: Path, running: Running) -> tuple[PytorchGraph, ExportedCard]:
    """An exported program, ready to run on the CPU, and its card."""
    program, card = torch_program.read(path)
    compiled = running.runtime == COMPILED
    graph = PytorchGraph(
        program.compiled() if compiled else program,
        torch.device("cpu"),
        running.threads,
        running.precision,
        program.digest,
        _name(compiled=compiled),
    )
    return graph, card


def _name(*, compiled: bool) -> str:
    return "pytorch, compiled" if compiled else "pytorch"
