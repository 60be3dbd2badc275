"""OpenVINO itself, which tells nobody that it was imported."""

from __future__ import annotations

import sys
from typing import Any


def imported_openvino() -> Any:
    """Return the library; raises `ModuleNotFoundError` where it is not installed.

    It would begin a thread that sends an event to a server when it is imported.  Without the module
    that sends, which is looked for and may be missing, it has a stub in its place.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
