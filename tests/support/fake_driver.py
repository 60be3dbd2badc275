"""A stand-in for the library of NVIDIA's driver, as ctypes calls it: work is only enqueued.

What was enqueued on a stream is done when somebody waits for it.  A call with a wrong number or
kind of words fails, as does freeing what was not reserved.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

STREAM, CONTEXT = 7001, 9001


class FakeDriver:
    """One GPU; each look at its clock is a millisecond later."""

    def __init__(self, *, failing: str = "") -> None:
        self.failing = failing
        self.waiting: list[Callable[[], None]] = []
        self.memory: dict[int, Any] = {}
        self.events: dict[int, int] = {}
        self.clock_ms = 0
        self.current: int | None = None

    def __getattr__(self, name: str) -> Callable[..., int]:
        own = getattr(type(self), f"_{name}", None)
        if own is None:
            raise AttributeError(name)

        def call(*words: Any) -> int:
            if name == self.failing:
                return 2
            own(self, *words)
            return 0

        return call

    def enqueue(self, work: Callable[[], None]) -> None:
        """Do something once somebody waits."""
        self.waiting.append(work)

    def _cuInit(self, flags: int) -> None:
        assert flags == 0

    def _cuDeviceGet(self, device: Any, number: int) -> None:
        assert number == 0
        device._obj.value = 0

    def _cuDeviceGetName(self, name: Any, length: int, device: ctypes.c_int) -> None:
        assert device.value == 0 and length == len(name)
        name.value = b"a pretended GPU"

    def _cuDevicePrimaryCtxRetain(self, context: Any, device: ctypes.c_int) -> None:
        context._obj.value = CONTEXT

    def _cuCtxSetCurrent(self, context: ctypes.c_void_p) -> None:
        assert context.value == CONTEXT
        self.current = context.value

    def _cuStreamCreate(self, stream: Any, flags: int) -> None:
        assert flags == 1 and self.current
        stream._obj.value = STREAM

    def _cuEventCreate(self, event: Any, flags: int) -> None:
        event._obj.value = len(self.events) + 1
        self.events[event._obj.value] = -1

    def _cuMemAlloc_v2(self, memory: Any, size: ctypes.c_size_t) -> None:
        held = ctypes.create_string_buffer(size.value)
        memory._obj.value = ctypes.addressof(held)
        self.memory[memory._obj.value] = held

    def _cuMemFree_v2(self, memory: ctypes.c_uint64) -> None:
        assert not self.waiting, "the GPU is still at work with it"
        del self.memory[memory.value]

    def _cuMemcpyHtoDAsync_v2(
        self,
        to: ctypes.c_uint64,
        source: ctypes.c_void_p,
        size: ctypes.c_size_t,
        stream: ctypes.c_void_p,
    ) -> None:
        assert size.value <= len(self.memory[to.value])
        self._copy(to.value, source.value, size.value, stream)

    def _cuMemcpyDtoHAsync_v2(
        self,
        to: ctypes.c_void_p,
        source: ctypes.c_uint64,
        size: ctypes.c_size_t,
        stream: ctypes.c_void_p,
    ) -> None:
        assert size.value <= len(self.memory[source.value])
        self._copy(to.value, source.value, size.value, stream)

    def _copy(self, to: int | None, source: int | None, size: int, stream: Any) -> None:
        assert stream.value == STREAM and to and source
        self.enqueue(lambda: ctypes.memmove(to, source, size) and None)

    def _cuStreamSynchronize(self, stream: ctypes.c_void_p) -> None:
        assert stream.value == STREAM
        waiting, self.waiting = self.waiting, []
        for work in waiting:
            work()

    def _cuEventRecord(self, event: ctypes.c_void_p, stream: ctypes.c_void_p) -> None:
        number = event.value
        assert number is not None and stream.value == STREAM

        def note() -> None:
            self.clock_ms += 1
            self.events[number] = self.clock_ms

        self.enqueue(note)

    def _cuEventElapsedTime(self, elapsed: Any, start: Any, end: Any) -> None:
        assert not self.waiting, "nobody waited for the events"
        elapsed._obj.value = self.events[end.value] - self.events[start.value]
