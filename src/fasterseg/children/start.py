"""What a child runs first: the package of its parent, and nothing foreign.

    python -I START ASKED
    python -I START rank PARENT PLACES WORDS...

It is run by its path and begins with the standard library alone, since Python's isolated mode
knows neither the current folder nor `PYTHONPATH`: the package is loaded from where this file lies.
The answer is a line when all is imported, and then one JSON value, on what was standard output.
The second form runs a command line of this package, as one of several processes at it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import resource
import sys
import traceback
from ast import literal_eval
from contextlib import suppress
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

RANK = "rank"
"""The word that asks for a command line in place of a function."""

_OUT_OF_MEMORY = re.compile(r"bad_alloc|bad allocation|allocate memory|out of memory", re.I)
_SPARE_ADDRESSES = 1 << 30  # what threads reserve of the address space and never touch
_STACK = 8 << 20  # what each thread reserves as data, and hardly touches


def main(asked: Path) -> None:
    """Do what was asked for; this process ends here."""
    answer = os.dup(1)
    os.dup2(2, 1)  # so that nothing but the answer is taken for one
    # Not JSON, since names of files may hold what that cannot.
    request = literal_eval(asked.read_text(encoding="utf-8"))
    sys.path += [place for place in request["places"] if place not in sys.path]
    _load_own_package()
    resolve_name("fasterseg.children.parent_death:end_with")(request["parent"])
    function = resolve_name(request["function"])
    os.write(answer, b"\n")
    _limit(request["memory_bytes"], request["processor_s"])
    told = json.dumps(_told(function, request["words"])).encode()
    with os.fdopen(answer, "wb") as stream:
        stream.write(told)


def run_rank(parent: int, places: list[str], words: list[str]) -> int:
    """Run the command that the words name, as a rank; it ends with its parent."""
    sys.path += [place for place in places if place not in sys.path]
    _load_own_package()
    resolve_name("fasterseg.children.parent_death:end_with")(parent)
    sys.argv = ["fasterseg", *words]
    return int(resolve_name("fasterseg.cli:main")())


def _load_own_package() -> None:
    """Import the package that this file is part of, whichever others are installed."""
    folder = Path(__file__).resolve().parents[1]
    spec = importlib.util.spec_from_file_location(
        folder.name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[folder.name] = module
    spec.loader.exec_module(module)


def _told(function: Any, words: list[Any]) -> dict[str, Any]:
    """What becomes of the call: a value, the parts of a foreseen error, or want of memory."""
    foreseen = resolve_name("fasterseg.errors:FastersegError")
    try:
        return {"value": function(*words)}
    except foreseen as error:
        return {"error": error.as_parts()}
    except Exception as error:
        if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(str(error)):
            return {"memory": True}
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def _limit(memory_bytes: int | None, processor_s: int | None) -> None:
    """Bound what is used from here on, as far as the system offers that; no core is written."""
    _set_limit("RLIMIT_CORE", 0)
    if processor_s is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        most_s = int(used.ru_utime + used.ru_stime) + processor_s + 1
        # The signal that tells of it comes at the first of both, a plain kill at the second.
        _set_limit("RLIMIT_CPU", most_s, most_s + 5)
    if memory_bytes is not None:
        data, addresses = _held_bytes()
        most = memory_bytes + _STACK * (os.cpu_count() or 1)
        _set_limit("RLIMIT_DATA", data + most)
        _set_limit("RLIMIT_AS", addresses + 2 * most + _SPARE_ADDRESSES)


def _set_limit(name: str, soft: int, hard: int | None = None) -> None:
    with suppress(OSError, ValueError, AttributeError):  # macOS lacks some, and refuses others
        which = getattr(resource, name)
        _, most = resource.getrlimit(which)
        if most == resource.RLIM_INFINITY:
            most = sys.maxsize
        resource.setrlimit(which, (min(soft, most), min(soft if hard is None else hard, most)))


def _held_bytes() -> tuple[int, int]:
    """Bytes of data, and of addresses, that this process has by now."""
    try:
        pages = [int(word) for word in Path("/proc/self/statm").read_text().split()]
    except OSError:
        return 1 << 30, 1 << 34  # a generous guess where the system does not tell
    return pages[5] * resource.getpagesize(), pages[0] * resource.getpagesize()


if __name__ == "__main__":
    if sys.argv[1] == RANK:
        sys.exit(run_rank(int(sys.argv[2]), literal_eval(sys.argv[3]), sys.argv[4:]))
    main(Path(sys.argv[1]))
