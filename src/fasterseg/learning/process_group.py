"""Joining the processes that torchrun started, before anything is computed.

    with joined("auto", report) as ranks:
        ...

torchrun's environment says which rank this is and where all meet.  Values go over gloo; tensors of
a GPU over NCCL, each process of a machine with a device of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist

from fasterseg.errors import EnvironmentFault, UsageError
from fasterseg.learning.presence import Heartbeat, Report
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.processes import Place
from fasterseg.runtime import set_threads

_WAITS = timedelta(days=365)
"""The others wait while the leader works alone; that one of them has ended, the heartbeat says."""


@contextmanager
def joined(device: str, report: Report) -> Iterator[Ranks]:
    """Be one of torchrun's processes, that computes on `device`, for as long as the context lasts.

    Where another one ends meanwhile and nothing else notices it, `report` is called and this
    process ends.  Raises `UsageError` or `EnvironmentFault` where the processes of this machine
    cannot have a device each.
    """
    place = Place.here()
    if place.count == 1:
        yield ALONE
        return
    on_cuda = device != "cpu" and torch.cuda.is_available()
    if on_cuda:
        _take_device(device, place)
    set_threads(0)
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_cuda else "gloo", timeout=_WAITS)
    try:
        ranks = Ranks.here()
        ranks.presence.introduce()
        with Heartbeat(ranks.presence, report).beating():
            yield ranks
    finally:
        ranks.leave()


def _take_device(device: str, place: Place) -> None:
    """Make the device of this process's number the current one."""
    if device not in ("auto", "cuda"):
        raise UsageError(
            f"{place.count} processes cannot share one device",
            where=f"--device {device}",
            why="each process of a machine takes the device of its own number",
            next_step="leave --device out, or choose devices with CUDA_VISIBLE_DEVICES",
        )
    found = torch.cuda.device_count()
    if place.local_count > found:
        raise EnvironmentFault(
            f"there are {place.local_count} processes on this machine and {found} CUDA devices",
            where=f"--device {device}",
            why="each process takes a device of its own",
            next_step=f"start {found} on this machine, or use --device cpu",
        )
    torch.cuda.set_device(place.local_rank)
