"""Functions run in processes of their own, each of them killed at a chosen moment.

    with Victims() as victims:
        victims.kill("tiny_training:train_tiny", folder, moment="write", count=3)

One helper process with a single thread imports torch once and forks a child for each call, so a
kill costs no import.  (To fork the test's own process would not do: torch may have threads there.)
The target is ``module:function`` of a module in this folder; it gets the folder.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Self

Moment = Literal["step", "line", "write"]


class Victims:
    """Starts and kills children; a context manager that ends its helper."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
        self._helper = subprocess.Popen(
            [sys.executable, "-c", "from killing import serve; serve()"],
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._helper.communicate(timeout=30)

    def kill(self, target: str, folder: Path, *, moment: Moment, count: int) -> None:
        """Run the target until SIGKILL hits it; AssertionError when it ended before.

        ``step``: after step `count` is computed, before it is logged; ``line``: with half of that
        step's line in the log; ``write``: with half of the `count`-th file on the disk.
        """
        order = {"target": target, "folder": str(folder), "moment": moment, "count": count}
        assert self._helper.stdin is not None
        assert self._helper.stdout is not None
        self._helper.stdin.write(json.dumps(order) + "\n")
        self._helper.stdin.flush()
        answer = self._helper.stdout.readline()
        assert answer.strip() == str(int(signal.SIGKILL)), f"it was not killed: {answer!r}"


def serve() -> None:
    """Obey orders from stdin, one a line; answer each with the signal that ended the child."""
    import torch

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.optim.SGD([torch.zeros(1)], lr=1.0)  # imports what every optimiser will
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _obey(order)
        _, status = os.waitpid(child, 0)
        ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        print(ended_by, flush=True)


def _obey(order: Mapping[str, Any]) -> None:
    """Run the target in this child; never returns."""
    try:
        sys.stdout = sys.stderr
        module, _, function = order["target"].partition(":")
        target = getattr(import_module(module), function)
        _set_trap(order["moment"], order["count"])
        target(Path(order["folder"]))
    except BaseException:
        traceback.print_exc()
    os._exit(0)


def _set_trap(moment: Moment, count: int) -> None:
    if moment == "write":
        _trap_write(count)
    else:
        _trap_log(count, half=moment == "line")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _trap_log(step: int, *, half: bool) -> None:
    from fasterseg.events import EventLog

    append = EventLog.append

    def deadly(log: EventLog, event: Mapping[str, Any]) -> None:
        if event["step"] == step:
            if half:
                with log.path.open("a") as stream:
                    stream.write('{"step": ')
            _die()
        append(log, event)

    EventLog.append = deadly  # type: ignore[method-assign]


def _trap_write(count: int) -> None:
    from fasterseg import artifacts

    write = artifacts.durable_write
    left = [count]

    def deadly(path: Path, data: bytes) -> None:
        left[0] -= 1
        if left[0] == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            half = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            half.write_bytes(data[: len(data) // 2])
            _die()
        write(path, data)

    # Modules hold the function by name: each gets the deadly one.
    for module in list(sys.modules.values()):
        ours = isinstance(module, ModuleType) and module.__name__.startswith("fasterseg.")
        if ours and getattr(module, "durable_write", None) is write:
            module.durable_write = deadly  # type: ignore[attr-defined]
