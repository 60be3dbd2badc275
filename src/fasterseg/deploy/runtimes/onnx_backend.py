"""What the runtimes that read ONNX have in common: block graphs, joined networks, whole jobs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from torch import nn

from fasterseg.deploy.exporting.bordering import bare, bordered
from fasterseg.deploy.exporting.borders import Border, bare_input, bordered_inputs
from fasterseg.deploy.exporting.export import export_network
from fasterseg.deploy.exporting.graphs import joined
from fasterseg.deploy.exporting.patterns import BlockExporter
from fasterseg.deploy.runtimes.sessions import Graph, Session
from fasterseg.deploy.tail.label_maps import Tail
from fasterseg.latency.timing import Call, MonotonicStopwatch, Stopwatch
from fasterseg.network.network import WholeJob
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import BlockSpec, Size

PATCH = 6
"""Low-resolution pixels along the side of a patch of one class in made-up logits."""


class OnnxBackend(ABC):
    """A runtime for ONNX graphs, with a fixed number of threads.

    With a `tail`, networks end at low-resolution logits and the tail makes labels of them.
    """

    def __init__(self, *, threads: int, tail: Tail | None = None) -> None:
        self.threads = threads
        self.tail = tail
        self.stopwatch: Stopwatch = MonotonicStopwatch()
        self._blocks = BlockExporter()

    @abstractmethod
    def open_graph(self, model: bytes) -> Graph:
        """A model, ready to run."""

    @abstractmethod
    def bound(self, model: bytes, inputs: Sequence[np.ndarray[Any, Any]]) -> Call:
        """A call that runs a model on these inputs, ``in0``.. of it, and keeps ``out``."""

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """The runtime's version."""

    def open_network(self, job: nn.Module, size: Size) -> Session:
        """Export a whole job and open it; `job` ends where this backend's graphs end."""
        assert isinstance(job, WholeJob)
        tail = None if job.output == "labels" else self.tail
        return Session(self.open_graph(export_network(job, size)), job.output, tail)

    def prepare(self, specs: Iterable[BlockSpec]) -> Iterator[tuple[int, int]]:
        """Export the patterns of these blocks."""
        return self._blocks.prepare(self._in_graph(specs))

    def block_calls(self, specs: Iterable[BlockSpec]) -> Iterator[tuple[BlockSpec, Call]]:
        """Export what is new of these blocks, then open each when its turn comes."""
        wanted = list(specs)
        for spec, graph in self._blocks.graphs(self._in_graph(wanted)):
            yield spec, self.bound(bordered(spec, graph), bordered_inputs(spec))
        for spec in wanted:
            if spec.row.writes == "labels" and self.tail is not None:
                yield spec, tail_call(self.tail, spec)

    def border_calls(self, borders: Iterable[Border]) -> Iterator[tuple[Border, Call]]:
        """Open each bare border when its turn comes."""
        for border in borders:
            yield border, self.bound(bare(border), [bare_input(border)])

    def random_network(self, architecture: Architecture, geometry: Geometry) -> Session:
        """A network joined from blocks; patterns that were seen before need no export."""
        wiring = wire(architecture, geometry)
        specs = {spec.key: spec for spec in wiring.timed_specs()}
        wanted = self._in_graph(specs.values())
        graphs = {spec.key: graph for spec, graph in self._blocks.graphs(wanted)}
        if self.tail is None:
            return Session(self.open_graph(joined(wiring, graphs)))
        graph = self.open_graph(joined(wiring, graphs, with_tail=False))
        return Session(graph, "low-resolution-logits", self.tail)

    def floor_call(self) -> Call:
        """A model that hands one number on."""
        from onnx import TensorProto, helper

        ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in ("in0", "out")]
        node = helper.make_node("Identity", ["in0"], ["out"])
        graph = helper.make_graph([node], "floor", ends[:1], ends[1:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        return self.bound(model.SerializeToString(), [np.zeros(1, dtype=np.float32)])

    def _in_graph(self, specs: Iterable[BlockSpec]) -> list[BlockSpec]:
        """Those of the blocks that are part of a graph here."""
        return [spec for spec in specs if spec.row.writes != "labels" or self.tail is None]


def tail_call(tail: Tail, spec: BlockSpec) -> Call:
    """A call of the tail on logits as scenes have them: patches of a class, rough at the edges.

    How long it takes depends on how many cells lie on an edge.
    """
    generator = np.random.default_rng(0)
    height, width = spec.in_size
    patches = (spec.in_channels[0], -(-height // PATCH), -(-width // PATCH))
    coarse = generator.standard_normal(patches, dtype=np.float32)
    wide = np.kron(coarse, np.ones((1, PATCH, PATCH), dtype=np.float32))[:, :height, :width]
    logits = wide + 0.1 * generator.standard_normal(wide.shape, dtype=np.float32)
    return partial(tail, logits, spec.out_size)
