"""The graphs that are timed, in the precision of a target: blocks, borders, whole networks.

Whoever times them, here or on another device, takes them from here.  In int8 a block is timed
between borders in int8, as it stands in a network: but for what reads the image or writes logits,
which stays in float32 there (`float_nodes`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import nn

from fasterseg.config import OutputForm, TargetPrecision
from fasterseg.deploy.exporting.bordering import Bordered, bare, halved, made_up
from fasterseg.deploy.exporting.borders import (
    Border,
    Numbers,
    as_half,
    bare_input,
    bordered_inputs,
    input_borders,
    output_border,
)
from fasterseg.deploy.exporting.float_nodes import Ends
from fasterseg.deploy.exporting.quantising import KEPT_AT_EACH_END, made_up_ranges, quantised
from fasterseg.deploy.exporting.tracing import traced
from fasterseg.network.network import Network, WholeJob
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.blocks import BlockSpec

if TYPE_CHECKING:
    from onnx import ModelProto

PLAIN_MEAN, PLAIN_DEVIATION = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)

Weights = Callable[["ModelProto"], None]
"""Changes a model's weights before it is turned to another precision."""


def block_graph(
    spec: BlockSpec, precision: TargetPrecision, *, weights: Weights | None = None
) -> bytes:
    """The ONNX model of a block between convolutions; it reads `block_inputs`, ``in0``.. of it."""
    module, inputs = bordered_block(spec, precision), block_inputs(spec, precision)
    return _written(_traced(module, inputs, weights), precision, ends_of_block(spec))


def border_graph(
    border: Border, precision: TargetPrecision, *, weights: Weights | None = None
) -> bytes:
    """The ONNX model of a bare border; it reads `border_inputs`."""
    module, inputs = bare_border(border, precision), border_inputs(border, precision)
    return _written(_traced(module, inputs, weights), precision, ends_of_border(border))


def network_graph(
    architecture: Architecture,
    geometry: Geometry,
    *,
    output: OutputForm,
    precision: TargetPrecision,
    weights: Weights | None = None,
) -> bytes:
    """The ONNX model of an architecture's whole job, with random weights."""
    job = random_job(architecture, geometry, output=output, precision=precision)
    model = traced(job, [torch.empty(1, *geometry.size, 3, dtype=torch.uint8)])
    return _written(_with(weights, model), precision, KEPT_AT_EACH_END)


def random_job(
    architecture: Architecture,
    geometry: Geometry,
    *,
    output: OutputForm,
    precision: TargetPrecision,
) -> WholeJob:
    """The whole job of an architecture with random weights, in the type that modules have."""
    build = partial(Network, architecture, geometry.classes, auxiliary_heads=False)
    return WholeJob(
        made_up(build),
        PLAIN_MEAN,
        PLAIN_DEVIATION,
        output=output,
        precision="float16" if precision == "float16" else "float32",
    )


def bordered_block(spec: BlockSpec, precision: TargetPrecision) -> nn.Module:
    """A made-up block between convolutions, as a module."""
    return _in_type(made_up(partial(Bordered, spec)), precision)


def bare_border(border: Border, precision: TargetPrecision) -> nn.Module:
    """A made-up bare border, as a module."""
    return _in_type(made_up(partial(bare, border)), precision)


def block_inputs(spec: BlockSpec, precision: TargetPrecision) -> list[Numbers]:
    """What a block between convolutions reads."""
    return _inputs_in_type(bordered_inputs(spec), precision)


def border_inputs(border: Border, precision: TargetPrecision) -> list[Numbers]:
    """What a bare border reads."""
    return _inputs_in_type([bare_input(border)], precision)


def ends_of_block(spec: BlockSpec) -> Ends:
    """Which convolutions around and in a block stay in float32, where a network is in int8.

    Those that read the image; those that write logits, and what reads these in a network's place.
    """
    contents = {border.content for border in input_borders(spec)}
    behind = output_border(spec)
    reads_image = not contents or "image" in contents
    writes_logits = behind is not None and behind.content == "logits"
    return Ends(
        first=1 if reads_image or "logits" in contents else 0, last=2 if writes_logits else 0
    )


def ends_of_border(border: Border) -> Ends:
    """The same of a bare border: both of its convolutions or none."""
    return Ends() if border.content == "features" else KEPT_AT_EACH_END


def _traced(module: nn.Module, inputs: Sequence[Numbers], weights: Weights | None) -> bytes:
    return _with(weights, traced(module, [torch.from_numpy(x) for x in inputs]))


def _with(weights: Weights | None, model: bytes) -> bytes:
    if weights is None:
        return model
    from onnx import ModelProto

    proto = ModelProto.FromString(model)
    weights(proto)
    return bytes(proto.SerializeToString())


def _written(model: bytes, precision: TargetPrecision, ends: Ends) -> bytes:
    """A model that was traced, in int8 where that was asked for."""
    return quantised(model, made_up_ranges(model), ends=ends) if precision == "int8" else model


def _in_type(module: nn.Module, precision: TargetPrecision) -> nn.Module:
    return halved(module) if precision == "float16" else module


def _inputs_in_type(inputs: Sequence[Numbers], precision: TargetPrecision) -> list[Numbers]:
    return [as_half(numbers) if precision == "float16" else numbers for numbers in inputs]
