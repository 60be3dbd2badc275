"""What the runtimes that read ONNX have in common: modules become models."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from fasterseg.deploy.exporting.borders import Numbers
from fasterseg.deploy.exporting.export import export_network
from fasterseg.deploy.exporting.tracing import traced
from fasterseg.deploy.runtimes.module_backend import ModuleBackend
from fasterseg.deploy.runtimes.sessions import Graph
from fasterseg.latency.timing import Call
from fasterseg.network.network import WholeJob
from fasterseg.space.blocks import Size


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

    def graph_of(self, job: WholeJob, size: Size) -> Graph:
        """Export the job, and open it."""
        return self.open_graph(export_network(job, size))

    def timed_graph_of(self, job: WholeJob, size: Size) -> Graph:
        """Trace the job, and open it."""
        return self.open_graph(traced(job, [torch.empty(1, *size, 3, dtype=torch.uint8)]))

    def floor_call(self) -> Call:
        """A model that looks at one number."""
        return self.module_call(nn.ReLU(), [np.zeros(1, dtype=np.float32)])
