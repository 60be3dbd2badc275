"""OpenVINO's own files: a model as .xml, its weights as .bin beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fasterseg.deploy.exporting.exported_card import METADATA_KEY, ExportedCard
from fasterseg.deploy.runtimes.openvino_runtime import require_openvino, the_core
from fasterseg.errors import EnvironmentFault, FileError


def write(model: bytes, card: ExportedCard, path: Path) -> None:
    """Convert an ONNX model, and write it in float32 with the card in its information."""
    openvino = require_openvino()
    converted = the_core().read_model(model)
    converted.set_rt_info(card.to_text(), METADATA_KEY)
    try:
        openvino.save_model(converted, str(path), compress_to_fp16=False)
    except RuntimeError as error:
        raise EnvironmentFault(
            "OpenVINO could not write the file",
            where=str(path),
            why=str(error).strip().splitlines()[-1],
            next_step="free some space or choose another folder with --out, then start again",
        ) from error


def read(path: Path) -> tuple[Any, ExportedCard]:
    """An OpenVINO model and its card; `FileError` for anything else."""
    core = the_core()
    try:
        model = core.read_model(str(path))
    except RuntimeError as error:
        raise FileError(
            "not a readable OpenVINO model",
            where=str(path),
            why=str(error).strip().splitlines()[-1],
            next_step="the .xml and the .bin belong together: export the model again",
        ) from error
    text = model.get_rt_info(METADATA_KEY).astype(str) if model.has_rt_info(METADATA_KEY) else None
    return model, ExportedCard.from_text(text, where=str(path))
