"""``fasterseg profile``: time every block of the search space on the target."""

from __future__ import annotations

from typing import Unpack

from fasterseg.console.options import Common, CommonOptions
from fasterseg.console.progress import progress_for
from fasterseg.latency.profiled import ProfileResult
from fasterseg.pipeline.recipes import not_held


def profile(**options: Unpack[CommonOptions]) -> ProfileResult:
    """Time every block that the recipe's search space can ask for on its target.

    Each finished block is safe on disk; the same command resumes.  Then random
    whole networks are measured, to fit a small correction on half and judge it on the others.

    Returns
    -------
    ProfileResult
        The latency table's file, and how well it predicts whole networks.
    """
    common = not_held(Common(**options))
    from fasterseg.pipeline.profiling import profile_run

    return profile_run(common, progress_for(json=common.json))
