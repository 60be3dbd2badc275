"""The opcodes of a pickle that a dictionary of numbers and tensors needs, and no other.

An evaluator of its own in place of Python's: it builds plain values and notes (`values.Made`) of
what Python's would call. Whatever it does not know is refused, and everything that a file could
make large has a limit. (Opcodes: Python's ``pickletools``; protocols 0 to 4.)
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Mapping
from typing import Any

from fasterseg.network.pickled.stack import Stack
from fasterseg.network.pickled.values import (
    LONGEST_NUMBER,
    LONGEST_TEXT,
    Dictionary,
    Made,
    Name,
    PickleFault,
    Reference,
    byte_text_of,
    escaped_text_of,
    kind_of,
    quoted_text_of,
    text_of,
    written_float,
    written_whole,
)

MOST_STEPS = 200_000
"""Of one pickle: the authors' table takes 3,000, the weights of their teacher 20,000."""

ORDERED = "collections.OrderedDict"
_LATEST_PROTOCOL = 4


def read_pickle(
    data: bytes, start: int = 0, *, known: Collection[str], refers: bool = False
) -> tuple[Any, int]:
    """Return the value of the pickle that begins at `start`, and where it ends.

    `known` are the names that it may ask for, `refers` says whether it may mention what lies
    elsewhere. Raises `PickleFault` for everything else, and for a pickle of over `MOST_STEPS`.
    """
    reader = _Reader(data, start, known, refers=refers)
    for _ in range(MOST_STEPS):
        step = reader.take(1)
        if step == b".":
            return reader.stack.only(), reader.at
        if step not in _STEPS:
            raise PickleFault(f"it has the step {step!r}, which no such file needs")
        _STEPS[step](reader)
    raise PickleFault(f"it has more than {MOST_STEPS} steps")


class _Reader:
    """Where a pickle has been read to, and what came of it so far."""

    def __init__(self, data: bytes, start: int, known: Collection[str], *, refers: bool) -> None:
        self.data, self.at = data, start
        self.known, self.refers = known, refers
        self.stack = Stack()
        self.memo: dict[int, Any] = {}
        self.pairs = 0

    def take(self, count: int) -> bytes:
        """The next so many bytes."""
        taken = self.data[self.at : self.at + count]
        if len(taken) != count:
            raise PickleFault("it ends too early")
        self.at += count
        return taken

    def number(self, form: str) -> int:
        """A number of a fixed form."""
        return int(struct.unpack("<" + form, self.take(struct.calcsize(form)))[0])

    def line(self, most: int = LONGEST_TEXT) -> bytes:
        """What stands before the next line break."""
        end = self.data.find(b"\n", self.at, self.at + most + 1)
        if end < 0:
            raise PickleFault("it ends too early, or one of its lines is too long")
        line, self.at = self.data[self.at : end], end + 1
        return line

    def sized(self, form: str) -> bytes:
        """Bytes whose number stands before them."""
        size = self.number(form)
        if not 0 <= size <= LONGEST_TEXT:
            raise PickleFault(f"one of its texts has {size} bytes; {LONGEST_TEXT} are the most")
        return self.take(size)

    def name(self, module: object, name: object) -> None:
        """A name that is asked for, if it is known."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise PickleFault(f"it asks for a name that is {kind_of(name)}")
        text = f"{module}.{name}"
        if text not in self.known:
            raise PickleFault(f"it asks for {text[:80]!r}, which no such file needs")
        self.stack.push(Name(text))

    def remember(self, index: int) -> None:
        """Keep what lies on top under a number; what takes room is the count of them."""
        self.memo[index] = self.stack.top()

    def recall(self, index: int) -> None:
        """Put what was kept under a number on top."""
        if index not in self.memo:
            raise PickleFault("it refers to something that it has not kept")
        self.stack.push(self.memo[index])

    def call(self) -> None:
        """Note what would be called; an ordered dictionary is one at once."""
        arguments, name = self.stack.pop(), self.stack.pop()
        if not isinstance(name, Name) or not isinstance(arguments, tuple):
            raise PickleFault(f"it would call {kind_of(name)}")
        if name.text == ORDERED:
            self.stack.push(self._ordered(arguments))
        else:
            self.stack.push(Made(name.text, arguments))

    def _ordered(self, arguments: tuple[Any, ...]) -> Dictionary:
        """An ordered dictionary; Python 2 hands over its items, in lists of two."""
        pairs = arguments[0] if len(arguments) == 1 else []
        if len(arguments) > 1 or not isinstance(pairs, list):
            raise PickleFault("it has an ordered dictionary of an odd form")
        self.pairs += len(pairs)  # one list can be handed over again and again
        if self.pairs > MOST_STEPS:
            raise PickleFault("it has too many ordered dictionaries")
        made = Dictionary()
        for pair in pairs:
            if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
                raise PickleFault("it has an ordered dictionary of an odd form")
            made[str(pair[0])] = pair[1]
        return made

    def build(self) -> None:
        """Note the state that something would be given, once."""
        state, made = self.stack.pop(), self.stack.top()
        if isinstance(made, Dictionary):
            if not isinstance(state, dict) or state.keys() - {"_metadata"}:
                raise PickleFault("it gives a dictionary something that no such file needs")
        elif isinstance(made, Made) and made.state is None and isinstance(state, tuple):
            made.state = state
        else:
            raise PickleFault(f"it would set something of {kind_of(made)}")

    def refer(self) -> None:
        """Note a reference."""
        parts = self.stack.pop()
        if not self.refers or not isinstance(parts, tuple):
            raise PickleFault("it refers to something outside")
        self.stack.push(Reference(parts))


# ---- the steps ----------------------------------------------------------------------------------


def _protocol(reader: _Reader) -> None:
    version = reader.number("B")
    if version > _LATEST_PROTOCOL:
        raise PickleFault(f"it is written in protocol {version}; 0 to {_LATEST_PROTOCOL} are read")


def _frame(reader: _Reader) -> None:
    if reader.number("Q") > len(reader.data) - reader.at:
        raise PickleFault("it ends too early")


def _long(reader: _Reader) -> None:
    size = reader.number("B")
    if size > LONGEST_NUMBER:
        raise PickleFault("one of its numbers has too many digits")
    reader.stack.push(int.from_bytes(reader.take(size), "little", signed=True))


def _float(reader: _Reader) -> None:
    reader.stack.push(struct.unpack(">d", reader.take(8))[0])


def _global(reader: _Reader) -> None:
    module, name = text_of(reader.line()), text_of(reader.line())
    reader.name(module, name)


def _stack_global(reader: _Reader) -> None:
    name, module = reader.stack.pop(), reader.stack.pop()
    reader.name(module, name)


def _dictionary(reader: _Reader) -> None:
    items = reader.stack.pop_to_mark()
    reader.stack.push({})
    reader.stack.set_items(items)


def _plain(make: Callable[[], Any]) -> Callable[[_Reader], None]:
    return lambda reader: reader.stack.push(make())


def _whole(form: str) -> Callable[[_Reader], None]:
    return lambda reader: reader.stack.push(reader.number(form))


def _sized(form: str, make: Callable[[bytes], Any]) -> Callable[[_Reader], None]:
    return lambda reader: reader.stack.push(make(reader.sized(form)))


def _line(make: Callable[[bytes], Any]) -> Callable[[_Reader], None]:
    return lambda reader: reader.stack.push(make(reader.line()))


def _tuple(count: int) -> Callable[[_Reader], None]:
    return lambda reader: reader.stack.push(reader.stack.pop_some(count))


def _index(line: bytes) -> int:
    return int(written_whole(line))


_STEPS: Mapping[bytes, Callable[[_Reader], None]] = {
    b"\x80": _protocol,
    b"\x95": _frame,
    # plain values
    b"N": _plain(lambda: None),
    b"\x88": _plain(lambda: True),
    b"\x89": _plain(lambda: False),
    b"I": _line(written_whole),
    b"L": _line(written_whole),
    b"J": _whole("i"),
    b"K": _whole("B"),
    b"M": _whole("H"),
    b"\x8a": _long,
    b"F": _line(written_float),
    b"G": _float,
    # texts and bytes
    b"S": _line(quoted_text_of),
    b"T": _sized("i", byte_text_of),
    b"U": _sized("B", byte_text_of),
    b"V": _line(escaped_text_of),
    b"X": _sized("I", text_of),
    b"\x8c": _sized("B", text_of),
    b"\x8d": _sized("Q", text_of),
    b"B": _sized("I", bytes),
    b"C": _sized("B", bytes),
    b"\x8e": _sized("Q", bytes),
    # what holds others
    b"(": lambda reader: reader.stack.mark(),
    b")": _plain(tuple),
    b"t": lambda reader: reader.stack.push(tuple(reader.stack.pop_to_mark())),
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"]": _plain(list),
    b"l": lambda reader: reader.stack.push(reader.stack.pop_to_mark()),
    b"a": lambda reader: reader.stack.append([reader.stack.pop()]),
    b"e": lambda reader: reader.stack.append(reader.stack.pop_to_mark()),
    b"}": _plain(dict),
    b"d": _dictionary,
    b"s": lambda reader: reader.stack.set_items([*reader.stack.pop_some(2)]),
    b"u": lambda reader: reader.stack.set_items(reader.stack.pop_to_mark()),
    # names, and what stands for a call
    b"c": _global,
    b"\x93": _stack_global,
    b"R": lambda reader: reader.call(),
    b"b": lambda reader: reader.build(),
    b"Q": lambda reader: reader.refer(),
    # what is kept under a number
    b"p": lambda reader: reader.remember(_index(reader.line())),
    b"q": lambda reader: reader.remember(reader.number("B")),
    b"r": lambda reader: reader.remember(reader.number("I")),
    b"\x94": lambda reader: reader.remember(len(reader.memo)),
    b"g": lambda reader: reader.recall(_index(reader.line())),
    b"h": lambda reader: reader.recall(reader.number("B")),
    b"j": lambda reader: reader.recall(reader.number("I")),
}
"""What each opcode does, by its byte."""
