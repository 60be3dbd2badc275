"""What commands return where it is no report of the pipeline's: a file, and what is in it.

No command imports it before it is called: a command's help needs none of it.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from fasterseg.artifacts import Artifact
from fasterseg.deploy.benchmark.benchmark_report import BenchmarkReport
from fasterseg.errors import EnvironmentFault
from fasterseg.evaluation import EvaluationReport
from fasterseg.reporting.described import DescribedNetwork
from fasterseg.reporting.described_file import DescribedFile
from fasterseg.reporting.results import Verdict
from fasterseg.told import Told

SHOWN_DOUBTS = 5


class BenchmarkResult(Told, BaseModel):
    """The figures, and the files that hold them, where any were asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    report: BenchmarkReport
    files: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """4 where a comparison was asked for that the machine did not allow, else 0."""
        refused = self.report.refused and self.report.mode == "headline"
        return EnvironmentFault.exit_code if refused else 0

    def describe(self) -> str:
        """Return the report's table, and where the files are."""
        return "\n".join([self.report.describe(), *(f"written: {file}" for file in self.files)])


class DescribeResult(Told, BaseModel):
    """Every network that was named, or the exported file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    networks: tuple[DescribedNetwork, ...] = ()
    file: DescribedFile | None = None

    def describe(self) -> str:
        """Return all of them as text."""
        if self.file is not None:
            return self.file.describe()
        return "\n\n".join(network.describe() for network in self.networks)


class DrawResult(Told, BaseModel):
    """The drawings as text, and the SVG file, empty when none was asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    in_lines: ClassVar = ("text",)

    text: str
    file: str = ""
    notes: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return the text form, and where the SVG is."""
        notes = [f"note: {note}" for note in self.notes]
        ending = [f"drawing: {self.file}"] if self.file else []
        return "\n".join([self.text, *notes, *ending])


class EvaluateResult(Told, BaseModel):
    """A model's score on a split, and the file that holds it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    report: EvaluationReport
    note: str = ""

    def describe(self) -> str:
        """Return the score in one line, each class's below it, and where the report is."""
        lines = [
            f"  {name:<20} {'absent' if iou is None else f'{100 * iou:6.2f} %'}"
            for name, iou in self.report.iou.items()
        ]
        notes = [f"note: {self.note}"] if self.note else []
        return "\n".join(
            [self.report.summary(), *lines, *self._doubts(), *notes, f"report: {self.file}"]
        )

    def _doubts(self) -> list[str]:
        """Where masks are worth a look: the network is sure of another class."""
        found = self.report.contradictions
        if not found:
            return []
        rest = len(found) - SHOWN_DOUBTS
        return [
            "masks that the network confidently contradicts, the largest place first:",
            *(f"  {one.describe()}" for one in found[:SHOWN_DOUBTS]),
            *([f"  and {rest} more in the report"] if rest > 0 else []),
        ]


class ReportResult(Told, BaseModel):
    """Where the page is, and the verdicts on a run's students, or a model's card for a hub."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    note: str = ""
    verdicts: tuple[Verdict, ...] = ()
    card: str = ""

    def describe(self) -> str:
        """Return the verdicts, what the page had to leave out, and its path."""
        notes = [f"note: {self.note}"] if self.note else []
        verdicts = [verdict.describe() for verdict in self.verdicts]
        cards = [f"card for a hub: {self.card}"] if self.card else []
        return "\n".join([*verdicts, *notes, *cards, f"report: {self.file}"])


class TrainResult(Told, Artifact):
    """The bundles that were trained, each contender's best one, and how their training went."""

    schema_tag = "fasterseg/train-result/1"
    in_lines: ClassVar = ("reports",)

    bundles: dict[str, str]
    reports: dict[str, str]

    def describe(self) -> str:
        """Return each network's scores and where its bundle is."""
        return "\n".join(
            f"{self.reports[name]}\n  bundle: {path}" for name, path in self.bundles.items()
        )
