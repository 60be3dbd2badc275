"""Ranks know of each other, without waiting, that they live and why one left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import pytest
from ranked import in_ranks

from fasterseg.errors import DataError, FastersegError, RankEnded
from fasterseg.learning.presence import SILENT_S, Heartbeat, Presence
from fasterseg.learning.ranks import Ranks
from fasterseg.processes import machine_identity, processor_use


class FakeStore:
    """A store within one process, which may be out of reach."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.reachable = True

    def set(self, key: str, value: str) -> None:
        self._reach()
        self.kept[key] = value.encode()

    def get(self, key: str) -> bytes:
        self._reach()
        return self.kept[key]

    def check(self, keys: Sequence[str]) -> bool:
        self._reach()
        return all(key in self.kept for key in keys)

    def compare_set(self, key: str, expected: str, desired: str) -> bytes:
        self._reach()
        if self.kept.get(key, b"").decode() == expected:
            self.kept[key] = desired.encode()
        return self.kept[key]

    def _reach(self) -> None:
        if not self.reachable:
            raise RuntimeError("the connection was refused")


class Beats:
    """The heartbeats of some ranks, at times of the test's own."""

    def __init__(self, count: int) -> None:
        self.store, self.now, self.number = FakeStore(), 0.0, 0
        self.said: list[FastersegError] = []
        self.of = [
            Heartbeat(Presence(self.store, rank, count), self.say, clock=lambda: self.now)
            for rank in range(count)
        ]

    def say(self, fault: FastersegError) -> int:
        self.said.append(fault)
        return fault.exit_code

    def pass_(self, seconds: float, *ranks: int) -> list[FastersegError]:
        """Let these ranks beat every 5 s; return what they find wrong first."""
        for _ in range(int(seconds / 5)):
            self.now += 5
            self.number += 1
            found = [self.of[rank].fault_at(self.number) for rank in ranks]
            if any(found):
                return [fault for fault in found if fault is not None]
        return []


def test_ranks_that_beat_find_nothing_wrong() -> None:
    assert Beats(3).pass_(200, 0, 1, 2) == []


def test_a_rank_of_this_machine_that_computes_lives_although_it_is_silent() -> None:
    beats = Beats(2)
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    told = {"host": "here", "machine": machine_identity(), "process": busy.pid}
    beats.store.set("process/1", json.dumps(told))
    try:
        beats.pass_(20, 0, 1)
        for _ in range(8):
            until_it_computed(busy.pid)
            assert beats.pass_(SILENT_S - 5, 0) == []
        assert busy.poll() is None
    finally:
        busy.kill()
        busy.wait()


def until_it_computed(number: int) -> None:
    """Wait until a process has used the processor again."""
    before = processor_use(number)
    while processor_use(number) == before:
        os.sched_yield()


@pytest.mark.parametrize("silent", [0, 2])
def test_a_rank_that_is_silent_for_20_s_has_ended(silent: int) -> None:
    beats = Beats(3)
    frozen = subprocess.Popen(["sleep", "600"])
    told = {"host": "here", "machine": machine_identity(), "process": frozen.pid}
    beats.store.set(f"process/{silent}", json.dumps(told))
    beats.pass_(20, 0, 1, 2)
    others = [rank for rank in range(3) if rank != silent]
    assert beats.pass_(SILENT_S - 5, *others) == []
    found = beats.pass_(15, *others)
    assert all(isinstance(fault, RankEnded) for fault in found)
    assert f"rank {silent}" in found[0].what
    assert "20 s" in found[0].why and found[0].exit_code == 4
    assert frozen.wait(10) == -signal.SIGKILL, "of this machine, it is ended"


def test_a_store_that_is_out_of_reach_for_20_s_ends_a_rank() -> None:
    beats = Beats(2)
    beats.pass_(20, 0, 1)
    beats.store.reachable = False
    assert beats.pass_(15, 1) == []
    (fault,) = beats.pass_(10, 1)
    assert isinstance(fault, RankEnded) and "refused" in fault.why
    beats.store.reachable = True
    assert beats.pass_(5, 0, 1) == []


def test_a_rank_whose_process_is_gone_has_ended_at_once() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    beats = Beats(2)
    told = {"host": "here", "machine": machine_identity(), "process": child.pid}
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and not fetched
    beats.store.set("process/1", json.dumps(told))
    (fault,) = beats.pass_(5, 0)
    assert (fault.what, fault.where) == (
        "rank 1 of this run has ended",
        f"process {child.pid} on here",
    )
    child.wait()
    beats.store.set("process/1", json.dumps({**told, "machine": "another"}))
    assert beats.pass_(5, 0) == []


def test_the_first_fault_counts_and_names_its_rank() -> None:
    store = FakeStore()
    Presence(store, 1, 3).tell_fault(DataError("an image is broken", where="street-3"))
    Presence(store, 2, 3).tell_fault(DataError("another one"))
    fault = Presence(store, 0, 3).told_fault()
    assert fault is not None
    assert (fault.what, fault.where, fault.exit_code) == (
        "an image is broken",
        "rank 1: street-3",
        3,
    )
    assert Presence(store, 2, 3).is_first_to_say()
    assert not Presence(store, 0, 3).is_first_to_say()
    assert Presence(store, 2, 3).is_first_to_say()


def die_in_a_step(ranks: Ranks, victim: int) -> dict[str, str]:
    try:
        for step in range(100):
            if ranks.rank == victim and step == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            ranks.total(1)
    except RankEnded as fault:
        ranks.leave()  # so that who waits for this one learns of it
        return fault.as_parts()
    return {}


@pytest.mark.parametrize("victim", [0, 1, 2])
def test_all_others_name_a_rank_that_is_killed(victim: int) -> None:
    every = in_ranks(3, die_in_a_step, victim, may_end=True)
    assert every.pop(victim).code == -signal.SIGKILL
    name = "rank 0 (the leader)" if victim == 0 else f"rank {victim}"
    assert [one["what"] for one in every] == [f"{name} of this run has ended"] * 2


def die_while_the_others_wait(ranks: Ranks) -> dict[str, str]:
    if ranks.leads:
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        ranks.broadcast()
    except RankEnded as fault:
        return fault.as_parts()
    return {}


def test_followers_that_wait_for_a_leader_that_is_killed_end() -> None:
    _, *others = in_ranks(3, die_while_the_others_wait, may_end=True)
    assert all(one["what"] == "rank 0 (the leader) of this run has ended" for one in others)


WAITED_S = 20.0


def wait_for_the_leader(ranks: Ranks) -> float:
    """Seconds of the processor that this rank uses while the leader works alone."""
    with Heartbeat(ranks.presence, lambda fault: fault.exit_code).beating():
        began = time.process_time()
        if ranks.leads:
            time.sleep(WAITED_S)
        ranks.broadcast({"order": ""})
        return time.process_time() - began


@pytest.mark.slow
def test_a_follower_that_waits_uses_no_processor() -> None:
    _, used = in_ranks(2, wait_for_the_leader, seconds=5 * WAITED_S)
    print(f"\n{used:.3f} s of the processor in {WAITED_S:g} s of waiting")
    assert used < 0.02 * WAITED_S
