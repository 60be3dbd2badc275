"""``fasterseg doctor``: look at this machine and say what works, what is missing, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from fasterseg.console.options import Common, OptionsOfARun
from fasterseg.paths import user_path

if TYPE_CHECKING:
    from fasterseg.pipeline.diagnosing import DoctorReport


def doctor(**options: Unpack[OptionsOfARun]) -> DoctorReport:
    """Look at this machine: what works, what is missing, and what to install for it.

    Nothing is changed; a test file is written next to where runs would go, and deleted.
    Exit code 4 when something stops work.

    Returns
    -------
    DoctorReport
        The facts found and the advice that follows from them.

    Examples
    --------
    fasterseg doctor
    """
    from fasterseg.pipeline.diagnosing import diagnosed

    return diagnosed(user_path(Common.of(options).run or "runs", "--run"))
