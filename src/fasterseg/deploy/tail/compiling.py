"""Functions that Numba compiles, and where it keeps them: never in the current folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from fasterseg.current_folder import away_from_here

with away_from_here():
    from numba import njit
    from numba.core import config
settings: Any = config  # its names are made when it is imported
# Numba looks for its file of settings again before each compilation.
settings._config_fname = os.devnull
if not Path(settings.CACHE_DIR).is_absolute():
    settings.CACHE_DIR = ""

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """The function compiled at its first call; kept on disk where there is a place for it.

    What is kept is loaded as code.  So it lies beside the function's file, in the user's folder or
    in one that the environment names in full: never in the current folder, which may be a
    stranger's.
    """
    with suppress(RuntimeError):  # no place where anything can be kept
        kept = njit(nogil=True, error_model="numpy", cache=True)(function)
        if Path(kept.stats.cache_path or "").is_absolute():
            return cast("Function", kept)
    return cast("Function", njit(nogil=True, error_model="numpy")(function))
