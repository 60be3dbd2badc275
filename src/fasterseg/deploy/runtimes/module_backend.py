"""What all backends time: the same modules, each runtime in its own way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from torch import nn

from fasterseg.config import OutputForm, TargetPrecision
from fasterseg.deploy.exporting.borders import Border, Numbers
from fasterseg.deploy.exporting.timed_graphs import (
    bare_border,
    block_inputs,
    border_inputs,
    bordered_block,
    random_job,
)
from fasterseg.deploy.runtimes.sessions import Graph, Session
from fasterseg.deploy.tail.label_maps import Tail
from fasterseg.deploy.tail.scenes import scene_logits
from fasterseg.latency.timing import Call, MonotonicStopwatch, Stopwatch
from fasterseg.network.network import WholeJob
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

    @property
    def output(self) -> OutputForm:
        """What its networks end at."""
        return "labels" if self.tail is None else "low-resolution-logits"

    @abstractmethod
    def module_call(self, module: nn.Module, inputs: Sequence[Numbers]) -> Call:
        """A call that runs a module on these inputs."""

    @abstractmethod
    def graph_of(self, job: WholeJob, size: Size) -> Graph:
        """A whole job, ready to run: what is shipped."""

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
                yield spec, self.block_call(spec)

    def border_calls(self, borders: Iterable[Border]) -> Iterator[tuple[Border, Call]]:
        """Open each bare border when its turn comes."""
        for border in borders:
            yield border, self.border_call(border)

    def block_call(self, spec: BlockSpec) -> Call:
        """A call of a made-up block between convolutions, in the type that networks have."""
        return self.module_call(
            bordered_block(spec, self.written), block_inputs(spec, self.written)
        )

    def border_call(self, border: Border) -> Call:
        """A call of a made-up bare border, in the type that networks have."""
        return self.module_call(
            bare_border(border, self.written), border_inputs(border, self.written)
        )

    def computed_in(self) -> str:
        """What modules are made in, which eager runtimes compute in as it is."""
        return self.written

    def random_network(self, architecture: Architecture, geometry: Geometry) -> Session:
        """The whole job of an architecture with random weights: only good for timing."""
        job = random_job(architecture, geometry, output=self.output, precision=self.written)
        return Session(self.graph_of(job, geometry.size), job.output, self.tail)


def tail_call(tail: Tail, spec: BlockSpec) -> Call:
    """A call of the tail on logits as scenes have them: patches of a class, rough at the edges.

    How long it takes depends on how many cells lie on an edge.
    """
    height, width = spec.in_size
    logits = scene_logits((spec.in_channels[0], height, width))
    return partial(tail, logits, spec.out_size)
