"""``fasterseg evaluate``: score a model on a split, whole images at their own resolution."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict

from fasterseg.config import Recipe
from fasterseg.console.options import Common, CommonOptions
from fasterseg.console.progress import progress_for
from fasterseg.errors import FileError, UsageError
from fasterseg.evaluation import EvaluationReport
from fasterseg.paths import place_for_file
from fasterseg.pipeline.evaluating import default_report_path, evaluate_stage, run_of
from fasterseg.pipeline.opening import open_settled, require_device, resolve_recipe
from fasterseg.pipeline.preflight.data import require_split
from fasterseg.runs import RunFolder

if TYPE_CHECKING:
    pass


OTHERWISE = (
    "the images were read as the model's card says (channels, range), which is not as the data's "
    "file does"
)


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
    **options: Unpack[CommonOptions],
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
    from fasterseg.deploy.runtimes.models import require_model
    from fasterseg.runtime import set_threads

    require_model(model)
    common = Common(**options)
    wanted = _place_for_report(out) if out else None
    require_device(common.device)
    run = run_of(model, common)
    recipe, source = open_settled(_recipe(run, common))
    set_threads(recipe.threads)
    named, split = bool(split), split or recipe.data.test_split
    require_split(source, split, asked="--split" if named else "data.test_split")
    path = wanted or place_for_file(default_report_path(run, model, split))
    show = progress_for(json=common.json)
    with show(f"Scoring {model}", total=source.length(split), unit="images") as step:
        report = evaluate_stage(
            model, path, source=source, split=split, device=common.device or "auto", progress=step
        )
    otherwise = report.data_digest != source.digest(split)
    return EvaluateResult(file=str(path), report=report, note=OTHERWISE if otherwise else "")


def _place_for_report(out: Path | str) -> Path:
    """Where a report goes; raises `UsageError` where a file lies that is no report."""
    path = place_for_file(out, "--out")
    if path.exists():
        try:
            EvaluationReport.load(path)
        except FileError as error:
            raise UsageError(
                "there is another file in this place",
                where=f"--out {out}",
                why=f"as a report: {error.why}",
                next_step="name another file with --out",
            ) from error
    return path


def _recipe(run: RunFolder | None, common: Common) -> Recipe:
    stored = Recipe.load(run.recipe) if run is not None and run.recipe.is_file() else None
    if stored is None and common.data is None and common.recipe is None:
        raise UsageError(
            "there is no data to score on",
            why="the model lies in no run, and no data was named",
            next_step="add --data FOLDER, or --run DIR",
        )
    return resolve_recipe(common, stored)
