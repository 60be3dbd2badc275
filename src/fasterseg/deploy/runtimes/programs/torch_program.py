"""PyTorch's exported programs (.pt2): PyTorch runs them without this package, which reads them
without PyTorch's reader.

That one unpickles, imports, compiles and evaluates what it finds in a file, in some twenty places,
and its makers advise against files of unknown origin.  So a file is read here by a parser of our
own, and its graph run operator by operator (`program`).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor
from torch.utils._sympy.value_ranges import ValueRanges

from fasterseg.artifacts import digest_of_bytes, first_fault
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.exporting.folding import folded
from fasterseg.deploy.exporting.formats import ExportForm
from fasterseg.deploy.exporting.seals import BLANK_SEAL, check_seal, sealed
from fasterseg.deploy.runtimes.programs.claims import require_true
from fasterseg.deploy.runtimes.programs.graph import Unreadable
from fasterseg.deploy.runtimes.programs.program import Program, program_of
from fasterseg.deploy.runtimes.programs.records import CARD, MOST_BYTES, records_of
from fasterseg.deploy.runtimes.programs.shapes import require_fitting
from fasterseg.durable import durable_write
from fasterseg.errors import DataError, FileError
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.network.network import WholeJob
from fasterseg.space.blocks import Size
from fasterseg.stopping import interrupts_kept

ANY_SIZE = Size(64, 128)
"""What a program of any size is tried with when it is opened."""
_MOST_SIZES, _LONGEST = 1000, 250


def write(job: WholeJob, card: ExportedCard, form: ExportForm, path: Path) -> None:
    """Write a job as an exported program with the card among its extra files."""
    content = io.BytesIO()
    torch.export.save(exported_program(job, form), content, extra_files={CARD: card.to_text()})
    durable_write(path, sealed(_with_comment(content, BLANK_SEAL)))


def exported_program(job: WholeJob, form: ExportForm) -> torch.export.ExportedProgram:
    """A job as PyTorch's exporter writes it down, of the form's size or of any."""
    size = form.size
    image = torch.zeros(1, *(size or form.example_size), 3, dtype=torch.uint8)
    any_length = torch.export.Dim.DYNAMIC
    shapes = ({1: any_length, 2: any_length},) if size is None else None
    with interrupts_kept():
        program = torch.export.export(folded(job), (image,), dynamic_shapes=shapes)
    if size is None:
        _allow_any_length(program)
    # An example is pickled into the file; without one, nothing in it needs unpickling.
    program.example_inputs = None
    for node in program.graph.nodes:  # they name files of the machine that exported it
        node.meta.pop("stack_trace", None)
    return program


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


@dataclass(frozen=True, slots=True)
class OpenedProgram:
    """A program that was read, as a function from images to its output.

    Each size of images is looked at before the first of them is computed; `run` computes.
    `digest` is the SHA-256 of the file's bytes.
    """

    program: Program
    card: ExportedCard
    where: str
    digest: str
    run: Callable[[Tensor], Tensor]
    seen: set[Size] = field(default_factory=set)

    def __call__(self, images: Tensor) -> Tensor:
        """What comes out for (1, height, width, 3) uint8 images.

        Raises `DataError` for what the program does not take, or takes too much for.
        """
        self._require(images)
        try:
            return self.run(images)
        except RuntimeError as error:  # what shapes do not show: a number divided by zero
            raise self._unfit(f"{str(error).strip()}\n".splitlines()[0][:_LONGEST]) from error

    def compiled(self) -> OpenedProgram:
        """The same, compiled by PyTorch when it is first run at a size."""
        return replace(self, run=torch.compile(self.program))

    def _require(self, images: Tensor) -> None:
        shape = tuple(images.shape)
        if len(shape) != 4 or (shape[0], shape[3], images.dtype) != (1, 3, torch.uint8):
            raise self._unfit(f"it has the shape {shape} and the type {images.dtype}")
        size = Size(shape[1], shape[2])
        if size in self.seen:
            return
        if self.program.size not in (None, size):
            raise self._unfit(f"it is {size}, and the program takes {self.program.size} alone")
        try:
            require_fitting(self.program, size, self.card)
        except Unreadable as error:
            raise self._unfit(f"at {size}: {error}") from error
        if len(self.seen) < _MOST_SIZES:
            self.seen.add(size)

    def _unfit(self, why: str) -> DataError:
        return DataError(
            "the program does not run on this image",
            where=self.where,
            why=why,
            next_step="export the model again, or show it images of another size with --size",
        )


def read(path: Path) -> tuple[OpenedProgram, ExportedCard]:
    """The program as a function from images to its output, and its card.

    Nothing in the file runs; raises `FileError` for what is no program of this package, is damaged,
    is not what its card says, or asks for more than a network could.
    """
    try:
        data = bytes_of(path, most_bytes=MOST_BYTES)
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error
    has_seal = check_seal(data, str(path))
    try:
        records = records_of(data)
        card = ExportedCard.from_text(records.card, where=str(path), has_seal=has_seal)
        program = program_of(records)
        require_true(program, card)
        require_fitting(program, card.size or ANY_SIZE, card)
    except ValidationError as error:
        raise _refused(path, first_fault(error)) from error
    except ValueError as error:
        raise _refused(path, str(error)) from error
    return OpenedProgram(program, card, str(path), digest_of_bytes(data), program), card


def _refused(path: Path, why: str) -> FileError:
    return FileError(
        "cannot read this exported program",
        where=str(path),
        why=why if len(why) <= _LONGEST else f"{why[:_LONGEST]}...",
        next_step="fasterseg export MODEL --format torch --out FILE",
    )
