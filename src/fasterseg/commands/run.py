"""``fasterseg run``: all stages in order, picking up where the run stopped."""

from __future__ import annotations

from typing import Annotated, Unpack

from cyclopts import Parameter

from fasterseg.console.options import Budgets, Common, SharedOptions
from fasterseg.console.progress import progress_for
from fasterseg.pipeline.recipes import not_held
from fasterseg.reporting.results import RunResult
from fasterseg.stages import STAGES


def run(
    *,
    until: Annotated[str, Parameter(help=f"Stop after a stage: {', '.join(STAGES)}.")] = "",
    budget: Budgets = (),
    **options: Unpack[SharedOptions],
) -> RunResult | None:
    """All stages in order, resumed where the run stopped.

    Returns
    -------
    RunResult
        Scores and latencies of the trained networks, and the report's path.
    """
    common = not_held(Common(**options).with_budget(budget))
    from fasterseg.pipeline.running import run_until

    return run_until(until, common, progress_for(json=common.json))
