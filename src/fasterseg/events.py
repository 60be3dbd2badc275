"""What a stage tells while it works: a log of its steps, and what is said aloud."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fasterseg.artifacts import digest_of_bytes
from fasterseg.durable import disk_fault, durable_write, make_folder
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.foreign.strict_json import NotStrict, load_json
from fasterseg.terminal_text import lines_as_shown

MOST_BYTES = 2**29
"""Of a log: a million steps and more."""


Progress = Callable[[int, int, str], None]
"""Told how many are done, of how many, and a note."""

Warn = Callable[[str], None]
"""Told in a sentence what was wrong and did not stop the work."""

Tell = Callable[[str], None]
"""Told in a sentence what is worth knowing."""


def silent(_done: int, _total: int, _note: str) -> None:
    """Progress that nobody looks at."""


def warn_on_stderr(text: str) -> None:
    """Say it aloud where nobody else is told."""
    print(f"warning: {lines_as_shown(text)}", file=sys.stderr, flush=True)


def note_on_stderr(text: str) -> None:
    """Say aloud what is worth knowing and is no fault."""
    print(f"note: {lines_as_shown(text)}", file=sys.stderr, flush=True)


_CHECK = ', "check": "'
"""Between an event and its checksum, at the end of a line."""

_CHECKSUM = re.compile(rb'": "[0-9a-f]{16}"\}$')
"""The end of a line that has one, whatever became of its name."""


class Logged(NamedTuple):
    """A log's events whose lines are whole, and the numbers, from 1, of the damaged lines."""

    events: list[dict[str, Any]]
    damaged: tuple[int, ...]


class EventLog:
    """A log of JSON lines that goes back to a step on resume, so that no line comes twice.

    Each line ends with a checksum of the event as it is written.  A line that was damaged since
    is left out of `events`; so is a half line that a crash left at the end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        make_folder(path.parent)

    def append(self, event: Mapping[str, Any]) -> None:
        """Add one event; it must hold a ``step``."""
        line = _line_of(event)
        try:
            with self.path.open("ab") as stream:
                stream.write(line)
        except OSError as error:
            raise disk_fault(self.path, len(line), error) from error

    def events(self) -> list[dict[str, Any]]:
        """All events whose lines are whole."""
        return self.read().events

    def damaged_lines(self) -> tuple[int, ...]:
        """The numbers, from 1, of the lines that do not hold what was written."""
        return self.read().damaged

    def read(self) -> Logged:
        """Both of them, of one reading."""
        lines = self._lines()
        return Logged(
            [event for event in lines if event is not None],
            tuple(number for number, event in enumerate(lines, 1) if event is None),
        )

    def rewind(self, step: int, *, warn: Warn = warn_on_stderr) -> None:
        """Drop the events after a step; tell `warn` when some of those up to it were damaged.

        Lines that were being written when the machine stopped are later ones: they are no loss.
        """
        logged = self.read()
        kept = [event for event in logged.events if event["step"] <= step]
        lost = step - len({event["step"] for event in kept})
        if logged.damaged and lost > 0:
            warn(
                f"{self.path} was damaged: {lost} of {step} steps are missing from it, and so "
                "from the report's curves; nothing else is made from it"
            )
        durable_write(self.path, b"".join(map(_line_of, kept)))

    def _lines(self) -> list[dict[str, Any] | None]:
        """What each line holds, None for a damaged one; without half a line at the end."""
        try:
            *lines, half = bytes_of(self.path, most_bytes=MOST_BYTES).split(b"\n")
        except FileNotFoundError:
            return []
        # One that an earlier version wrote has no checksums at all.
        sealed = any(_CHECK.encode() in line for line in lines)
        whole = [_event_in(line, sealed=sealed) for line in lines]
        # Where its last sign alone was damaged, a whole line is no half one.
        return whole if _event_in(half[:-1], sealed=True) is None else [*whole, None]


def _line_of(event: Mapping[str, Any]) -> bytes:
    text = json.dumps(event)
    return f'{text[:-1]}{_CHECK}{_check(text.encode())}"}}\n'.encode()


def _check(event: bytes) -> str:
    return digest_of_bytes(event)[7:23]


def _event_in(line: bytes, *, sealed: bool) -> dict[str, Any] | None:
    """The event that a line holds; None where it is not what was written."""
    body, mark, check = line.rpartition(_CHECK.encode())
    text = body + b"}" if mark else line
    if check != f'{_check(text)}"}}'.encode() and (sealed or _CHECKSUM.search(line)):
        return None
    try:
        event = load_json(text, with_nan=True)
    except NotStrict:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("step"), int) else None
