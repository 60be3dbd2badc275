"""``fasterseg check-data``: walk a data set before anything is computed on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter

from fasterseg.console.option_values import PathOrText, SizeOrText, working_size
from fasterseg.console.options import Common, Layout, OptionsOfData, Outside

if TYPE_CHECKING:
    from fasterseg.datasets.checking.data_report import DataReport


def check_data(
    path: PathOrText = "",
    *,
    layout: Layout = "auto",
    outside: Outside = False,
    anew: Annotated[
        bool,
        Parameter(
            negative="",
            help="Read all files again, those too that have not changed since they were checked.",
        ),
    ] = False,
    size: Annotated[
        SizeOrText, Parameter(help="Tell what becomes of the images where they are brought to HxW.")
    ] = "",
    **options: Unpack[OptionsOfData],
) -> DataReport:
    """Walk a data set and list its faults: splits, sizes, classes and their shares of pixels.

    Every image and mask is read.  What was found in large sets is kept in ~/.cache/fasterseg, so
    that a second look is quick; nothing is written beside the data.  Exit code 3 where there are
    faults, or no data that could be read.

    Parameters
    ----------
    path
        A folder, a data.yaml, or 'street', the built-in scenes; --data, or a recipe's, without it.

    Returns
    -------
    DataReport
        Images, sizes and class shares of every split.

    Examples
    --------
    fasterseg check-data photos/data.yaml
    """
    from fasterseg.console.progress import progress_for
    from fasterseg.pipeline.stages.checking import check_named

    common = Common.of(options)
    show = progress_for(json=common.json)
    return check_named(
        str(path),
        common,
        layout=layout,
        outside=outside,
        anew=anew,
        size=working_size(size) if size else None,
        show=show,
    )
