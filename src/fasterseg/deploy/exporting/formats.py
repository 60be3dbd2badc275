"""What is asked of an exported file: its format, what it ends at, its size and types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fasterseg.artifacts import digest_of_bytes, digest_of_file, digest_of_value
from fasterseg.config import OutputForm, Precision, TailForm
from fasterseg.deploy.exporting.format_table import FORMATS, Format
from fasterseg.deploy.exporting.quantisation import Quantisation, Quantised
from fasterseg.errors import UsageError
from fasterseg.space.blocks import Size


def graph_output(tail: TailForm) -> OutputForm:
    """What a graph ends at that has such a tail: labels where the tail is in it."""
    return "labels" if tail == "graph" else "low-resolution-logits"


@dataclass(frozen=True, slots=True)
class ExportForm:
    """What is exported: without a `size` a graph of any size, traced with `example_size`.

    In int8 it has been `quantised` (`shipping.int8_search`); `computes_in` is what a runtime turns
    float32 to.  With `resizes_to` it brings images of any size to that one itself; its labels have
    their own.
    `for_engine` fits an ONNX file to what TensorRT builds engines from; an engine is built on and
    for a `gpu`.
    """

    format: str
    size: Size | None
    example_size: Size
    output: OutputForm = "labels"
    precision: Precision = "float32"
    computes_in: Precision | None = None
    quantised: Quantised | None = field(default=None, compare=False)
    resizes_to: Size | None = None
    for_engine: bool = False
    gpu: str = "cuda"

    @property
    def quantisation(self) -> Quantisation | None:
        """How it came to int8; None where it did not."""
        return None if self.quantised is None else self.quantised.record

    @property
    def row(self) -> Format:
        """Its format; raises `UsageError` where there is none of that name."""
        if self.format not in FORMATS:
            raise UsageError(
                f"there is no format named {self.format!r}",
                next_step=f"choose one of {', '.join(FORMATS)}",
            )
        return FORMATS[self.format]

    def require_possible(self) -> None:
        """Raise `UsageError` for a combination that no file can hold."""
        if self.precision == "bfloat16":
            raise UsageError(
                "a file holds float32, float16 or int8",
                where="--precision bfloat16",
                why="runtimes turn to bfloat16 when they load a file, where they have it",
                next_step="export in float32, and choose bfloat16 where the file is run",
            )
        if self.resizes_to is not None and self.output != "labels":
            raise UsageError(
                "a graph that resizes images gives labels",
                where=f"--resize --output {self.output}",
                why="its labels are brought back to the image's own size, and logits are not",
                next_step="leave --output out, or --resize",
            )
        if self.row.of_one_size and self.size is None:
            raise UsageError(
                f"{self.format} files take images of one size",
                where="--resize" if self.resizes_to else "--dynamic",
                why="their memory is planned when they are written",
                next_step="leave it out, and say the size with --size 360x480",
            )
        if self.precision not in self.row.precisions:
            able = [row.name for row in FORMATS.values() if self.precision in row.precisions]
            raise UsageError(
                f"{self.format} files are written in {' or '.join(self.row.precisions)}",
                where=f"--precision {self.precision}",
                why=f"{self.precision} is written as {' and '.join(able)}",
                next_step=f"--format {able[0]} --precision {self.precision}",
            )


def format_of(path: Path) -> Format | None:
    """The format that a file's name says; None for a name that says none."""
    return next((row for row in FORMATS.values() if row.suffix == path.suffix), None)


def files_of(path: Path) -> tuple[Path, ...]:
    """An exported file and its companions: OpenVINO keeps the weights in a second file."""
    row = format_of(path)
    return (path, *(path.with_suffix(suffix) for suffix in (row.companions if row else ())))


def digest_of_export(path: Path) -> str:
    """SHA-256 of an exported file; of several files' digests where it has companions."""
    return _digest_of([digest_of_file(file) for file in files_of(path)])


def digest_of_parts(parts: Sequence[bytes]) -> str:
    """The same of what was read of an exported file and its companions."""
    return _digest_of([digest_of_bytes(part) for part in parts])


def _digest_of(digests: list[str]) -> str:
    return digests[0] if len(digests) == 1 else digest_of_value(digests)
