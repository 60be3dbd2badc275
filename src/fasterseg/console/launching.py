"""``--processes N``: the same command in so many processes of this machine, started by torchrun.

It is torchrun's own engine, in this process.  The processes are those of the command: the first
runs it, the others follow.  What ends it is told once, here: its failure, or which of them died.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from fasterseg.children.running import rank_command
from fasterseg.console.failures import ENDING, report_failure
from fasterseg.console.results import asks_for_json
from fasterseg.errors import FastersegError, Interrupted, RankEnded, error_of_parts
from fasterseg.foreign.strict_json import NotStrict, load_json
from fasterseg.scratch import scratch_folder

STOPS_S = 3600
"""So long the processes may take to save and stop once they are asked to: a step at hand ends."""

_HERE = "127.0.0.1"


@dataclass(slots=True)
class Ending:
    """How the processes ended: each that failed by its rank, the leader's failure, a signal."""

    failures: Mapping[int, ProcessFailure] = field(default_factory=dict)
    told: FastersegError | None = None
    signal: signal.Signals | None = None


def launch(words: Sequence[str], *, processes: int, restarts: int) -> int:
    """Run a command in so many processes, anew from the last checkpoint if one dies.

    Returns its exit code: that of the process that runs it.
    """
    for left in reversed(range(restarts + 1)):
        ending = _launched(words, processes)
        died = died_in(ending)
        if died is None:
            return _reported(ending, words)
        if not left:
            return report_failure(died, words)
        _note(f"{died.what} ({died.why}); all start again from the last checkpoint", words)
    raise AssertionError("the last attempt returns")


def died_in(ending: Ending) -> RankEnded | None:
    """The process whose death ended all; None where none died by itself.

    The engine sends SIGTERM to all others once one has ended: those died of it, if any did not.
    """
    told = ending.told
    if ending.signal is not None or not (told is None or isinstance(told, RankEnded | Interrupted)):
        return None
    codes = {rank: failure.exitcode for rank, failure in ending.failures.items()}
    killed = [rank for rank, code in codes.items() if code < 0 and code != -signal.SIGTERM]
    if len(killed) != 1 and isinstance(told, RankEnded):
        return told
    if not killed and told is None and codes and max(codes.values()) < 0:
        killed = [*codes]
    return _death_of(min(killed), ending.failures[min(killed)]) if killed else None


def _death_of(rank: int, failure: ProcessFailure) -> RankEnded:
    who = f"rank {rank}{' (the leader)' if not rank else ''} of this run has ended"
    why = f"it was ended by {failure.signal_name()}"
    return RankEnded(who, where=f"process {failure.pid}", why=why)


def _reported(ending: Ending, words: Sequence[str]) -> int:
    if ending.told is not None:
        return report_failure(ending.told, words)
    if ending.signal is not None:
        what = f"stopped by {ending.signal.name}"
        why = "the work since the last saved state is repeated on resuming"
        return report_failure(Interrupted(what, why=why), words)
    # The leader's own code, where it has one: a result may ask for another than 0.
    codes = [failure.exitcode for _, failure in sorted(ending.failures.items())]
    return codes[0] if codes else 0


def _launched(words: Sequence[str], processes: int) -> Ending:
    """Start the processes once, and wait until all have ended."""
    ending = Ending()
    with scratch_folder(Path(tempfile.gettempdir()), "fasterseg-ranks-") as folder:
        place = folder / "ending.json"
        command, *given = rank_command(words)
        with _environment(place), _quiet_engine():
            try:
                elastic_launch(_config(processes), command)(*given)
            except ChildFailedError as error:
                ending.failures = error.failures
            except SignalException as error:
                ending.signal = error.sigval
        ending.told = _told_in(place)
    return ending


def _config(processes: int) -> LaunchConfig:
    return LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint=f"{_HERE}:0",
        local_addr=_HERE,
        max_restarts=0,
        monitor_interval=0.1,
        shutdown_timeout=STOPS_S,
    )


@contextmanager
def _environment(place: Path) -> Iterator[None]:
    """What the processes find: where a failure is told; and they talk within this machine."""
    wanted = {ENDING: str(place)}
    loopback = next((name for _, name in socket.if_nameindex() if name in ("lo", "lo0")), "")
    if loopback and "GLOO_SOCKET_IFNAME" not in os.environ:
        wanted["GLOO_SOCKET_IFNAME"] = loopback
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name in wanted:
            os.environ.pop(name, None)


@contextmanager
def _quiet_engine() -> Iterator[None]:
    """torchrun's own account of failures stays away: they are told in four parts."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _told_in(place: Path) -> FastersegError | None:
    """The failure that the leader wrote; None where it wrote none."""
    with suppress(OSError, NotStrict):
        told = load_json(place.read_bytes())
        return error_of_parts({**told, "next_step": told["next"]})
    return None


def _note(note: str, words: Sequence[str]) -> None:
    event = json.dumps({"event": "note", "note": note})
    print(event if asks_for_json(words) else f"note: {note}", file=sys.stderr, flush=True)
