"""A process that ends when the one that started it does; the first thing that a child asks for.

Nothing but the standard library, so that it is there before anything heavy is imported.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from threading import Thread

LOOK_EVERY_S = 0.5

_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, from Linux's prctl.h


def end_with(parent: int) -> None:
    """Let this process be killed as soon as its parent, process `parent`, is gone.

    At once on Linux; elsewhere, and where the parent ended before this was asked for, within
    half a second.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "prctl"):
        libc.prctl(_PARENT_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:  # it ended before the system was told
        os.kill(os.getpid(), signal.SIGKILL)
    Thread(target=_watch, args=(parent,), name="watching the parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGKILL)
