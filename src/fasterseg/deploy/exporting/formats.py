"""The formats that a network is exported to: the files of each, and how they are read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fasterseg.artifacts import digest_of_file, digest_of_value
from fasterseg.config import OutputForm, Precision
from fasterseg.deploy.exporting.export import export_network
from fasterseg.deploy.exporting.exported_card import METADATA_KEY, ExportedCard
from fasterseg.errors import UsageError
from fasterseg.network.network import WholeJob
from fasterseg.space.blocks import Size

if TYPE_CHECKING:
    from torch import nn

Format = Literal["onnx", "openvino", "tensorrt", "torch"]
SUFFIXES: Mapping[Format, str] = {
    "onnx": ".onnx",
    "openvino": ".xml",
    "tensorrt": ".engine",
    "torch": ".pt2",
}


@dataclass(frozen=True, slots=True)
class ExportForm:
    """What is exported: without a `size` a graph of any size, traced with `example_size`."""

    format: Format
    size: Size | None
    example_size: Size
    output: OutputForm = "labels"
    precision: Precision = "float32"

    def require_possible(self) -> None:
        """Raise `UsageError` for a combination that no file can hold."""
        if self.precision == "bfloat16":
            raise UsageError(
                "a file holds float32 or float16",
                where="--precision bfloat16",
                why="runtimes turn to bfloat16 when they load a file, where they have it",
                next_step="export in float32, and choose bfloat16 where the file is run",
            )
        if self.precision == "float16" and self.format in ("torch", "openvino"):
            raise UsageError(
                f"{self.format} files are written in float32",
                where="--precision float16",
                why="explicitly typed float16 is written as ONNX, for ONNX Runtime and TensorRT",
                next_step="--format onnx --precision float16",
            )


def whole_job(network: nn.Module, card: ExportedCard) -> WholeJob:
    """The job from image to the card's output, read, normalised and computed as it says."""
    assert card.precision != "bfloat16"
    job = WholeJob(
        network,
        card.mean,
        card.std,
        output=card.output,
        precision=card.precision,
        grey=card.reading.is_grey,
    )
    job.eval()
    return job


def onnx_model(job: WholeJob, card: ExportedCard, form: ExportForm) -> bytes:
    """The ONNX model of a job, with the card in its metadata."""
    return export_network(
        job,
        form.size or form.example_size,
        any_size=form.size is None,
        metadata={METADATA_KEY: card.to_text()},
    )


def files_of(path: Path) -> tuple[Path, ...]:
    """An exported file and its companions: OpenVINO keeps the weights in a second file."""
    return (path, path.with_suffix(".bin")) if path.suffix == ".xml" else (path,)


def digest_of_export(path: Path) -> str:
    """SHA-256 of an exported file; of several files' digests where it has companions."""
    digests = [digest_of_file(file) for file in files_of(path)]
    return digests[0] if len(digests) == 1 else digest_of_value(digests)
