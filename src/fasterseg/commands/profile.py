"""``fasterseg profile``: time every block of the search space on the target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from fasterseg.console.options import Common, CommonOptions, RunSize

if TYPE_CHECKING:
    from fasterseg.latency.profiled import ProfileResult


def profile(*, size: RunSize = "", **options: Unpack[CommonOptions]) -> ProfileResult:
    """Time every block that the recipe's search space can ask for on its target.

    Each finished block is safe on disk; the same command resumes.  Then random whole networks are
    measured, to fit a small correction on half and judge it on the others.  The table is written
    into the run's folder.  Exit code 4 where the target cannot be timed on this machine.

    Returns
    -------
    ProfileResult
        The latency table's file, and how well it predicts whole networks.

    Examples
    --------
    fasterseg profile --data photos --run runs/photos
    """
    from fasterseg.console.progress import progress_for
    from fasterseg.pipeline.settings.recipes import not_held

    common = not_held(Common.reaching(**options).with_size(size))
    from fasterseg.pipeline.stages.profiling import profile_run

    return profile_run(common, progress_for(json=common.json))
