"""What the runtimes that read ONNX have in common: modules become models."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from fasterseg.deploy.exporting.borders import Border, Numbers
from fasterseg.deploy.exporting.export import export_network
from fasterseg.deploy.exporting.quantising import made_up_ranges, quantised
from fasterseg.deploy.exporting.timed_graphs import (
    block_graph,
    block_inputs,
    border_graph,
    border_inputs,
    network_graph,
)
from fasterseg.deploy.exporting.tracing import traced
from fasterseg.deploy.runtimes.module_backend import ModuleBackend
from fasterseg.deploy.runtimes.sessions import Graph, Session
from fasterseg.latency.timing import Call
from fasterseg.network.network import WholeJob
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.blocks import BlockSpec, Size

SMALL = BlockSpec("conv", (16,), 16, 1, Size(16, 16), Size(16, 16))


class OnnxBackend(ModuleBackend):
    """A runtime for ONNX graphs: what is shipped is exported; what is only timed is traced."""

    @abstractmethod
    def open_graph(self, model: bytes) -> Graph:
        """A model, ready to run."""

    @abstractmethod
    def bound(self, model: bytes, inputs: Sequence[Numbers]) -> Call:
        """A call that runs a model on these inputs, ``in0``.. of it, and keeps ``out``."""

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """The runtime's version."""

    def module_call(self, module: nn.Module, inputs: Sequence[Numbers]) -> Call:
        """Trace the module, and open it."""
        return self.bound(traced(module, [torch.from_numpy(x) for x in inputs]), inputs)

    def block_call(self, spec: BlockSpec) -> Call:
        """The graph that is timed of a block, open."""
        return self.bound(block_graph(spec, self.written), block_inputs(spec, self.written))

    def border_call(self, border: Border) -> Call:
        """The graph that is timed of a bare border, open."""
        return self.bound(border_graph(border, self.written), border_inputs(border, self.written))

    def computed_in(self) -> str:
        """What a small block, opened as what is timed, says that it computes in."""
        return self.open_graph(block_graph(SMALL, self.written)).facts()["precision"]

    def graph_of(self, job: WholeJob, size: Size) -> Graph:
        """Export the job, and open it; in int8 with ranges that are made up, good for timing."""
        model = export_network(job, size)
        if self.written == "int8":
            model = quantised(model, made_up_ranges(model))
        return self.open_graph(model)

    def random_network(self, architecture: Architecture, geometry: Geometry) -> Session:
        """The graph that is timed of an architecture, open."""
        model = network_graph(architecture, geometry, output=self.output, precision=self.written)
        return Session(self.timed_graph(model, geometry.size), self.output, self.tail)

    def timed_graph(self, model: bytes, size: Size) -> Graph:
        """A whole job that is only timed, open; `size` is that of its images."""
        del size
        return self.open_graph(model)

    def floor_call(self) -> Call:
        """A model that looks at one number."""
        return self.module_call(nn.ReLU(), [np.zeros(1, dtype=np.float32)])
