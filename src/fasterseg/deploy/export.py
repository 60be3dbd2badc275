"""The one exporter: from a module to an ONNX model with static shapes, in float32.

Exporting takes a fixed time for each call, so blocks are exported by the dozen: many blocks in
one module, each with inputs and output of its own, and the graph is cut into one model per block
afterwards.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from fasterseg.deploy.folding import folded
from fasterseg.deploy.graphs import part_of
from fasterseg.errors import EnvironmentFault
from fasterseg.space.blocks import BlockSpec, Size

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 18
BLOCKS_PER_EXPORT = 32
IMAGE, LABELS = "image", "labels"


def export_network(job: nn.Module, size: Size) -> bytes:
    """The ONNX model of a whole job: uint8 (1, height, width, 3) image to uint8 labels.

    Raises `EnvironmentFault` where the extra ``onnx`` is not installed.
    """
    image = torch.zeros(1, *size, 3, dtype=torch.uint8)
    model = export_module(job, (image,), inputs=[IMAGE], outputs=[LABELS])
    return bytes(model.SerializeToString())


def export_modules(
    blocks: Iterable[tuple[BlockSpec, nn.Module]], *, chunk: int = BLOCKS_PER_EXPORT
) -> Iterator[tuple[BlockSpec, bytes]]:
    """The ONNX model of each block; inputs ``in0``.., output ``out``."""
    pending = iter(blocks)
    while some := list(islice(pending, chunk)):
        yield from _export_together(some)


def _export_together(
    blocks: Sequence[tuple[BlockSpec, nn.Module]],
) -> Iterator[tuple[BlockSpec, bytes]]:
    side = _SideBySide(blocks)
    inputs = [example_inputs(spec) for spec, _ in blocks]
    names = [[f"{i}:in{j}" for j in range(len(some))] for i, some in enumerate(inputs)]
    outputs = [f"{i}:out" for i in range(len(blocks))]
    flat_names = [name for some in names for name in some]
    model = export_module(
        side, tuple(x for some in inputs for x in some), inputs=flat_names, outputs=outputs
    )
    for (spec, _), own, output in zip(blocks, names, outputs, strict=True):
        yield spec, bytes(part_of(model, own, output).SerializeToString())


def example_inputs(spec: BlockSpec) -> tuple[Tensor, ...]:
    """Tensors of the shapes that a block takes, their content undefined."""
    if spec.kind == "input":
        return (torch.empty(1, *spec.in_size, 3, dtype=torch.uint8),)
    return tuple(torch.empty(1, count, *spec.in_size) for count in spec.in_channels)


class _SideBySide(nn.Module):
    """Blocks that know nothing of each other."""

    def __init__(self, blocks: Sequence[tuple[BlockSpec, nn.Module]]) -> None:
        super().__init__()
        self.specs = tuple(spec for spec, _ in blocks)
        self.blocks = nn.ModuleList(block for _, block in blocks)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Every block's output."""
        outputs, rest = [], iter(inputs)
        for spec, block in zip(self.specs, self.blocks, strict=True):
            outputs.append(run_block(spec, block, list(islice(rest, len(spec.in_channels)))))
        return tuple(outputs)


def run_block(spec: BlockSpec, block: nn.Module, inputs: Sequence[Tensor]) -> Tensor:
    """The block's output; arm and tail are told the size of their spec."""
    if spec.kind in ("arm", "tail"):
        return block(*inputs, size=tuple(spec.out_size))  # type: ignore[no-any-return]
    return block(*inputs)  # type: ignore[no-any-return]


def export_module(
    module: nn.Module, example: tuple[Tensor, ...], *, inputs: list[str], outputs: list[str]
) -> ModelProto:
    """The ONNX model of a module's evaluation form for inputs of exactly these shapes."""
    require_onnx()
    with _quiet():
        program = torch.onnx.export(
            folded(module),
            example,
            input_names=inputs,
            output_names=outputs,
            opset_version=OPSET,
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def require_onnx() -> None:
    """Raise `EnvironmentFault` naming the extra when what the exporter needs is missing."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise missing_extra(error.name or "onnx") from error


def missing_extra(library: str) -> EnvironmentFault:
    """The message for a library of the extra ``onnx`` that is not installed."""
    return EnvironmentFault(
        f"{library} is not installed",
        why="exporting and ONNX Runtime belong to the extra 'onnx'",
        next_step="pip install 'fasterseg[onnx]', or --set target.backend=pytorch",
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks on itself from the user: they are not about the model."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
