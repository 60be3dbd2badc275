"""A look at an ExecuTorch program before any runtime loads it: what it calls, and what it takes.

A program is a FlatBuffer with segments of weights behind it.  Read here, within bounds, are its
header and the lists that say which operators and delegates its one method calls.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from fasterseg.deploy.runtimes.untrusted.wire import NotPlain

IDENTIFIER, EXTENDED = b"ET12", b"eh00"
XNNPACK = "XnnpackBackend"
METHOD = "forward"
NAMESPACES = frozenset({"aten", "dim_order_ops", "executorch_prim"})
"""Whose operators portable kernels compute: functions of tensors and numbers, and nothing else."""

_MOST_ENTRIES, _MOST_NAME, _MOST_MEMORY = 10_000, 100, 2 << 30


@dataclass(frozen=True, slots=True)
class PteGraph:
    """What a program calls: operators by portable kernels, and how many parts XNNPACK runs.

    `memory_bytes` is what it plans for its intermediate values, `file_bytes` how long it is.
    """

    operators: tuple[str, ...]
    delegates: int
    memory_bytes: int
    file_bytes: int

    def describe(self) -> str:
        """Which runs where, in words."""
        left = ", ".join(self.operators) or "none"
        return f"XNNPACK in {self.delegates} part(s); by portable kernels: {left}"


def plain_graph(data: bytes) -> PteGraph:
    """Look at a program; raises `NotPlain` for what no network of this package is."""
    try:
        return _looked_at(data)
    except (struct.error, UnicodeDecodeError, IndexError, OverflowError) as error:
        raise NotPlain("its lists lead out of the file") from error


def _looked_at(data: bytes) -> PteGraph:
    if data[4:8] != IDENTIFIER or data[8:12] != EXTENDED:
        raise NotPlain("it is no ExecuTorch program of the kind that is written today")
    length, size, base, segments = struct.unpack_from("<IQQQ", data, 12)
    whole = base + segments if base else size
    if length < 32 or not (32 <= size <= len(data)) or not (size <= whole <= len(data)):
        raise NotPlain("its header says another size than the file has")
    program = _Table.root(data[:size])
    methods = list(program.tables(1))
    names = [method.text(0) for method in methods]
    if names != [METHOD]:
        raise NotPlain(f"its methods are {names}, not {METHOD} alone"[:200])
    (method,) = methods
    operators = sorted({one.text(0) for one in method.tables(6)})
    delegates = [one.text(0) for one in method.tables(7)]
    if strange := [one for one in operators if one.partition("::")[0] not in NAMESPACES]:
        raise NotPlain(f"it calls {', '.join(strange)}"[:200])
    if set(delegates) != {XNNPACK}:
        raise NotPlain(f"its parts are run by {sorted(set(delegates)) or 'none'}, not by XNNPACK")
    if len(method.numbers(3, "I")) != 1 or len(method.numbers(4, "I")) != 1:
        raise NotPlain("it does not take one image and give one thing")
    memory = sum(method.numbers(8, "q"))
    if not 0 <= memory <= _MOST_MEMORY:
        raise NotPlain(f"it wants {memory:,} bytes for what it computes")
    return PteGraph(tuple(operators), len(delegates), memory, whole)


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of a FlatBuffer: its fields by their numbers."""

    data: bytes
    place: int

    @classmethod
    def root(cls, data: bytes) -> _Table:
        """The outermost one."""
        return cls(data, _number("<I", data, 0))

    def tables(self, field: int) -> Iterator[_Table]:
        """The tables of a list."""
        place, count = self._list(field)
        for index in range(count):
            at = place + 4 * index
            yield _Table(self.data, at + _number("<I", self.data, at))

    def numbers(self, field: int, kind: str) -> tuple[int, ...]:
        """The numbers of a list."""
        place, count = self._list(field)
        found: tuple[int, ...] = struct.unpack_from(f"<{count}{kind}", self.data, place)
        return found

    def text(self, field: int) -> str:
        """A text; empty where there is none."""
        place, count = self._list(field)
        if count > _MOST_NAME:
            raise NotPlain(f"a name in it has {count:,} signs")
        if place + count > len(self.data):
            raise IndexError
        return self.data[place : place + count].decode("ascii")

    def _list(self, field: int) -> tuple[int, int]:
        """Where a list or text begins, and how long it is; nothing where it is not there."""
        table = self.place - _number("<i", self.data, self.place)
        if not 0 <= table < len(self.data):
            raise IndexError
        offset = 4 + 2 * field
        if offset >= _number("<H", self.data, table):
            return 0, 0
        there = _number("<H", self.data, table + offset)
        if not there:
            return 0, 0
        at = self.place + there
        place = at + _number("<I", self.data, at)
        count = _number("<I", self.data, place)
        if count > _MOST_ENTRIES:
            raise NotPlain(f"a list in it has {count:,} entries")
        return place + 4, count


def _number(kind: str, data: bytes, place: int) -> int:
    """A number at a place, which is never counted from the end."""
    if place < 0:
        raise IndexError
    (found,) = struct.unpack_from(kind, data, place)
    return int(found)
