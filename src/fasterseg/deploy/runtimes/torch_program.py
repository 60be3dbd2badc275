"""PyTorch's exported programs (.pt2): loaded by PyTorch alone, without this package."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._sympy.value_ranges import ValueRanges

from fasterseg.artifacts import durable_write
from fasterseg.deploy.exporting.exported_card import METADATA_KEY, ExportedCard
from fasterseg.deploy.exporting.folding import folded
from fasterseg.deploy.exporting.formats import ExportForm
from fasterseg.deploy.exporting.seals import BLANK_SEAL, check_seal, sealed
from fasterseg.errors import FileError
from fasterseg.network.network import WholeJob
from fasterseg.opened_files import bytes_of
from fasterseg.strict_json import load_json

MOST_BYTES = 1 << 30
EXTRA = f"{METADATA_KEY}.json"


def write(job: WholeJob, card: ExportedCard, form: ExportForm, path: Path) -> None:
    """Write a job as an exported program with the card among its extra files."""
    size = form.size
    image = torch.zeros(1, *(size or form.example_size), 3, dtype=torch.uint8)
    any_length = torch.export.Dim.DYNAMIC
    shapes = ({1: any_length, 2: any_length},) if size is None else None
    program = torch.export.export(folded(job), (image,), dynamic_shapes=shapes)
    if size is None:
        _allow_any_length(program)
    # An example is pickled into the file; without one, nothing in it needs unpickling.
    program.example_inputs = None
    content = io.BytesIO()
    torch.export.save(program, content, extra_files={EXTRA: card.to_text()})
    durable_write(path, sealed(_with_comment(content, BLANK_SEAL)))


def _with_comment(content: io.BytesIO, comment: str) -> bytes:
    """The archive with a comment, which no checksum of its members covers."""
    with zipfile.ZipFile(content, "a") as archive:
        archive.comment = comment.encode()
    return content.getvalue()


def _allow_any_length(program: torch.export.ExportedProgram) -> None:
    """Take back that all maps are longer than one pixel, which tracing assumes and nothing needs.

    It would refuse images below 65 pixels, whose smallest maps have one.  That such images come
    out right is seen when the file is verified, as no file gets its name otherwise.
    """
    for symbol, known in program.range_constraints.items():
        program.range_constraints[symbol] = ValueRanges(1, known.upper)
    if hasattr(program, "_guards_code"):
        program._guards_code = []


def read(path: Path) -> tuple[Callable[[Tensor], Tensor], ExportedCard]:
    """The program as a function from images to its output, and its card.

    PyTorch's reader would unpickle objects that it finds in the file, and so run their code: a
    file that holds any is refused (`FileError`) before that reader sees it.
    """
    try:
        has_seal = check_seal(bytes_of(path, most_bytes=MOST_BYTES), str(path))
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error
    _refuse_objects(path)
    texts = {EXTRA: ""}
    try:
        program = torch.export.load(path, extra_files=texts)
    except Exception as error:  # PyTorch raises whatever its parsers raise
        raise _refused(path, f"PyTorch cannot load it: {str(error).splitlines()[0]}") from error
    card = ExportedCard.from_text(texts[EXTRA] or None, where=str(path), has_seal=has_seal)
    return program.module(), card


def _refuse_objects(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                _refuse_object(path, name, partial(archive.read, name))
    except (OSError, zipfile.BadZipFile, ValueError, RecursionError) as error:
        raise _refused(path, str(error) or "it is no archive") from error


def _refuse_object(path: Path, name: str, content: Callable[[], bytes]) -> None:
    file = name.rpartition("/")[2]
    if file.startswith(("custom_obj", "opaque_obj")):
        raise _refused(path, f"it holds an object of unknown kind: {name}")
    if file.endswith("_config.json") and _wants_pickle(load_json(content())):
        raise _refused(path, f"it wants objects unpickled: {name}")
    if "/sample_inputs/" in name and content():
        try:
            torch.load(io.BytesIO(content()), weights_only=True)
        except Exception as error:
            raise _refused(path, f"its example is no plain tensor: {name}") from error


def _wants_pickle(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value.get("use_pickle")) or any(_wants_pickle(v) for v in value.values())
    return isinstance(value, list) and any(_wants_pickle(v) for v in value)


def _refused(path: Path, why: str) -> FileError:
    return FileError(
        "cannot read this exported program",
        where=str(path),
        why=why,
        next_step="fasterseg export MODEL --format torch --out FILE",
    )
