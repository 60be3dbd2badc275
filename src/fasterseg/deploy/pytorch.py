"""Eager PyTorch, on the CPU or on CUDA."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from fasterseg.deploy.borders import (
    OUTSIDE_CHANNELS,
    Border,
    Numbers,
    bare_input,
    bordered_inputs,
    input_borders,
    output_border,
)
from fasterseg.deploy.export import run_block
from fasterseg.deploy.folding import folded
from fasterseg.deploy.sessions import (
    PLAIN_DEVIATION,
    PLAIN_MEAN,
    Image,
    Labels,
    Predictor,
)
from fasterseg.latency.timing import Call, CudaStopwatch, MonotonicStopwatch, Stopwatch
from fasterseg.layers.building import build_block
from fasterseg.network.network import Network, WholeJob
from fasterseg.runtime import select_device, set_threads
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.blocks import BlockSpec, Size


@dataclass(frozen=True)
class PytorchSession:
    """A whole job in eager PyTorch."""

    job: nn.Module
    device: torch.device
    threads: int

    @property
    def digest(self) -> str:
        """Empty: there is no file."""
        return ""

    def run(self, image: Image) -> Labels:
        """Class ids of an image."""
        with torch.inference_mode(), threads_set(self.threads):
            labels: Tensor = self.job(torch.from_numpy(image)[None].to(self.device))
        found: Labels = labels[0].cpu().numpy()
        return found

    def predictor(self) -> Predictor:
        """The session as a function from image to class ids."""
        return self.run


@contextmanager
def threads_set(threads: int) -> Iterator[None]:
    """So many threads for PyTorch's operators, and afterwards as many as there were."""
    before = torch.get_num_threads()
    set_threads(threads)
    try:
        yield
    finally:
        set_threads(before)


class Bordered(nn.Module):
    """A block between a producer for each input and a consumer."""

    def __init__(self, spec: BlockSpec, block: nn.Module) -> None:
        super().__init__()
        behind = output_border(spec)
        self.spec = spec
        self.producers = nn.ModuleList(producer(border) for border in input_borders(spec))
        self.block = block
        self.consumer = nn.Identity() if behind is None else consumer(behind)

    def forward(self, *inputs: Tensor) -> Tensor:
        """What the consumer writes; labels behind a tail."""
        if self.producers:
            pairs = zip(self.producers, inputs, strict=True)
            inputs = tuple(part(x) for part, x in pairs)
        found: Tensor = self.consumer(run_block(self.spec, self.block, inputs))
        return found


def producer(border: Border) -> nn.Module:
    """What writes the features of a border; nothing before the image."""
    if not border.has_producer:
        return nn.Identity()
    convolution = nn.Conv2d(OUTSIDE_CHANNELS, border.channels, 1)
    return nn.Sequential(convolution, nn.ReLU()) if border.is_rectified else convolution


def consumer(border: Border) -> nn.Module:
    """What reads the features of a border."""
    return nn.Conv2d(border.channels, OUTSIDE_CHANNELS, 1, stride=border.consumer_stride)


class PytorchBackend:
    """Eager PyTorch, on the CPU with a fixed number of threads, or on CUDA."""

    def __init__(self, *, threads: int, device: str) -> None:
        self.device = select_device(device)
        self.threads = threads
        on_cuda = self.device.type == "cuda"
        self.stopwatch: Stopwatch = CudaStopwatch(torch.cuda) if on_cuda else MonotonicStopwatch()

    def open_network(self, job: nn.Module, size: Size) -> PytorchSession:
        """The job in its evaluation form, on the device."""
        return PytorchSession(folded(job).to(self.device), self.device, self.threads)

    def prepare(self, specs: Iterable[BlockSpec]) -> Iterator[tuple[int, int]]:
        """Nothing: eager blocks share no work."""
        del specs
        return iter(())

    def block_calls(self, specs: Iterable[BlockSpec]) -> Iterator[tuple[BlockSpec, Call]]:
        """Build each block between its convolutions when its turn comes."""
        for spec in specs:
            yield spec, self._bound(Bordered(spec, build_block(spec)), bordered_inputs(spec))

    def border_calls(self, borders: Iterable[Border]) -> Iterator[tuple[Border, Call]]:
        """Build each bare border when its turn comes."""
        for border in borders:
            module = nn.Sequential(producer(border), consumer(border))
            yield border, self._bound(module, [bare_input(border)])

    def _bound(self, module: nn.Module, inputs: Sequence[Numbers]) -> Call:
        module = folded(module).to(self.device)
        return partial(self._run, module, [torch.from_numpy(x).to(self.device) for x in inputs])

    def _run(self, module: nn.Module, inputs: Sequence[Tensor]) -> Tensor:
        with torch.inference_mode(), threads_set(self.threads):
            found: Tensor = module(*inputs)
            return found

    def random_network(self, architecture: Architecture, geometry: Geometry) -> PytorchSession:
        """The network's own modules."""
        network = Network(architecture, geometry.classes, auxiliary_heads=False)
        job = WholeJob(network, PLAIN_MEAN, PLAIN_DEVIATION)
        return self.open_network(job, geometry.size)

    def floor_call(self) -> Call:
        """The smallest operator there is."""
        number = torch.zeros(1, device=self.device)
        return lambda: number + 1

    def versions(self) -> dict[str, str]:
        """PyTorch's version, and the device's name where it is not the processor."""
        found = {"torch": str(torch.__version__)}
        if self.device.type == "cuda":
            found["gpu"] = torch.cuda.get_device_name(self.device)
        return found
