"""Programs of the system as children: heard line by line, and ended with whoever waits."""

from __future__ import annotations

import os
import selectors
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from fasterseg.children.parent_death import LOOK_EVERY_S
from fasterseg.children.running import end, started
from fasterseg.foreign.opened_files import opened

_AT_ONCE = 1 << 16
_LAST_LINES = 30
_LONGEST_LINE = 4000


@dataclass(slots=True)
class Ran:
    """How a program ended: its exit code, what it wrote, and the last lines of its complaints.

    `too_much` where it wrote more than it may, and was ended for that.
    """

    code: int = -1
    output: bytearray = field(default_factory=bytearray)
    said: list[str] = field(default_factory=list)
    too_much: bool = False


def run_program(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    source: Path | None = None,
    most_bytes: int = 1 << 20,
    line: Callable[[str], None] = lambda _line: None,
    look: Callable[[], None] = lambda: None,
) -> Ran:
    """Run a program to its end; `source` is what it reads.

    `line` is told each line of standard error as it comes; `look` is called twice a second.  What
    either raises ends the program.  Raises `EnvironmentFault` where it cannot be started.
    """
    ran = Ran()
    with ExitStack() as stack:
        read = subprocess.DEVNULL
        if source is not None:
            read = stack.enter_context(opened(source)).fileno()
        child = stack.enter_context(started(command, folder, environment, read))
        try:
            _hear(child, ran, most_bytes, line, look)
            if not ran.too_much:
                ran.code = child.wait()
        finally:
            end(child)
    return ran


def _hear(
    child: subprocess.Popen[bytes],
    ran: Ran,
    most_bytes: int,
    line: Callable[[str], None],
    look: Callable[[], None],
) -> None:
    """Read until it ended: what it left behind may hold its outlets open for longer."""
    assert child.stdout is not None and child.stderr is not None
    half = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        selector.register(child.stderr, selectors.EVENT_READ)
        while selector.get_map():
            look()
            has_ended = child.poll() is not None
            ready = selector.select(0 if has_ended else LOOK_EVERY_S)
            for data, stream in ((os.read(key.fd, _AT_ONCE), key.fileobj) for key, _ in ready):
                if not data:
                    selector.unregister(stream)
                elif stream is child.stdout:
                    ran.output += data
                else:
                    half = _lines(half + data, ran, line)
            if len(ran.output) > most_bytes:
                ran.too_much = True
                return
            if has_ended and not ready:
                break
    if half:
        _lines(half + b"\n", ran, line)


def _lines(data: bytearray, ran: Ran, line: Callable[[str], None]) -> bytearray:
    """Tell whole lines; return what is none yet."""
    *whole, half = data.split(b"\n")
    for one in whole:
        text = one[:_LONGEST_LINE].decode("utf-8", "replace").rstrip("\r")
        ran.said = [*ran.said, text][-_LAST_LINES:]
        line(text)
    return half[:_LONGEST_LINE]
