"""What a child process has of its parent's surroundings: libraries, and a few variables."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_LIBRARIES = ("pydantic", "numpy", "torch", "onnx", "onnxruntime", "openvino", "numba")
_KEPT = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "CUDA_VISIBLE_DEVICES")


@cache
def library_places() -> list[str]:
    """Where the libraries lie that this process uses, for a Python that does not find them itself.

    The current folder is none, unless this very package lies in it.
    """
    found = []
    for library in _LIBRARIES:
        with suppress(ValueError):  # a module that says not where it is from
            spec = find_spec(library)
            found += [Path(spec.origin).resolve().parents[1]] if spec and spec.origin else []
    foreign: set[Path] = set()
    with suppress(OSError):  # a current folder that is gone
        foreign = {Path.cwd()} - {Path(__file__).resolve().parents[1]}
    return [str(place) for place in dict.fromkeys(found) if place not in foreign]


def bare_environment(folder: Path) -> dict[str, str]:
    """The environment for what a stranger brought: nothing of the user's but numbers of threads."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **kept,
        **_library_path(),
        "PATH": os.defpath,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
    }


def own_environment(folder: Path) -> dict[str, str]:
    """This process's environment, without what makes Python run something else.

    What the linker preloads stays: an allocator of the user's choice decides what is measured.  A
    relative name leads nowhere from the child's own folder.
    """
    here = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    here.pop("LD_LIBRARY_PATH", None)
    return {**here, **_library_path(), "TMPDIR": str(folder)}


def _library_path() -> dict[str, str]:
    """Where the linker looks, without the current folder, which an empty name stands for."""
    named = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    absolute = ":".join(place for place in named if Path(place).is_absolute())
    return {"LD_LIBRARY_PATH": absolute} if absolute else {}
