"""``fasterseg check-data``: walk a data set before anything is computed on it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter

from fasterseg.console.options import Common, CommonOptions
from fasterseg.console.progress import progress_for
from fasterseg.events import Progress
from fasterseg.pipeline.opening import resolve_recipe

if TYPE_CHECKING:
    from fasterseg.datasets.data_report import DataReport
    from fasterseg.datasets.source import DataSource
    from fasterseg.runs import RunFolder


def check_data(
    path: str,
    *,
    layout: Annotated[str, Parameter(help="Name the layout instead of finding it.")] = "auto",
    outside: Annotated[
        bool, Parameter(negative="", help="Read files that lie outside of the data's folder, too.")
    ] = False,
    **options: Unpack[CommonOptions],
) -> DataReport:
    """Walk a data set and list its faults; exit code 3 when there are any.

    Parameters
    ----------
    path
        A folder, a data.yaml, or 'street', the built-in scenes.

    Returns
    -------
    DataReport
        Images, sizes and class shares of every split.
    """
    from fasterseg.datasets.checking import check_data as walk

    common = Common(**options)
    data = resolve_recipe(common).data
    show = progress_for(json=common.json)
    with show("Checking the data", total=0, unit="images") as step:
        return walk(
            path,
            layout=data.layout if layout == "auto" else layout,
            outside=outside or data.outside,
            progress=step,
        )


def check_stage(
    source: DataSource, run: RunFolder, *, used: Collection[str], progress: Progress
) -> DataReport:
    """Check a run's data once, and again where a split that is `used` is new or changed."""
    from fasterseg.datasets.checking import check_data as walk
    from fasterseg.datasets.data_report import DataReport

    if run.data_report.exists():
        stored = DataReport.load(run.data_report)
        if all(stored.digests.get(split) == source.digest(split) for split in used):
            return stored
    report = walk(source, progress=progress)
    report.save(run.data_report)
    return report
