"""``fasterseg run``: all stages in order, picking up where the run stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter

from fasterseg.console.named_teachers import Teachers, with_teachers
from fasterseg.console.options import Budgets, Common, RunSize, SharedOptions
from fasterseg.verbs import STAGES

if TYPE_CHECKING:
    from fasterseg.reporting.results import RunResult


def run(
    *,
    until: Annotated[str, Parameter(help=f"Stop after a stage: {', '.join(STAGES)}.")] = "",
    budget: Budgets = (),
    size: RunSize = "",
    teacher: Teachers = (),
    **options: Unpack[SharedOptions],
) -> RunResult | None:
    """Do all stages in order, resumed where the run stopped: from data to a verified file.

    The data is checked, blocks are timed, a teacher and students are searched, trained, scored and
    exported, and the page is written, all into the run's folder.  The same command resumes a run
    that was stopped: its exit code is then 7.  5 where a student misses its budget, 3 for faults of
    the data, 4 where the machine lacks something, 6 where a file is not what its network is.

    Returns
    -------
    RunResult
        Scores and latencies of the trained networks, and the report's path.

    Examples
    --------
    fasterseg run --data photos --budget 12ms --run runs/photos
    """
    from fasterseg.console.progress import progress_for
    from fasterseg.console.whole_run import WholeRun
    from fasterseg.pipeline.settings.recipes import not_held

    common = Common.reaching(**options).with_budget(budget).with_size(size)
    common = not_held(with_teachers(common, teacher))
    from fasterseg.pipeline.stages.running import run_until

    whole = WholeRun()
    return run_until(until, common, progress_for(json=common.json, run=whole), whole)
