"""``fasterseg init``: from labelled photos and a budget to a data file, splits and a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from fasterseg.console.asking import ask_on_terminal, take_usual
from fasterseg.console.option_values import SizeOrText, size_text
from fasterseg.console.options import Json, Layout, Outside
from fasterseg.datasets.splits.recordings import By

if TYPE_CHECKING:
    from fasterseg.pipeline.setup.setup_report import SetupReport


def init(
    path: Path | str,
    *,
    budget: Annotated[
        str,
        Parameter(help="Milliseconds (12ms), images a second (80fps), a share (40%), or a model."),
    ] = "",
    size: Annotated[
        SizeOrText,
        Parameter(help="HxW at which networks run; else what the budget affords is measured."),
    ] = "",
    hours: Annotated[
        float | None, Parameter(help="Hours for search and training together: 8, a night.")
    ] = None,
    by: Annotated[
        By,
        Parameter(
            help="How to group images into recordings, which stay in one split: auto, by folder, "
            "by name before its number; with image, each image is alone."
        ),
    ] = "auto",
    out: Annotated[
        Path | str, Parameter(help="The folder for what is written; else the data's own.")
    ] = "",
    layout: Layout = "auto",
    outside: Outside = False,
    ask: Annotated[
        bool, Parameter(help="Ask what is left open; on a terminal this is the default.")
    ] = False,
    seed: Annotated[int, Parameter(help="Seed of the random split.")] = 0,
    json: Json = False,
) -> SetupReport:
    """Look at labelled photos and write what a run begins with: data.yaml, splits.csv, a recipe.

    Every image is read.  Where there is no val, images are divided 70/15/15, whole recordings
    together.  The recipe fits the photos, the budget and this machine, and says why.  Nothing is
    overwritten.  The three commands that follow are printed last.

    Parameters
    ----------
    path
        A folder, a zip or a data.yaml.

    Returns
    -------
    SetupReport
        What was found, written and chosen, and the commands that follow.

    Examples
    --------
    fasterseg init photos.zip --budget 12ms
    fasterseg init photos/ --budget 25fps --size 360x640 --hours 4
    """
    from fasterseg.console.progress import progress_for
    from fasterseg.pipeline.setup.setting_up import set_up
    from fasterseg.pipeline.setup.wishes import SetupOptions

    return set_up(
        path,
        progress_for(json=json),
        SetupOptions(budget=budget, size=size_text(size), hours=hours, by=by, seed=seed),
        out=out,
        layout=layout,
        outside=outside,
        ask=ask_on_terminal if ask else take_usual,
    )
