"""The one exporter: from a module to an ONNX model, its batch norms folded, in one file."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from fasterseg.config import OutputForm
from fasterseg.deploy.exporting.folding import folded
from fasterseg.errors import EnvironmentFault
from fasterseg.network.network import WholeJob
from fasterseg.space.blocks import Size
from fasterseg.stopping import interrupts_kept

if TYPE_CHECKING:
    from onnx import ModelProto

# The oldest version of the file's format that the opset allows: ONNX Runtime 1.16, OpenVINO 2025.0
# and TensorRT 10 load it; a test holds every export to both.
OPSET, IR_VERSION = 18, 8
IMAGE, HEIGHT, WIDTH = "image", "height", "width"
OUTPUT_NAMES: Mapping[OutputForm, str] = {
    "labels": "labels",
    "logits": "logits",
    "low-resolution-logits": "low_resolution_logits",
}


def export_network(
    job: WholeJob,
    size: Size,
    *,
    any_size: bool = False,
) -> bytes:
    """The ONNX model of a whole job: uint8 (1, height, width, 3) image to the job's output.

    With `any_size` the graph takes images of any height and width; `size` is what it is traced
    with.  Raises `EnvironmentFault` where the extra ``onnx`` is not installed.
    """
    image = torch.zeros(1, *size, 3, dtype=torch.uint8)
    any_length = torch.export.Dim.DYNAMIC
    model = export_module(
        job,
        (image,),
        inputs=[IMAGE],
        outputs=[OUTPUT_NAMES[job.output]],
        dynamic_shapes=({1: any_length, 2: any_length},) if any_size else None,
    )
    if any_size:
        _name_lengths(model)
    return bytes(model.SerializeToString())


def _name_lengths(model: ModelProto) -> None:
    """Call the image's free lengths by their names instead of the tracer's symbols."""
    lengths = model.graph.input[0].type.tensor_type.shape.dim
    names = {lengths[1].dim_param: HEIGHT, lengths[2].dim_param: WIDTH}
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for length in value.type.tensor_type.shape.dim:
            if length.dim_param:
                length.dim_param = re.sub(
                    r"[A-Za-z_]\w*", lambda m: names.get(m[0], m[0]), length.dim_param
                )


def export_module(
    module: nn.Module,
    example: tuple[Tensor, ...],
    *,
    inputs: list[str],
    outputs: list[str],
    dynamic_shapes: tuple[dict[int, Any], ...] | None = None,
) -> ModelProto:
    """The ONNX model of a module's evaluation form.

    It takes inputs of exactly the example's shapes, but for the dimensions in `dynamic_shapes`.
    """
    require_onnx()
    with interrupts_kept(), _quiet():
        program = torch.onnx.export(
            folded(module),
            example,
            input_names=inputs,
            output_names=outputs,
            opset_version=OPSET,
            dynamo=True,
            optimize=True,
            external_data=False,
            dynamic_shapes=dynamic_shapes,
            verbose=False,
        )
    assert program is not None
    return _of_the_oldest_version(program.model_proto)


def _of_the_oldest_version(model: ModelProto) -> ModelProto:
    """The model under the version of its opset, without what that version does not know.

    These are the exporter's notes, in which the paths of this machine's sources stand.
    """
    model.ir_version, graph = IR_VERSION, model.graph
    parts = (graph.node, graph.input, graph.output, graph.value_info, graph.initializer)
    for noted in (graph, *(one for part in parts for one in part)):
        noted.ClearField("metadata_props")
    return model


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
