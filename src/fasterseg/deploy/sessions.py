"""What every runtime offers: a session of a whole job, and a backend that opens sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import numpy as np
from torch import nn

from fasterseg.deploy.borders import Border
from fasterseg.latency.timing import Call, Stopwatch
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.blocks import BlockSpec, Size

Image = np.ndarray[Any, np.dtype[np.uint8]]
Labels = np.ndarray[Any, np.dtype[Any]]
Predictor = Callable[[Image], Labels]

PLAIN_MEAN, PLAIN_DEVIATION = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


class Session(Protocol):
    """A whole job, ready to run on a backend."""

    def run(self, image: Image) -> Labels:
        """(height, width, 3) uint8 image of the session's size to (height, width) class ids."""

    def predictor(self) -> Predictor:
        """The session as a function from image to class ids."""

    @property
    def digest(self) -> str:
        """SHA-256 of what runs; empty where nothing is written down (PyTorch)."""


class Backend(Protocol):
    """Opens blocks and whole jobs."""

    stopwatch: Stopwatch

    def prepare(self, specs: Iterable[BlockSpec]) -> Iterator[tuple[int, int]]:
        """Do once what many blocks share; gives (done, total) on the way."""

    def block_calls(self, specs: Iterable[BlockSpec]) -> Iterator[tuple[BlockSpec, Call]]:
        """A call that runs a block between convolutions once (`borders`), for each spec in turn."""

    def border_calls(self, borders: Iterable[Border]) -> Iterator[tuple[Border, Call]]:
        """A call that runs a bare border once, for each border in turn."""

    def open_network(self, job: nn.Module, size: Size) -> Session:
        """The session of a whole job (`network.WholeJob`) at an image size."""

    def random_network(self, architecture: Architecture, geometry: Geometry) -> Session:
        """The whole job of an architecture with random weights: only good for timing."""

    def floor_call(self) -> Call:
        """A call that does as good as nothing: the timer's floor."""

    def versions(self) -> dict[str, str]:
        """What else a latency depends on: names and versions of the runtime."""
