"""What a verification found, and what it allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from fasterseg.amounts import number_of, size
from fasterseg.artifacts import Artifact
from fasterseg.config import Precision
from fasterseg.errors import VerificationError
from fasterseg.told import Told


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a file may be from its network.

    `logits` is the largest difference as a share of the logits' range, `labels` the smallest share
    of pixels with the same label, `mean_iou` the largest difference of the score, in points of
    one hundred; where the file may be better by any, it `gains`.
    """

    logits: float
    labels: float
    mean_iou: float
    gains: bool = False


TOLERANCES: Mapping[Precision, Tolerance] = {
    "float32": Tolerance(logits=1e-4, labels=0.9999, mean_iou=0.05),
    "float16": Tolerance(logits=1e-2, labels=0.995, mean_iou=0.2),
    "bfloat16": Tolerance(logits=8e-2, labels=0.98, mean_iou=0.5),
    # What is wrong shows in the score, which may lose what the file's own record says.
    "int8": Tolerance(logits=0.5, labels=0.8, mean_iou=0.5, gains=True),
}


class Check(BaseModel):
    """One thing that was compared: what was found, what is allowed, whether it holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    passed: bool
    found: str
    allowed: str

    def describe(self) -> str:
        """The check in one line."""
        return f"{'ok' if self.passed else 'FAILED':<7} {self.name}: {self.found}" + (
            f" (allowed: {self.allowed})" if self.allowed else ""
        )


class VerificationReport(Told, Artifact):
    """What was compared, on how many images of which sizes, and by which runtime.

    `digest_of_file` is that of the file that ran.  The scores are None where no labelled split of
    the file's size was at hand; `mean_iou` is the file's own.  `evidence` is where to look.
    """

    schema_tag: ClassVar[str] = "fasterseg/verification/1"

    subject: str
    against: str
    digest_of_file: str
    facts: dict[str, str]
    images: int
    image_source: str
    sizes: tuple[str, ...]
    checks: tuple[Check, ...]
    mean_iou: float | None = None
    reference_mean_iou: float | None = None
    split: str = ""
    remark: str = ""
    evidence: str = ""

    @property
    def exit_code(self) -> int:
        """6 when the file is not what its network is, else 0."""
        return 0 if self.passed else VerificationError.exit_code

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return all(check.passed for check in self.checks)

    def failures(self) -> str:
        """The checks that do not hold, in one line."""
        return "; ".join(f"{c.name}: {c.found}" for c in self.checks if not c.passed)

    def describe(self) -> str:
        """The checks, a line each."""
        head = (
            f"{self.subject} against {self.against}: {number_of(self.images, 'image')} of "
            f"{self.image_source}, {', '.join(self.sizes)}; {self.facts.get('runtime', '')}, "
            f"{self.facts.get('precision', '')}, tail {self.facts.get('tail', '')}"
        )
        verdict = "it does what the network does" if self.passed else "it is NOT the same network"
        lines = [head, *(f"  {check.describe()}" for check in self.checks)]
        lines += [f"  {self.facts['operators']}"] if "operators" in self.facts else []
        lines += [f"  {self.remark}"] if self.remark else []
        lines.append(verdict)
        return "\n".join([*lines, *([f"look at: {self.evidence}"] if self.evidence else [])])


class ExportReport(Told, Artifact):
    """A file that was handed over: what it is, and the verification that it passed.

    `file_digest` is that of the file that was verified.  `tail` says where labels are made, and
    `tail_files` by which files beside it, with their digests.  `script` builds an engine on the
    device, where none could be built here; it was not run.  `page` is the page that the file lies
    beside, where one was asked for.
    """

    schema_tag: ClassVar[str] = "fasterseg/export/1"

    file: str
    file_digest: str
    kind: str
    output: str
    precision: str
    size: str
    bytes: int
    verification: VerificationReport
    tail: str = ""
    tail_files: dict[str, str] = Field(default_factory=dict)
    script: str = ""
    page: str = ""

    def describe(self) -> str:
        """Return what was written, what was checked, and what is left to do."""
        lines = [
            f"{self.file}: {self.kind}, {self.precision}, images of {self.size} to "
            f"{self.output}, {size(self.bytes)}",
            f"  {self.file_digest}",
            *([f"  tail: {self.tail}"] if self.tail else []),
            self.verification.describe(),
        ]
        if self.script:
            lines += [
                "no engine was built: TensorRT or a GPU is missing here; the ONNX file says its "
                "types, as TensorRT 10 and 11 want it",
                f"on the device (not run here): python {Path(self.script).name} "
                f"{Path(self.file).name} {Path(self.file).with_suffix('.engine').name}",
            ]
        if self.page:
            lines += [
                f"the page: {self.page}",
                f"to open it: python -m http.server --directory {Path(self.page).parent}, then "
                "http://localhost:8000; opened from the disk, it asks for network.onnx",
            ]
        return "\n".join(lines)
