"""A stand-in for `torch.cuda` on machines without a GPU: its work is only enqueued, as on one.

What was enqueued on a stream is done when somebody waits for it and not before, so whoever reads
too early finds what was there before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch

from fasterseg.deploy.runtimes import gpu as gpu_module
from fasterseg.deploy.runtimes.gpu import Gpu

CONDITIONS = {
    "gpu": "a pretended GPU",
    "cuda": "12.8",
    "driver": "570.1",
    "gpu clocks": "up to 1980 MHz",
    "gpu power limit": "700 W",
}


class FakeStream:
    """A stream with a number, by which others enqueue on it."""

    def __init__(self, number: int) -> None:
        self.cuda_stream = number
        self.waiting: list[Callable[[], None]] = []

    def enqueue(self, work: Callable[[], None]) -> None:
        """Do something once somebody waits."""
        self.waiting.append(work)

    def synchronize(self) -> None:
        """Do all that was enqueued, in order."""
        waiting, self.waiting = self.waiting, []
        for work in waiting:
            work()


class FakeEvent:
    """A moment on the device's clock, known once the stream got there."""

    def __init__(self, *, enable_timing: bool) -> None:
        assert enable_timing
        self.at: float | None = None

    def record(self, stream: FakeStream) -> None:
        """Note when the stream gets here."""

        def note() -> None:
            self.at = time.perf_counter()

        stream.enqueue(note)

    def elapsed_time(self, other: FakeEvent) -> float:
        """Milliseconds to another moment; both have to have come."""
        assert self.at is not None and other.at is not None, "nobody waited for the events"
        return 1000 * (other.at - self.at)


class FakeCuda:
    """What of `torch.cuda` the package uses beside PyTorch's own computing."""

    Event = FakeEvent

    def __init__(self) -> None:
        self.streams = {number: FakeStream(number) for number in (0, 7)}
        self.entered: list[object] = []

    def current_stream(self, _device: object = None) -> FakeStream:
        """The innermost that was entered, else the device's own."""
        entered = [one for one in self.entered if isinstance(one, FakeStream)]
        return entered[-1] if entered else self.streams[0]

    @contextmanager
    def _entering(self, what: object) -> Iterator[None]:
        self.entered.append(what)
        try:
            yield
        finally:
            self.entered.pop()

    device = stream = _entering

    def synchronize(self, _device: object = None) -> None:
        """Wait for every stream."""
        for stream in self.streams.values():
            stream.synchronize()


def pretend_a_gpu(patch: pytest.MonkeyPatch, *, index: int = 0) -> Gpu:
    """A GPU whose memory is the host's, for whoever asks for one by its name."""
    cuda = FakeCuda()
    found = Gpu(torch.device("cpu", index), cuda, cuda.streams[7])

    def named(_cls: type[Gpu], name: str) -> Gpu:
        assert name.startswith("cuda"), name
        return found

    patch.setattr(Gpu, "named", classmethod(named))
    patch.setattr(gpu_module, "gpu_conditions", lambda _device: dict(CONDITIONS))
    return found
