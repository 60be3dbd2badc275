"""Pinning: what is changed for a measurement is put back, whatever happens in it."""

from __future__ import annotations

import gc
import os
import threading

import pytest
import torch

from fasterseg.deploy.benchmark import pinning
from fasterseg.deploy.benchmark.pinning import (
    collection_paused,
    cores_for,
    denormals_flushed,
    pinned,
)
from fasterseg.errors import EnvironmentFault

needs_affinity = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system does not pin processes"
)


@needs_affinity
def test_the_process_keeps_to_its_cores_and_gets_all_back() -> None:
    before = os.sched_getaffinity(0)
    core = max(before)
    with pinned([core]) as told:
        assert os.sched_getaffinity(0) == {core}
        assert told == str(core)
    assert os.sched_getaffinity(0) == before


@needs_affinity
def test_cores_are_given_back_after_a_failure() -> None:
    before = os.sched_getaffinity(0)
    with pytest.raises(RuntimeError, match="broke"), pinned([max(before)]):
        raise RuntimeError("it broke")
    assert os.sched_getaffinity(0) == before


@needs_affinity
def test_threads_that_run_already_are_pinned_too_and_so_are_new_ones() -> None:
    before = os.sched_getaffinity(0)
    seen: dict[str, set[int]] = {}
    pinned_now, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def older() -> None:
        pinned_now.wait(10)
        seen["older, inside"] = os.sched_getaffinity(0)
        go_on.set()
        done.wait(10)
        seen["older, after"] = os.sched_getaffinity(0)

    def younger() -> None:
        seen["younger, inside"] = os.sched_getaffinity(0)
        done.wait(10)
        seen["younger, after"] = os.sched_getaffinity(0)

    threads = [threading.Thread(target=older)]
    threads[0].start()
    with pinned([min(before)]):
        threads.append(threading.Thread(target=younger))
        threads[1].start()
        pinned_now.set()
        go_on.wait(10)
    done.set()
    for thread in threads:
        thread.join(10)
    assert seen["older, inside"] == seen["younger, inside"] == {min(before)}
    assert seen["older, after"] == seen["younger, after"] == before


def test_a_system_without_the_call_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert cores_for(64) == ()
    with pinned([0]) as told:
        assert told == pinning.NOT_PINNED


def test_physical_cores_come_before_their_second_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(8)), raising=False)
    siblings = {0: 0, 1: 1, 2: 2, 3: 3, 4: 0, 5: 1, 6: 2, 7: 3}
    assert cores_for(2, siblings=siblings) == (6, 7)
    assert cores_for(4, siblings=siblings) == (4, 5, 6, 7)
    assert cores_for(5, siblings=siblings) == (3, 4, 5, 6, 7)
    beside_each_other = {core: core // 2 for core in range(8)}
    assert cores_for(2, siblings=beside_each_other) == (5, 7)


def test_more_threads_than_cores_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1}, raising=False)
    with pytest.raises(EnvironmentFault, match="3 threads"):
        cores_for(3)


def test_denormals_count_as_zero_inside_and_as_themselves_after() -> None:
    tiny = torch.tensor(1e-310, dtype=torch.float64)
    with denormals_flushed() as done:
        if not done:
            pytest.skip("this processor does not flush denormals")
        assert float(tiny * 1.0) == 0.0
    assert float(tiny * 1.0) > 0.0


def test_rubbish_is_collected_again_after_a_measurement() -> None:
    assert gc.isenabled()
    with pytest.raises(RuntimeError), collection_paused():
        assert not gc.isenabled()
        raise RuntimeError
    assert gc.isenabled()
