"""``fasterseg search``: find a teacher, and students that meet their budgets."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Unpack

from cyclopts import Parameter

from fasterseg.console.options import Budgets, Common, CommonOptions
from fasterseg.console.progress import progress_for
from fasterseg.searching.summary import SearchSummary
from fasterseg.stages import Watch


def search(
    *,
    budget: Budgets = (),
    hours: Annotated[
        float | None,
        Parameter(help="Active hours of pre-training and search together, in place of steps."),
    ] = None,
    **options: Unpack[CommonOptions],
) -> SearchSummary:
    """Search a teacher, and for each budget a student that meets it.

    The run must have a latency table; without one it is measured first.

    Returns
    -------
    SearchSummary
        What was found: estimated and measured latency of each contender, and its subnet's score.
    """
    from fasterseg.pipeline.opening import hold_run

    common = Common(**options).with_budget(budget)
    if hours is not None:
        common = replace(common, set=(*common.set, f"search.hours={hours}"))
    show = progress_for(json=common.json)
    with hold_run(common, ("profile", "search")) as ((recipe, run, source), stop):
        from fasterseg.commands.profile import profile_stage
        from fasterseg.pipeline.searching import search_job, search_stage
        from fasterseg.runtime import set_threads

        classes = source.label_space.classes
        table = profile_stage(recipe, run, classes=classes, progress=show, stop=stop)
        set_threads(recipe.threads)
        job = search_job(recipe, run, source=source, table=table, device=common.device)
        return search_stage(job, Watch(run.root, show, stop))
