"""What all backends time: the same modules, each runtime in its own way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from torch import nn

from fasterseg.config import TargetPrecision
from fasterseg.deploy.exporting.bordering import Bordered, bare, halved, made_up
from fasterseg.deploy.exporting.borders import (
    Border,
    Numbers,
    as_half,
    bare_input,
    bordered_inputs,
)
from fasterseg.deploy.runtimes.sessions import PLAIN_DEVIATION, PLAIN_MEAN, Graph, Session
from fasterseg.deploy.tail.label_maps import Tail
from fasterseg.deploy.tail.scenes import scene_logits
from fasterseg.latency.timing import Call, MonotonicStopwatch, Stopwatch
from fasterseg.network.network import Network, WholeJob
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.blocks import BlockSpec, Size


class ModuleBackend(ABC):
    """A runtime with a fixed number of threads.

    With a `tail`, networks end at low-resolution logits and the tail makes labels of them.  What is
    timed is `written` in a type, as what is exported is.
    """

    written: TargetPrecision = "float32"

    def __init__(self, *, threads: int, tail: Tail | None = None, transfer: bool = True) -> None:
        self.threads = threads
        self.tail = tail
        self.transfer = transfer
        self.stopwatch: Stopwatch = MonotonicStopwatch()

    @abstractmethod
    def module_call(self, module: nn.Module, inputs: Sequence[Numbers]) -> Call:
        """A call that runs a module on these inputs."""

    @abstractmethod
    def graph_of(self, job: WholeJob, size: Size) -> Graph:
        """A whole job, ready to run: what is shipped."""

    def timed_graph_of(self, job: WholeJob, size: Size) -> Graph:
        """A whole job, opened as quickly as it can be: only good for timing."""
        return self.graph_of(job, size)

    def open_network(self, job: nn.Module, size: Size) -> Session:
        """The session of a whole job, which ends where this backend's graphs end."""
        assert isinstance(job, WholeJob)
        tail = None if job.output == "labels" else self.tail
        return Session(self.graph_of(job, size), job.output, tail)

    def block_calls(self, specs: Iterable[BlockSpec]) -> Iterator[tuple[BlockSpec, Call]]:
        """Open each block between its convolutions when its turn comes."""
        for spec in specs:
            if spec.row.writes == "labels" and self.tail is not None:
                yield spec, tail_call(self.tail, spec)
            else:
                yield spec, self._written_call(partial(Bordered, spec), bordered_inputs(spec))

    def border_calls(self, borders: Iterable[Border]) -> Iterator[tuple[Border, Call]]:
        """Open each bare border when its turn comes."""
        for border in borders:
            yield border, self._written_call(partial(bare, border), [bare_input(border)])

    def _written_call(self, build: Callable[[], nn.Module], inputs: Sequence[Numbers]) -> Call:
        """A call of a made-up module in the type that networks are written in."""
        if self.written == "float32":
            return self.module_call(made_up(build), inputs)
        return self.module_call(halved(made_up(build)), [as_half(numbers) for numbers in inputs])

    def random_network(self, architecture: Architecture, geometry: Geometry) -> Session:
        """The whole job of an architecture with random weights: only good for timing."""
        build = partial(Network, architecture, geometry.classes, auxiliary_heads=False)
        job = WholeJob(
            made_up(build),
            PLAIN_MEAN,
            PLAIN_DEVIATION,
            output="labels" if self.tail is None else "low-resolution-logits",
            precision=self.written,
        )
        return Session(self.timed_graph_of(job, geometry.size), job.output, self.tail)


def tail_call(tail: Tail, spec: BlockSpec) -> Call:
    """A call of the tail on logits as scenes have them: patches of a class, rough at the edges.

    How long it takes depends on how many cells lie on an edge.
    """
    height, width = spec.in_size
    logits = scene_logits((spec.in_channels[0], height, width))
    return partial(tail, logits, spec.out_size)
