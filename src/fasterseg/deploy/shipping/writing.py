"""Files of each format, written from a network and its card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fasterseg.artifacts import durable_write
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.exporting.formats import ExportForm, onnx_model, whole_job
from fasterseg.deploy.runtimes import openvino_files, tensorrt, torch_program

if TYPE_CHECKING:
    from torch import nn


def write_files(network: nn.Module, card: ExportedCard, form: ExportForm, path: Path) -> None:
    """Write a network in a form to `path`, and its companions beside it.

    Nothing is checked here: see `deploy.shipping`.
    """
    form.require_possible()
    job = whole_job(network, card)
    match form.format:
        case "onnx":
            durable_write(path, onnx_model(job, card, form))
        case "openvino":
            openvino_files.write(onnx_model(job, card, form), card, path)
        case "tensorrt":
            tensorrt.write(onnx_model(job, card, form), card, path)
        case "torch":
            torch_program.write(job, card, form.size, form.example_size, path)
