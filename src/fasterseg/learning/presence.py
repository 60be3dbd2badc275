"""What ranks know of each other without waiting: who they are, that they live, why one left.

All of it stands in the store that torchrun keeps.  Each rank writes a beat there every few seconds.
One that is silent for long has ended for the others, as a machine that lost its network has; one
whose process is gone from this machine has ended at once, and one of this machine that still uses
the processor lives, however seldom it comes to its beat.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

from fasterseg.errors import FastersegError, RankEnded, error_of_parts
from fasterseg.foreign.strict_json import load_json
from fasterseg.processes import is_gone, machine_identity, processor_use

BEAT_S = 4.0
SILENT_S = 20.0
GRACE_S = 4.0
"""So long the work has to notice what the heartbeat did, for it tells more."""

LEADER_SAYS_S = 20.0
"""So long the others let the leader say the fault of one of them: torchrun ends all processes as
soon as one ends with a failure."""

_KNOWN_S = 2.0
_LOOK_S = 0.05
_FAULT, _SAID = "fault", "said"

Report = Callable[[FastersegError], int]
"""Says an error to the user; returns its exit code."""


@dataclass(frozen=True, slots=True)
class Presence:
    """One rank among `count`, in their store."""

    store: Any
    rank: int
    count: int

    def introduce(self) -> None:
        """Let the others know which process this is."""
        mine = {
            "host": socket.gethostname(),
            "machine": machine_identity(),
            "process": os.getpid(),
        }
        self.store.set(f"process/{self.rank}", json.dumps(mine))

    def tell_fault(self, error: FastersegError) -> None:
        """Say why this rank leaves; only the first fault counts."""
        told = json.dumps({"rank": self.rank, "parts": error.as_parts()})
        self.store.compare_set(_FAULT, "", told)

    def told_fault(self) -> FastersegError | None:
        """Why a rank has left, as it said itself; None where none did."""
        if not self.store.check([_FAULT]):
            return None
        told = load_json(self.store.get(_FAULT))
        return told_by(told["rank"], told["parts"])

    def gone(self, *ranks: int) -> RankEnded | None:
        """The first of these ranks whose process is gone from this machine; None where none is.

        Of all the others where none is named.
        """
        for rank in ranks or range(self.count):
            known = self._known(rank)
            if known.get("machine") == machine_identity() and is_gone(known["process"]):
                return ended(rank, where=f"process {known['process']} on {known['host']}")
        return None

    def sign_of_life(self, rank: int) -> tuple[bytes, bytes]:
        """What changes while a rank lives: its beat, and of this machine what it computed."""
        key, known = f"beat/{rank}", self._known(rank)
        beat = self.store.get(key) if self.store.check([key]) else b""
        here = known.get("machine") == machine_identity()
        return beat, processor_use(known["process"]) if here else b""

    def kill(self, rank: int) -> None:
        """End a rank of this machine that does nothing any more, so that nobody waits for it."""
        known = self._known(rank)
        if known.get("machine") == machine_identity():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(known["process"], signal.SIGKILL)

    def _known(self, rank: int) -> dict[str, Any]:
        """Who a rank is; empty where it has not said so, or the store is gone."""
        key = f"process/{rank}"
        try:
            found = load_json(self.store.get(key)) if self.store.check([key]) else {}
        except RuntimeError:
            return {}
        return dict(found)

    def behind(self, error: RuntimeError) -> FastersegError:
        """What lies behind an error of torch.distributed's: which rank left, or ended, and why."""
        until = time.monotonic() + _KNOWN_S
        try:
            while time.monotonic() < until:
                if found := self.told_fault() or self.gone():
                    return found
                time.sleep(_LOOK_S)  # a connection closes a moment before its process is gone
        except RuntimeError:  # the store has ended too, with the machine that keeps it
            pass
        return ended(None, why=" ".join(str(error).split())[:200])

    def is_first_to_say(self) -> bool:
        """Whether no other rank has told the user of a fault; it takes it that this one does."""
        try:
            return bool(
                self.store.compare_set(_SAID, "", str(self.rank)) == str(self.rank).encode()
            )
        except RuntimeError:
            return True

    def outlast(self, rank: int, *, at_most_s: float) -> bool:
        """Wait until that rank's process is gone from this machine; whether it is."""
        until = time.monotonic() + at_most_s
        while self.gone(rank) is None and time.monotonic() < until:
            time.sleep(_LOOK_S)
        return self.gone(rank) is not None


def told_by(rank: int, parts: dict[str, str]) -> FastersegError:
    """The error that a rank told of."""
    error = error_of_parts(parts)
    if isinstance(error, RankEnded):  # another one, which it names
        return error
    error.where = f"rank {rank}: {error.where}" if error.where else f"rank {rank}"
    return error


def ended(rank: int | None, *, where: str = "", why: str = "") -> RankEnded:
    """The fault that a rank has ended; None where nobody knows which."""
    who = "another process" if rank is None else f"rank {rank}{' (the leader)' if not rank else ''}"
    return RankEnded(
        f"{who} of this run has ended",
        where=where,
        why=why or "it was killed, crashed, or its machine is gone",
        next_step="the same command resumes from the last checkpoint, with any number of processes",
    )


class Heartbeat:
    """Writes this rank's beat, and ends this process where one that it depends on is silent.

    The leader depends on all, the others on the leader.  `report` says the fault first.
    """

    def __init__(
        self, presence: Presence, report: Report, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._presence = presence
        self._report = report
        self._clock = clock
        self._done = Event()
        self._heard: dict[int, tuple[tuple[bytes, bytes], float]] = {}
        self._stored = clock()
        self._others = [0] if presence.rank else [*range(1, presence.count)]

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat in a thread of its own."""
        thread = Thread(target=self._beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._done.set()
            thread.join(BEAT_S)

    def _beat(self) -> None:
        number = 0
        while not self._done.wait(BEAT_S):
            number += 1
            fault = self.fault_at(number)
            # What is told of ends the work by itself, unless that waits for what never comes.
            if fault is not None and not self._done.wait(self._grace_s(fault)):
                first = self._presence.is_first_to_say()
                os._exit(self._report(fault) if first else fault.exit_code)

    def _grace_s(self, fault: FastersegError) -> float:
        waits = self._presence.rank and not isinstance(fault, RankEnded)
        return LEADER_SAYS_S if waits else GRACE_S

    def fault_at(self, number: int) -> FastersegError | None:
        """Write beat `number`; return the fault of a rank that left, ended or is silent."""
        presence, now = self._presence, self._clock()
        try:
            presence.store.set(f"beat/{presence.rank}", str(number))
            self._stored = now
            return presence.told_fault() or presence.gone() or self._silent(now)
        except RuntimeError as error:
            if now - self._stored < SILENT_S:
                return None
            return ended(None, why=" ".join(str(error).split())[:200])

    def _silent(self, now: float) -> FastersegError | None:
        for rank in self._others:
            sign = self._presence.sign_of_life(rank)
            known, since = self._heard.get(rank, (None, now))
            if sign != known:
                self._heard[rank] = sign, now
            elif now - since > SILENT_S:
                self._presence.kill(rank)
                return ended(rank, why=f"nothing was heard of it for {SILENT_S:g} s")
        return None
