"""The stage of a run that checks its data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from fasterseg.console.options import Common
from fasterseg.console.progress import when_slow
from fasterseg.datasets.checking import check_data
from fasterseg.datasets.checking.data_report import DataReport
from fasterseg.datasets.opening import open_files
from fasterseg.datasets.sources.source import DataSource
from fasterseg.errors import UsageError
from fasterseg.events import Progress
from fasterseg.pipeline.settings.built_in import built_in_scenes, is_built_in
from fasterseg.pipeline.settings.recipes import resolve_recipe
from fasterseg.pipeline.settings.sizing import brought_note
from fasterseg.pipeline.settings.unlabelled import beside_of
from fasterseg.runs import RunFolder
from fasterseg.space.blocks import Size
from fasterseg.stopping import Show


def check_stage(
    source: DataSource, run: RunFolder, *, used: Collection[str], progress: Progress
) -> DataReport:
    """Check a run's data, as it lies, once, and again where a `used` split is new or changed."""
    source = source.as_it_lies
    if run.data_report.exists():
        stored = DataReport.load(run.data_report)
        if all(stored.digests.get(split) == source.digest(split) for split in used):
            return stored
    report = check_data(source, progress=progress, remember=True)
    report.save(run.data_report)
    return report


def check_named(
    path: str,
    common: Common,
    *,
    layout: str,
    outside: bool,
    anew: bool,
    size: tuple[int, int] | None,
    show: Show,
) -> DataReport:
    """Check data that is named; what is not said of it is read as the recipe says.

    With a `size`, or the recipe's, a note tells what becomes of images that do not have it.
    Without a path it is the data of the options; raises `UsageError` where these name none.
    """
    data = resolve_recipe(common).data
    if not path and common.data is None and common.recipe is None and not common.set:
        raise UsageError(
            "which data is to be checked?",
            where="fasterseg check-data PATH",
            why="neither PATH nor --data names any, and no recipe is named that does",
            next_step="name a folder or a data.yaml: fasterseg check-data photos; or street, the "
            "built-in scenes",
        )
    if path and common.data is not None:
        raise UsageError(
            "the data is named twice",
            where=f"{path} and --data {common.data}",
            why="PATH and --data say the same, and one is meant",
            next_step="leave one of the two out",
        )
    where = path or data.source
    layout = data.layout if layout == "auto" else layout
    if is_built_in(where, layout):
        source: DataSource = built_in_scenes(data.street)
    else:
        outside = outside or data.outside
        with when_slow(show, "Opening the data", unit="files") as step:
            source = open_files(
                where, layout=layout, outside=outside, progress=step, beside=beside_of(data)
            )
    with show("Checking the data", total=0, unit="images") as step:
        report = check_data(source, progress=step, remember=True, anew=anew)
    size = size or data.size
    note = brought_note(_sizes_in(report), size) if size is not None else ""
    return report.model_copy(update={"notes": (*report.notes, note)}) if note else report


def _sizes_in(report: DataReport) -> Counter[tuple[int, int]]:
    """How many images have each size, of all splits and without labels."""
    found: Counter[tuple[int, int]] = Counter()
    lone = () if report.unlabelled is None else (report.unlabelled,)
    for split in (*report.splits.values(), *lone):
        sizes = {Size.parse(size): count for size, count in split.sizes.items()}
        found.update({(one.height, one.width): count for one, count in sizes.items()})
    return found
