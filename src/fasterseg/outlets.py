"""Standard output and error of the program: whatever becomes of them, the work goes on.

They may be closed, a pipe that nobody reads any more, a full disk, or a terminal that cannot show
every letter of a file's name.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, TextIO

from fasterseg.terminal_text import lines_as_shown

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_OUTPUT, _ERROR = 1, 2


class Outlet(io.FileIO):
    """Standard output or error, by its number, as something that cannot stop the work behind it.

    Whoever reads it may have seen enough; what else the system refuses is raised once, and
    from then on nothing is written.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)
        self._broken = False

    def write(self, data: ReadableBuffer) -> int:
        """Write, or take it for written where nobody reads."""
        if self._broken:
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except OSError as error:
            self._broken = True
            if isinstance(error, BrokenPipeError) or self.fileno() == _ERROR:
                return memoryview(data).nbytes
            error.filename = "standard output"
            raise


class ShownText(io.TextIOBase):
    """A stream that spells out what in a text would act on a terminal, hide or turn around.

    Line breaks stay: whoever writes lines has seen to those within names (`as_shown`).
    """

    def __init__(self, beneath: TextIO) -> None:
        self.beneath = beneath

    def write(self, text: str) -> int:
        """Write the text as a terminal may show it; all of it counts as written."""
        self.beneath.write(lines_as_shown(text))
        return len(text)

    def flush(self) -> None:
        """Hand on what the stream beneath holds back."""
        self.beneath.flush()

    def isatty(self) -> bool:
        """Whether the stream beneath is a terminal."""
        return self.beneath.isatty()

    def fileno(self) -> int:
        """The number of the stream beneath."""
        return self.beneath.fileno()

    def writable(self) -> bool:
        """True: this is what it is for."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream beneath."""
        return self.beneath.encoding


@contextmanager
def escaped_output() -> Iterator[None]:
    """Within, whatever is printed on either outlet goes through `ShownText`."""
    out, err = sys.stdout, sys.stderr
    with redirect_stdout(ShownText(out)), redirect_stderr(ShownText(err)):
        yield


def beneath(stream: TextIO) -> TextIO:
    """The stream that takes escape sequences as they are: for our own, in which no text is."""
    return stream.beneath if isinstance(stream, ShownText) else stream


def open_outlets() -> None:
    """Make every text printable, whatever a terminal can show, and nothing die of a closed pipe.

    A closed one is opened on nothing, so that no file comes under its number; of a closed output
    standard error tells.
    """
    closed = [number for number in range(3) if not _is_open(number)]
    for number in closed:
        os.dup2(os.open(os.devnull, os.O_RDWR), number)
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(
            io.BufferedWriter(Outlet(number)),
            encoding=stream.encoding if stream else "utf-8",
            errors="backslashreplace",
            line_buffering=True,
        )
        for number, stream in ((_OUTPUT, sys.stdout), (_ERROR, sys.stderr))
    )
    if _OUTPUT in closed:
        print("note: standard output is closed, so the result is not shown", file=sys.stderr)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
