"""A CUDA device as the runtimes beside PyTorch use it: its memory and its stream are PyTorch's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fasterseg.deploy.exporting.borders import Numbers
from fasterseg.errors import EnvironmentFault
from fasterseg.gpus import gpu_conditions
from fasterseg.latency.timing import CudaStopwatch
from fasterseg.runtime import select_device


@dataclass(frozen=True)
class Gpu:
    """A device with a stream of its own, on which all is copied, enqueued and timed.

    On the default stream TensorRT would wait for every other one.  `cuda` is `torch.cuda`, or a
    stand-in for it in tests.
    """

    device: torch.device
    cuda: Any
    stream: Any

    @classmethod
    def named(cls, name: str) -> Gpu:
        """The device of that name; `EnvironmentFault` where there is none."""
        device = select_device(name)
        if device.type != "cuda":
            raise EnvironmentFault(
                "an NVIDIA GPU is needed, and PyTorch sees none here",
                where=f"device {name}",
                next_step="run 'fasterseg doctor', or take a runtime for processors",
            )
        index = device.index if ":" in name else torch.cuda.current_device()
        numbered = torch.device("cuda", index)
        return cls(numbered, torch.cuda, torch.cuda.Stream(numbered))

    @property
    def index(self) -> int:
        """Its number, as CUDA counts the devices that this process sees."""
        return self.device.index or 0

    @property
    def stopwatch(self) -> CudaStopwatch:
        """What times calls that enqueue on the stream."""
        return CudaStopwatch(self.cuda, self.device, self.stream)

    def conditions(self) -> dict[str, str]:
        """What a latency depends on: see `gpus`."""
        return gpu_conditions(self.device)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make it the current device, and its stream the current one."""
        with self.cuda.device(self.device), self.cuda.stream(self.stream):
            yield

    def put(self, numbers: Numbers) -> Tensor:
        """Numbers of the host in the device's memory."""
        with self.active():
            return as_tensor(numbers).to(self.device)

    def empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Memory of the device for so many numbers."""
        with self.active():
            return torch.empty(shape, dtype=dtype, device=self.device)

    def fetched(self, tensor: Tensor) -> Numbers:
        """What a tensor holds once all that was enqueued is done."""
        with self.active():
            self.stream.synchronize()
            found: Numbers = tensor.cpu().numpy()
        return found


def as_tensor(numbers: np.ndarray[Any, Any]) -> Tensor:
    """An array's memory as a tensor; PyTorch takes no read-only memory, so that is copied."""
    return torch.from_numpy(numbers if numbers.flags.writeable else numbers.copy())
