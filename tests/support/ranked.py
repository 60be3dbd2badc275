"""Functions of a test called in several real processes at once, which are ranks of one gloo group.

    from ranked import in_ranks

    def doubled(ranks: Ranks, value: int) -> int:    # at the top of the test's module
        return ranks.total(value)[0]

    def test_two_ranks_add_up() -> None:
        assert in_ranks(2, doubled, 3) == [6, 6]

The processes are forked from a server that has imported torch and this package, wait for the next
call, and end with the tests: the first call of a session takes seconds, a later one milliseconds.
Each call begins with the same global seed, deterministic kernels and one thread.  What a rank
raises is raised in the test; then, and where a rank ended, the next call has new processes.
Arguments and results are pickled: only tests do that.
"""

from __future__ import annotations

import atexit
import faulthandler
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

LATE_S = 30.0
_NAMED = "ranked"
PRELOADED = [
    "pytest",
    "torch.distributed",
    "torch._inductor",  # which deterministic kernels are asked for with
    "fasterseg.learning.ranks",
    "fasterseg.training.training",
]


@dataclass(frozen=True, slots=True)
class Ended:
    """What stands in the place of a result: the rank's process ended, with this exit code."""

    code: int | None


def in_ranks(
    count: int,
    function: Callable[..., Any],
    *arguments: Any,
    seconds: float = LATE_S,
    may_end: bool = False,
) -> list[Any]:
    """Call ``function(ranks, *arguments)`` in `count` processes; return each rank's result.

    The function stands at the top of its module.  `may_end`: a rank may leave the others, and one
    whose process ended is told of as `Ended`; otherwise that is an error.  So is a rank that is not
    done after `seconds`.
    """
    pool = _POOLS.pop(count, None) or _Pool(count)
    keep = False
    try:
        results = pool.call(function, arguments, seconds)
        ended = any(isinstance(result, Ended) for result in results)
        assert may_end or not ended, f"a rank's process ended: {results}"
        keep = not may_end
        return results
    finally:
        if keep:
            _POOLS[count] = pool
        else:
            pool.close()


def other_children() -> list[BaseProcess]:
    """The children of this process that are no ranks which wait for the next call."""
    return [one for one in multiprocessing.active_children() if not one.name.startswith(_NAMED)]


class _Pool:
    """So many processes that wait for functions to call."""

    def __init__(self, count: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ranked-")
        self._pipes: list[Connection] = []
        self._processes = []
        for rank in range(count):
            ours, theirs = multiprocessing.Pipe()
            process = _server().Process(
                target=_serve,
                args=(theirs, rank, count, self._folder.name),
                name=f"{_NAMED} {rank}",
                daemon=True,
            )
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def call(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], seconds: float
    ) -> list[Any]:
        module = sys.modules[function.__module__]
        where = (function.__module__, str(module.__file__), function.__qualname__)
        data = pickle.dumps(arguments)
        for pipe in self._pipes:
            pipe.send((where, data))
        return self._answers(time.monotonic() + seconds)

    def _answers(self, late: float) -> list[Any]:
        results: dict[int, Any] = {}
        while len(results) < len(self._pipes):
            open_ = [pipe for rank, pipe in enumerate(self._pipes) if rank not in results]
            ready = wait(open_, max(0.0, late - time.monotonic()))
            if not ready:
                raise TimeoutError(self._stacks([r for r in self._ranks() if r not in results]))
            for pipe in ready:
                rank = self._pipes.index(pipe)
                results[rank] = self._answer(rank)
        return [results[rank] for rank in self._ranks()]

    def _answer(self, rank: int) -> Any:
        try:
            answer = pickle.loads(self._pipes[rank].recv_bytes())
        except (EOFError, ConnectionResetError):
            self._processes[rank].join(5)
            return Ended(self._processes[rank].exitcode)
        if "error" in answer:
            answer["error"].add_note(f"raised in rank {rank}:\n{answer['trace']}")
            raise answer["error"]
        return answer["value"]

    def _ranks(self) -> range:
        return range(len(self._pipes))

    def _stacks(self, late: list[int]) -> str:
        """Where the late ranks stand."""
        told = []
        for rank in late:
            os.kill(self._processes[rank].pid or 0, signal.SIGUSR1)
        time.sleep(0.3)  # until they have written it; only where a test fails
        for rank in late:
            stack = Path(self._folder.name, f"stack-{rank}").read_text()
            told.append(f"rank {rank} is not done; it stands at\n{stack[:2000]}")
        return "\n".join(told)

    def close(self) -> None:
        for process, pipe in zip(self._processes, self._pipes, strict=True):
            pipe.close()
            process.kill()
            process.join()
        self._folder.cleanup()


_POOLS: dict[int, _Pool] = {}


@cache
def _server() -> ForkServerContext:
    """What forks the processes: it has imported what they need, and has no thread."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    atexit.register(_close_all)
    return context


def _close_all() -> None:
    for pool in _POOLS.values():
        pool.close()
    _POOLS.clear()


def _serve(pipe: Connection, rank: int, count: int, folder: str) -> None:
    """Join the others, and call what is asked for until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Path(folder, f"stack-{rank}").open("w") as stack, suppress(EOFError, OSError):
        faulthandler.register(signal.SIGUSR1, stack, all_threads=True)
        ranks = _joined(rank, count, folder)
        while True:
            where, data = pipe.recv()
            pipe.send_bytes(_answer_of(ranks, where, data))


def _joined(rank: int, count: int, folder: str) -> Any:
    import torch
    import torch.distributed as dist

    from fasterseg.learning.ranks import Ranks

    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/store",
        rank=rank,
        world_size=count,
        timeout=timedelta(seconds=LATE_S),
    )
    ranks = Ranks.here()
    ranks.presence.introduce()
    return ranks


def _answer_of(ranks: Any, where: tuple[str, str, str], data: bytes) -> bytes:
    import torch

    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    try:
        function = _function(*where)
        return pickle.dumps({"value": function(ranks, *pickle.loads(data))})
    except BaseException as error:
        told = {"error": error, "trace": traceback.format_exc()}
        try:
            pickle.loads(pickle.dumps(told))
        except Exception:
            told["error"] = RuntimeError(f"{type(error).__name__}: {error}")
        return pickle.dumps(told)


def _function(module: str, path: str, name: str) -> Callable[..., Any]:
    """A function of a test's module, which no import finds by its name."""
    if module not in sys.modules:
        spec = spec_from_file_location(module, path)
        assert spec is not None and spec.loader is not None
        sys.modules[module] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[module])
    found: Any = sys.modules[module]
    for part in name.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]
