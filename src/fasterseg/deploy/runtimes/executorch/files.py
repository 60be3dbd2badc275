"""ExecuTorch's programs (.pte): written by a child, read by a look at their bytes.

Card and seal stand behind the program, where its runtime does not look: a JSON text, how long it
is, and a mark.
"""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import torch

from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.exporting.formats import ExportForm
from fasterseg.deploy.exporting.seals import BLANK_SEAL, check_seal, sealed
from fasterseg.deploy.runtimes.executorch.environment import python
from fasterseg.deploy.runtimes.executorch.graphs import PteGraph, plain_graph
from fasterseg.deploy.runtimes.executorch.process import lowered
from fasterseg.deploy.runtimes.programs.torch_program import exported_program
from fasterseg.deploy.runtimes.untrusted.wire import NotPlain
from fasterseg.durable import durable_write
from fasterseg.errors import FileError
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.network.network import WholeJob
from fasterseg.scratch import scratch_folder

MARK = b"fasterseg-card:1"
MOST_BYTES, MOST_CARD = 320 << 20, 1 << 20
_NAME = "job"


def write(job: WholeJob, card: ExportedCard, form: ExportForm, path: Path) -> None:
    """Lower a job for XNNPACK and write it; raises as `executorch.process.lowered` does."""
    durable_write(path, with_card(program_of(job, form), card))


def program_of(job: WholeJob, form: ExportForm) -> bytes:
    """The program of a job, without a card."""
    python()  # whether there is one, before the network is traced
    with scratch_folder(Path(tempfile.gettempdir()), "fasterseg-executorch-") as folder:
        torch.export.save(exported_program(job, form), folder / f"{_NAME}.pt2")
        lowered(folder, [_NAME])
        return bytes_of(folder / f"{_NAME}.pte", most_bytes=MOST_BYTES)


def with_card(program: bytes, card: ExportedCard) -> bytes:
    """A program with its card and seal behind it."""
    text = card.to_text(seal=BLANK_SEAL).encode()
    return sealed(program + text + struct.pack("<I", len(text)) + MARK)


def read(path: Path) -> tuple[bytes, PteGraph, ExportedCard]:
    """The program's bytes, what it calls, and its card; nothing of it has run.

    Raises `FileError` for what is no such program of this package, or is damaged.
    """
    try:
        data = bytes_of(path, most_bytes=MOST_BYTES)
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error
    has_seal = check_seal(data, str(path))
    try:
        program, text = _apart(data)
        graph = plain_graph(program)
    except NotPlain as error:
        raise _refused(path, str(error)) from error
    card = ExportedCard.from_text(text, where=str(path), has_seal=has_seal)
    if card.size is None or card.precision != "float32":
        raise _refused(path, "its card says any size, or another type than float32")
    return data, graph, card


def _apart(data: bytes) -> tuple[bytes, str]:
    """The program and the card's text behind it."""
    end = len(data) - len(MARK) - 4
    if end < 0 or not data.endswith(MARK):
        raise NotPlain("no card stands behind it, so it was not written by fasterseg")
    (length,) = struct.unpack_from("<I", data, end)
    if length > min(end, MOST_CARD):
        raise NotPlain("its card is longer than it can be")
    try:
        return data[: end - length], data[end - length : end].decode()
    except UnicodeDecodeError as error:
        raise NotPlain("its card is no text") from error


def _refused(path: Path, why: str) -> FileError:
    return FileError(
        "cannot read this ExecuTorch program",
        where=str(path),
        why=why,
        next_step="fasterseg export MODEL --format executorch --out FILE",
    )
