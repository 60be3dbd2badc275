"""Runs searches in processes of their own, so that they can be killed.

It loads what a search needs once, then reads one job a line: a JSON object with the run's
``folder``, how many ``workers`` read its images and, where the search is to kill itself in the
middle of a save, ``write`` (which of its writes).  Each job is forked off and leads a group of
processes; its number goes to stdout at once, its exit status when it ended.  This process computes
nothing itself, so that its forks find no threads cut off.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from made_up_search import RECIPE, search_in

from fasterseg import artifacts, checkpoints, events, tensors
from fasterseg.searching import guards

# Every search warns at its third look, whatever the last bits of its losses are.
guards.SKIP_SHARE_LIMIT = -1.0


def die_in_write(count: int) -> None:
    """From now on, be killed with half of the n-th file on the disk."""
    left = [count]

    def deadly(path: Path, data: bytes) -> None:
        left[0] -= 1
        if left[0] == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            half = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            half.write_bytes(data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        artifacts.durable_write(path, data)

    for module in (events, checkpoints, tensors):
        module.durable_write = deadly


def work(job: dict[str, Any]) -> None:
    """Search in the job's folder, going on where it stopped."""
    torch.set_num_threads(1)
    if job["write"]:
        die_in_write(job["write"])
    data = RECIPE.data.model_copy(update={"workers": job["workers"]})
    recipe = RECIPE.model_copy(update={"data": data})
    search_in(Path(job["folder"]), recipe=recipe)


def load_what_a_search_needs() -> None:
    """Import once what would otherwise be imported in every fork; nothing is computed."""
    for name in ("torch.distributed.tensor", "fasterseg.searching.cosearch"):
        import_module(name)
    torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


def serve() -> None:
    """Fork a process for every job, and say what became of it."""
    load_what_a_search_needs()
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                os.setsid()
                work(json.loads(line))
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            os._exit(1)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
