"""``fasterseg run``: all stages in order, picking up where the run stopped."""

from __future__ import annotations

from typing import Annotated, Unpack

from cyclopts import Parameter

from fasterseg.console.options import Budgets, Common, CommonOptions
from fasterseg.console.progress import progress_for
from fasterseg.reporting.results import RunResult
from fasterseg.stages import STAGES


def run(
    *,
    until: Annotated[str, Parameter(help=f"Stop after a stage: {', '.join(STAGES)}.")] = "",
    budget: Budgets = (),
    **options: Unpack[CommonOptions],
) -> RunResult | None:
    """All stages in order, resumed where the run stopped.

    Returns
    -------
    RunResult
        Scores and latencies of the trained networks, and the report's path.
    """
    from fasterseg.pipeline.running import run_until

    common = Common(**options).with_budget(budget)
    return run_until(until, common, progress_for(json=common.json))
