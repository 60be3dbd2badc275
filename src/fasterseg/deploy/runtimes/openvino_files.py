"""OpenVINO's own files: a model as .xml, its weights as .bin beside it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from fasterseg.artifacts import durable_write
from fasterseg.deploy.exporting.exported_card import METADATA_KEY, ExportedCard
from fasterseg.deploy.exporting.formats import ExportForm, digest_of_parts, files_of
from fasterseg.deploy.exporting.seals import BLANK_SEAL, check_seal, sealed
from fasterseg.deploy.runtimes import onnx_files
from fasterseg.errors import EnvironmentFault, FileError
from fasterseg.network.network import WholeJob
from fasterseg.opened_files import bytes_of

MOST_BYTES = 1 << 30


def write(job: WholeJob, card: ExportedCard, form: ExportForm, path: Path) -> None:
    """Convert a job's ONNX model, and write it in float32 with the card in its information.

    A comment at the end of the .xml is the seal of both files.
    """
    openvino = require_openvino()
    converted = the_core().read_model(onnx_files.graph_of(job, form))
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
    text, weights = (file.read_bytes() for file in files_of(path))
    text += f"<!-- {BLANK_SEAL} -->\n".encode()
    durable_write(path, sealed(text, companions=[weights]))


def read(path: Path) -> tuple[Any, ExportedCard, str]:
    """An OpenVINO model, its card and both files' digest; `FileError` for anything else."""
    core = the_core()
    try:
        text, weights = (bytes_of(file, most_bytes=MOST_BYTES) for file in files_of(path))
        has_seal = check_seal(text, str(path), companions=[weights])
        model = core.read_model(text, weights)
    except (OSError, RuntimeError) as error:
        raise FileError(
            "not a readable OpenVINO model",
            where=str(path),
            why=str(error).strip().splitlines()[-1],
            next_step="the .xml and the .bin belong together: export the model again",
        ) from error
    card = model.get_rt_info(METADATA_KEY).astype(str) if model.has_rt_info(METADATA_KEY) else None
    found = ExportedCard.from_text(card, where=str(path), has_seal=has_seal)
    return model, found, digest_of_parts([text, weights])


@cache
def the_core() -> Any:
    """OpenVINO itself, opened once in a process; see `require_openvino`."""
    return require_openvino().Core()


def require_openvino() -> Any:
    """The library; `EnvironmentFault` naming the extra where it is not installed."""
    try:
        import openvino
    except ModuleNotFoundError as error:
        raise EnvironmentFault(
            "openvino is not installed",
            why="it belongs to the extra 'openvino'",
            next_step="pip install 'fasterseg[openvino]', or choose another backend",
        ) from error
    return openvino
