"""``fasterseg split``: divide images into train, val and test, in a file that can be read over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from fasterseg.console.options import Json, Layout, Outside
from fasterseg.datasets.splits.recordings import By

if TYPE_CHECKING:
    from fasterseg.datasets.splits.division_report import SplitResult


def split(
    path: Path | str,
    *,
    by: Annotated[
        By,
        Parameter(
            help="What tells recordings, which stay together: what is found, the images' folders, "
            "the names before their numbers; with image, each image is alone."
        ),
    ] = "auto",
    shares: Annotated[
        str, Parameter(help="Percents of the images for train, val and test; 80/20 has no test.")
    ] = "70/15/15",
    seed: Annotated[int, Parameter(help="Another one is another division.")] = 0,
    out: Annotated[
        Path | str,
        Parameter(help="The folder for splits.csv and data.yaml, where the data has none."),
    ] = "",
    again: Annotated[
        bool, Parameter(negative="", help="Replace the file of splits that there is.")
    ] = False,
    layout: Layout = "auto",
    outside: Outside = False,
    json: Json = False,
) -> SplitResult:
    """Divide images into train, val and test, whole recordings together, classes alike.

    Every image is read first.  The division is written as splits.csv, a line for each image, to be
    read over and changed by hand; data.yaml names it.

    Parameters
    ----------
    path
        A folder, a zip or a data.yaml.

    Returns
    -------
    SplitResult
        Images, recordings and the share of each class in every split, and what was written.

    Examples
    --------
    fasterseg split photos/
    fasterseg split photos.zip --shares 80/10/10 --by folder
    """
    from fasterseg.console.progress import progress_for
    from fasterseg.pipeline.setup.dividing import split_data

    return split_data(
        path,
        progress_for(json=json),
        by=by,
        shares=shares,
        seed=seed,
        out=out,
        again=again,
        layout=layout,
        outside=outside,
    )
