"""``fasterseg evaluate``: score a model on a split, whole images at their own resolution."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter

from fasterseg.console.option_values import PathOrText, SizeOrText
from fasterseg.console.options import Common, SharedOptions

if TYPE_CHECKING:
    from fasterseg.commands.results import EvaluateResult


def evaluate(
    model: PathOrText,
    *,
    split: Annotated[
        str, Parameter(help="Which split; the one that runs score when left out.")
    ] = "",
    out: Annotated[
        Path | str, Parameter(help="The report's file; in the model's run when left out.")
    ] = "",
    size: Annotated[
        SizeOrText,
        Parameter(
            help="Show the network every image at HxW, or at its 'own' size; by default at the one "
            "that it was trained for. Labels keep their size."
        ),
    ] = "",
    **options: Unpack[SharedOptions],
) -> EvaluateResult:
    """Score a model on a split: mean IoU over whole images at their own resolution.

    The data is that of the run which the model lies in, or what --data names.  The report is
    written into the model's run, or where --out says.  Exit code 3 for data that cannot be scored.

    Parameters
    ----------
    model
        A bundle's folder, a model by name, or a file that `fasterseg export` wrote.

    Returns
    -------
    EvaluateResult
        Each class's IoU, the confusion matrix, each image's own score, and places where a mask may
        be wrong: where a bundle's network is sure of another class.

    Examples
    --------
    fasterseg evaluate runs/demo/training/student/best --split val
    """
    from fasterseg.commands.results import EvaluateResult
    from fasterseg.console.progress import progress_for
    from fasterseg.network.showing import size_option_text
    from fasterseg.pipeline.models.evaluating import evaluate_named

    common = Common.of(options)
    path, report, note = evaluate_named(
        str(model),
        common,
        split=split,
        out=out,
        size=size_option_text(size),
        show=progress_for(json=common.json),
    )
    return EvaluateResult(file=str(path), report=report, note=note)
