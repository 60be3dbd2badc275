"""``fasterseg plan``: what a run will take, before it is begun; afterwards, what it took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter

from fasterseg.console.named_teachers import Teachers, with_teachers
from fasterseg.console.options import Budgets, Common, CommonOptions, RunSize

if TYPE_CHECKING:
    from fasterseg.forecasting.forecast import RunForecast
    from fasterseg.forecasting.outcome import Comparison


def plan(
    *,
    hours: Annotated[float, Parameter(help="Active hours that there are; 0 where it is open.")] = 0,
    memory: Annotated[
        float, Parameter(help="Gigabytes of memory that there are; the machine's when left out.")
    ] = 0,
    budget: Budgets = (),
    size: RunSize = "",
    teacher: Teachers = (),
    processes: Annotated[
        int | None, Parameter(help="So many processes of this machine will share the work.")
    ] = None,
    **options: Unpack[CommonOptions],
) -> RunForecast | Comparison:
    """Forecast what a run will take, from a timing of a minute or two.

    Hours, memory and disk of each stage; the fastest and the slowest network of the space, measured
    whole; which budgets are reachable; and where something does not fit, what would change it.
    With --run the forecast is kept in the run's folder, and once the run has done some of its
    stages the same command shows what they took beside it; else nothing is written.  Exit code 5
    for a budget that no network of the space reaches, 4 for too little memory or disk.

    Returns
    -------
    RunForecast
        The forecast; of a run that was begun after it, the forecast beside what it took.

    Examples
    --------
    fasterseg plan --data photos --budget 12ms --hours 8
    """
    from fasterseg.console.progress import progress_for
    from fasterseg.pipeline.planning.plan import plan_run

    common = Common.reaching(**options).with_budget(budget).with_size(size)
    common = with_teachers(common, teacher)
    show = progress_for(json=common.json)
    return plan_run(common, show, hours=hours, memory=memory, processes=processes)
