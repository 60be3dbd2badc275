"""OpenVINO's own files: a model as .xml, its weights as .bin beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from fasterseg.deploy.exporting.exported_card import METADATA_KEY, ExportedCard
from fasterseg.deploy.exporting.formats import ExportForm, digest_of_parts, files_of
from fasterseg.deploy.exporting.seals import BLANK_SEAL, check_seal, sealed
from fasterseg.deploy.runtimes.onnx import files as onnx_files
from fasterseg.deploy.runtimes.openvino.graphs import OpenvinoText, plain_graph, read_text
from fasterseg.deploy.runtimes.openvino.installed import antialiased, imported_openvino
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.deploy.runtimes.untrusted.claims import require_true
from fasterseg.deploy.runtimes.untrusted.trial_child import reason_of
from fasterseg.deploy.runtimes.untrusted.trials import require_runs
from fasterseg.deploy.runtimes.untrusted.wire import NotPlain
from fasterseg.durable import durable_write
from fasterseg.errors import EnvironmentFault, FileError
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.network.network import WholeJob

MOST_BYTES = 320 << 20


def write(job: WholeJob, card: ExportedCard, form: ExportForm, path: Path) -> None:
    """Write a job with the card in its information: in int8 the very model that was chosen.

    In float32 it is converted from ONNX.
    A comment at the end of the .xml is the seal of both files.
    """
    openvino = require_openvino()
    if form.quantised is not None:
        converted = form.quantised.model.clone()
    else:
        converted = antialiased(the_core().read_model(onnx_files.graph_of(job, form)))
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


def read(path: Path, running: Running) -> tuple[Any, ExportedCard, str]:
    """An OpenVINO model, its card and both files' digest.

    Raises `FileError` for anything else, for what is no plain network, of which its card is not
    true, or that does not run.
    """
    core = the_core()
    text, contents, card = looked_at(path)
    digest = digest_of_parts(contents)
    if digest != running.made_here:
        files = files_of(path)
        require_runs(files, contents, card, runtime="openvino", threads=running.threads)
    with telling_refusals(path):
        return core.read_model(text.anew, contents[1]), card, digest


def looked_at(path: Path) -> tuple[OpenvinoText, tuple[bytes, bytes], ExportedCard]:
    """Both files' content, and the card, of which all is true that can be seen at once.

    The .bin is the one that lies beside, whatever the .xml says.  Raises `FileError` as `read`.
    """
    try:
        data, weights = (bytes_of(file, most_bytes=MOST_BYTES) for file in files_of(path))
        has_seal = check_seal(data, str(path), companions=[weights])
        text = read_text(data)
        graph = plain_graph(text, weights)
        card = ExportedCard.from_text(text.card, where=str(path), has_seal=has_seal)
        require_true(card, graph)
    except OSError as error:
        raise _refused(path, f"{error.strerror}: {error.filename}") from error
    except NotPlain as error:
        raise _refused(path, str(error)) from error
    return text, (data, weights), card


@contextmanager
def telling_refusals(path: Path | None = None) -> Iterator[None]:
    """Tell what OpenVINO refuses in this block as a fault of the model."""
    try:
        yield
    except RuntimeError as error:
        raise _refused(path, reason_of(error)) from error


def _refused(path: Path | None, why: str) -> FileError:
    return FileError(
        "not a readable OpenVINO model",
        where=str(path or ""),
        why=why,
        next_step="the .xml and the .bin belong together: export the model again",
    )


@cache
def the_core() -> Any:
    """OpenVINO itself, opened once in a process; see `require_openvino`."""
    return require_openvino().Core()


def require_openvino() -> Any:
    """The library; `EnvironmentFault` naming the extra where it is not installed."""
    try:
        return imported_openvino()
    except ModuleNotFoundError as error:
        raise EnvironmentFault(
            "openvino is not installed",
            why="it belongs to the extra 'openvino'",
            next_step="pip install 'fasterseg[openvino]', or choose another backend",
        ) from error
