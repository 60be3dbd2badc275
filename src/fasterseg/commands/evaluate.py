"""``fasterseg evaluate``: score a model on a split, whole images at their own resolution."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Unpack

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict

from fasterseg.console.options import Common, SharedOptions
from fasterseg.console.progress import progress_for
from fasterseg.evaluation import EvaluationReport


class EvaluateResult(BaseModel):
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
        return "\n".join([self.report.summary(), *lines, *notes, f"report: {self.file}"])


def evaluate(
    model: str,
    *,
    split: Annotated[
        str, Parameter(help="Which split; the one that runs score when left out.")
    ] = "",
    out: Annotated[
        Path | str, Parameter(help="The report's file; in the model's run when left out.")
    ] = "",
    **options: Unpack[SharedOptions],
) -> EvaluateResult:
    """Score a model on a split: mean IoU over whole images at their own resolution.

    The data is that of the run which the model lies in, or what --data names.

    Parameters
    ----------
    model
        A bundle's folder, a shipped name, or a file that ``fasterseg export`` wrote.

    Returns
    -------
    EvaluateResult
        Each class's IoU, the confusion matrix and each image's own score.
    """
    from fasterseg.pipeline.evaluating import evaluate_named

    common = Common(**options)
    path, report, note = evaluate_named(
        model, common, split=split, out=out, show=progress_for(json=common.json)
    )
    return EvaluateResult(file=str(path), report=report, note=note)
