"""What every runtime offers: graphs, sessions of a whole job, and what opens them.

A graph ends at labels or at logits; what is missing to labels is the tail.  A session is both, so
that a whole job is the same call everywhere: from a uint8 image to class ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import nn

from fasterseg.config import OutputForm, Precision, TailForm
from fasterseg.deploy.exporting.borders import Border, Numbers
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.runtimes.untrusted.trial_child import reason_of
from fasterseg.deploy.tail.label_maps import Tail
from fasterseg.errors import DataError, FastersegError
from fasterseg.latency.timing import Call, Stopwatch
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.blocks import BlockSpec, Size

Image = np.ndarray[Any, np.dtype[np.uint8]]
Labels = np.ndarray[Any, np.dtype[Any]]
Logits = np.ndarray[Any, np.dtype[np.float32]]
Predictor = Callable[[Image], Labels]


class Graph(Protocol):
    """A graph on a runtime: from uint8 (1, height, width, 3) images to its one output."""

    @property
    def digest(self) -> str:
        """SHA-256 of what runs; empty where nothing is written down (eager PyTorch)."""

    def run(self, images: Image) -> np.ndarray[Any, Any]:
        """Labels (1, height, width), or logits (1, classes, height, width)."""

    def timed(
        self, images: Image, stopwatch: Stopwatch
    ) -> tuple[np.ndarray[Any, Any], dict[str, float]]:
        """The same, and the milliseconds of its parts: ``copy in``, ``network``, ``copy out``."""

    def resident(self, images: Image) -> Call:
        """A call that runs it on images that lie where it computes; its output stays there."""

    def facts(self) -> Mapping[str, str]:
        """What the runtime says that it does: precision, threads."""


@dataclass(frozen=True)
class Session:
    """A whole job, ready to run: a graph, and the tail where the graph ends at logits."""

    graph: Graph
    output: OutputForm = "labels"
    tail: Tail | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of what runs; empty where nothing is written down."""
        return self.graph.digest

    def run(self, image: Image) -> Labels:
        """(height, width, 3) uint8 image to (height, width) class ids."""
        return self._labels(self._output(image), image)

    def labels_and_logits(self, image: Image) -> tuple[Labels, Logits | None]:
        """What `run` gives, and the (classes, height, width) logits behind it, of one run.

        The logits have the graph's own size; they are None where the graph gives labels.
        """
        output = self._output(image)
        return self._labels(output, image), None if self.output == "labels" else output

    def predictor(self) -> Predictor:
        """The session as a function from image to class ids."""
        return self.run

    def call(self, image: Image, *, transfer: bool) -> Call:
        """A call of the whole job on an image.

        Without `transfer` the image lies on the device already, and the labels stay there.
        """
        if transfer:
            return partial(self.run, image)
        assert self.tail is None
        return self.graph.resident(image[None])

    def parts_ms(self, image: Image, stopwatch: Stopwatch) -> dict[str, float]:
        """The milliseconds of one job's parts: the graph's, and ``tail`` where it is apart."""
        output, parts = self.graph.timed(image[None], stopwatch)
        if self.tail is None:
            return parts
        return {**parts, "tail": stopwatch(lambda: self._labels(output[0], image))}

    def facts(self) -> dict[str, str]:
        """What ran and how, as its runtime says."""
        tail = "in the graph" if self.tail is None else self.tail.name
        return {**self.graph.facts(), "tail": tail}

    def _output(self, image: Image) -> np.ndarray[Any, Any]:
        try:
            output: np.ndarray[Any, Any] = self.graph.run(image[None])[0]
        except FastersegError:
            raise
        except Exception as error:  # a runtime raises what it likes for a size that it cannot take
            raise DataError(
                "the file does not run on this image",
                why=f"the image is {image.shape[0]}x{image.shape[1]}: {reason_of(error)}",
                next_step="export the model again, or show it larger images with --size",
            ) from error
        return output

    def _labels(self, output: np.ndarray[Any, Any], image: Image) -> Labels:
        if self.tail is None:
            return output
        return self.tail(output, Size(image.shape[0], image.shape[1]))


class Backend(Protocol):
    """Opens blocks and whole jobs.

    `transfer` says whether the copies to and from its device are part of a job's time.
    """

    stopwatch: Stopwatch
    transfer: bool

    @property
    def tail(self) -> Tail | None:
        """The tail behind low-resolution logits; None where it is in the graph."""

    def block_calls(self, specs: Iterable[BlockSpec]) -> Iterator[tuple[BlockSpec, Call]]:
        """A call that runs a block between convolutions once (`borders`), for each spec in turn.

        A tail that is apart runs by itself.
        """

    def border_calls(self, borders: Iterable[Border]) -> Iterator[tuple[Border, Call]]:
        """A call that runs a bare border once, for each border in turn."""

    def module_call(self, module: nn.Module, inputs: Sequence[Numbers]) -> Call:
        """A call that runs a module on these inputs."""

    def open_network(self, job: nn.Module, size: Size) -> Session:
        """The session of a whole job (`network.WholeJob`) at an image size."""

    def random_network(self, architecture: Architecture, geometry: Geometry) -> Session:
        """The whole job of an architecture with random weights: only good for timing."""

    def floor_call(self) -> Call:
        """A call that does as good as nothing: the timer's floor."""

    def computed_in(self) -> str:
        """The types that the convolutions of a small network really compute in, joined by ``+``."""

    def versions(self) -> dict[str, str]:
        """What else a latency depends on: names and versions of the runtime."""


@dataclass(frozen=True, slots=True)
class Running:
    """How something is run: None stands for a file's own runtime, and for the best tail here.

    Without `transfer` the copies to and from the device are no part of a job's time.
    `made_here` is the digest of the file that this very process has written: no other is opened
    without having been tried (`trials`).
    """

    runtime: str | None = None
    threads: int = 1
    precision: Precision = "float32"
    tail: TailForm | None = None
    device: str = "cpu"
    transfer: bool = True
    made_here: str = ""


class Opener(Protocol):
    """What the module of a runtime offers (`config.runtimes`)."""

    def open_backend(self, running: Running, tail: Tail | None) -> Backend:
        """What runs blocks and networks; `EnvironmentFault` where it is not installed."""

    def open_file(self, path: Path, running: Running) -> tuple[Graph, ExportedCard]:
        """An exported file, ready to run, and its card; raises `FileError` for no such file."""
