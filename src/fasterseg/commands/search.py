"""``fasterseg search``: find a teacher, and students that meet their budgets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter

from fasterseg.console.options import Budgets, Common, RunSize, SharedOptions

if TYPE_CHECKING:
    from fasterseg.searching.summaries.summary import SearchSummary


def search(
    *,
    budget: Budgets = (),
    size: RunSize = "",
    hours: Annotated[
        float | None,
        Parameter(help="Active hours of pre-training and search together, in place of steps."),
    ] = None,
    **options: Unpack[SharedOptions],
) -> SearchSummary:
    """Search for a teacher, and for one student per budget.

    Where the run has no latency table yet, one is measured first.  Architectures and the
    search's summary are written into the run's folder; the same command resumes a search that was
    stopped, whose exit code is 7.  5 where a student cannot meet its budget.

    Returns
    -------
    SearchSummary
        What was found: estimated and measured latency of each contender, and its subnet's score.

    Examples
    --------
    fasterseg search --data photos --budget 8ms --budget 12ms --run runs/photos
    """
    from fasterseg.console.progress import progress_for
    from fasterseg.pipeline.settings.recipes import not_held

    common = not_held(Common.reaching(**options).with_budget(budget).with_size(size))
    from fasterseg.pipeline.stages.searching import search_run

    if hours is not None:
        common = replace(common, set=(*common.set, f"search.hours={hours}"))
    return search_run(common, progress_for(json=common.json))
