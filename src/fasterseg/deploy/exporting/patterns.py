"""Blocks that differ in their channels alone share one export.

Exporting a block takes a fifth of a second, whatever its size; a space has hundreds, but only a
few dozen *patterns*: kind, stride and sizes.  Each pattern is exported once, with channels that
are telling prime numbers, and its graph is fitted to the channels of each block.  A test holds
every kind of fitted graph against the export of the block itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import torch
from torch import nn

from fasterseg.deploy.exporting.export import export_modules, require_onnx
from fasterseg.deploy.exporting.graphs import weights_of, without_weights
from fasterseg.layers.building import build_block
from fasterseg.space.blocks import BlockSpec

# All sums and halves that a block makes of these differ from one another.
IN_CHANNELS, OUT_CHANNELS = (23, 29, 31), 37
CHANNEL_AXIS = 1


class BlockExporter:
    """Gives the graphs of blocks, without their weights; patterns are exported once."""

    def __init__(self) -> None:
        self._patterns: dict[str, bytes] = {}

    def graphs(self, specs: Iterable[BlockSpec]) -> Iterator[tuple[BlockSpec, bytes]]:
        """The ONNX model of each block, its weights left out; inputs ``in0``.., output ``out``.

        Raises `EnvironmentFault` where the extra ``onnx`` is not installed.
        """
        wanted = list(specs)
        for _ in self.prepare(wanted):
            pass
        for spec in wanted:
            pattern = pattern_of(spec)
            yield spec, fitted(self._patterns[pattern.key], pattern, spec)

    def prepare(self, specs: Iterable[BlockSpec]) -> Iterator[tuple[int, int]]:
        """Export the patterns of these blocks that are new; gives (done, total) on the way."""
        require_onnx()
        patterns = {pattern_of(spec).key: pattern_of(spec) for spec in specs}
        new = [pattern for key, pattern in patterns.items() if key not in self._patterns]
        blocks = ((pattern, trained_looking(build_block(pattern))) for pattern in new)
        for done, (pattern, model) in enumerate(export_modules(blocks), 1):
            self._patterns[pattern.key] = without_weights(model)
            yield done, len(new)


def trained_looking(block: nn.Module) -> nn.Module:
    """The block with norms and biases as after training: zeros would be left out of the graph."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in (*block.named_parameters(), *block.named_buffers()):
            if name.endswith(("bias", "running_mean")):
                tensor.normal_(0.0, 0.1, generator=generator)
    return block


def pattern_of(spec: BlockSpec) -> BlockSpec:
    """The spec that stands for all that differ from this one in their channels alone."""
    if not spec.row.layers(spec.stride):
        return spec
    ins = IN_CHANNELS[: len(spec.in_channels)]
    return replace(spec, in_channels=ins, out_channels=OUT_CHANNELS)


def fitted(model: bytes, pattern: BlockSpec, spec: BlockSpec) -> bytes:
    """A pattern's graph with the channels of a block; both without weights."""
    import onnx
    from onnx import numpy_helper

    if pattern == spec:
        return model
    changed, counts = onnx.ModelProto.FromString(model), _counts(pattern, spec)
    graph = changed.graph
    for tensor in weights_of(graph):
        tensor.dims[:2] = [counts[count] for count in tensor.dims[:2]]
    for tensor in graph.initializer:
        # The only numbers that hold channels are the sizes of a resize.
        if tensor.data_type == onnx.TensorProto.INT64 and list(tensor.dims) == [4]:
            size = numpy_helper.to_array(tensor).copy()
            size[CHANNEL_AXIS] = counts[int(size[CHANNEL_AXIS])]
            tensor.CopyFrom(numpy_helper.from_array(size, tensor.name))
    for value in (*graph.input, *graph.output):
        channels = value.type.tensor_type.shape.dim[CHANNEL_AXIS]
        channels.dim_value = counts[channels.dim_value]
    return bytes(changed.SerializeToString())


def _counts(pattern: BlockSpec, spec: BlockSpec) -> Mapping[int, int]:
    """Each number of channels in the pattern's graph, and what stands there in the block's."""
    pairs = [*zip(pattern.in_channels, spec.in_channels, strict=True)]
    for one, other in zip(pattern.convolutions(), spec.convolutions(), strict=True):
        pairs += [(one.in_channels, other.in_channels), (one.out_channels, other.out_channels)]
    return {**dict(pairs), pattern.out_channels: spec.out_channels}
