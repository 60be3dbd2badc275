"""Threads that share room have no more in use at once than there is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

from fasterseg.datasets.pictures.room import Room


def test_never_more_is_taken_than_there_is_and_what_is_larger_is_alone() -> None:
    room, lock, used, most = Room(10), Lock(), [0], [0]

    def work(size: int) -> None:
        with room.taken(size):
            with lock:
                used[0] += min(size, 10)
                most[0] = max(most[0], used[0])
            with lock:
                used[0] -= min(size, 10)

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(work, [3, 7, 99, 1, 10, 4] * 20))
    assert 0 < most[0] <= 10


def test_small_ones_are_there_side_by_side() -> None:
    room, met = Room(10), Event()

    def waits() -> bool:
        with room.taken(5):
            return met.wait(30)

    def comes() -> None:
        with room.taken(5):
            met.set()

    with ThreadPoolExecutor(2) as workers:
        first = workers.submit(waits)
        workers.submit(comes)
        assert first.result()
