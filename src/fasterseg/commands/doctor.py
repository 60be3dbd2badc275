"""``fasterseg doctor``: look at this machine and say what works, what is missing, what to do."""

from __future__ import annotations

from fasterseg.console.options import Json, RunFolder
from fasterseg.paths import given
from fasterseg.pipeline.diagnosing import DoctorReport, diagnosed


def doctor(
    *,
    run: RunFolder = "runs",
    json: Json = False,  # noqa: ARG001 - the command line reads it when it prints the result
) -> DoctorReport:
    """Look at this machine: what works, what is missing.

    Nothing is changed; a test file is written next to where runs would go, and deleted.
    The exit code is 4 when something stops work.

    Returns
    -------
    DoctorReport
        The facts found and the advice that follows from them.
    """
    return diagnosed(given(run, "--run"))
