"""Everything that fasterseg raises on purpose.

    FastersegError                1  a bug, or a failure that has no better name
    +-- UsageError                2  a wrong option, recipe key or value
    |   +-- Diverged              2  numbers that the recipe's settings led out of bounds
    +-- DataError                 3  a data set or one of its files
    +-- FileError                 3  an artifact of ours that is missing, broken or foreign
    +-- EnvironmentFault          4  the machine: device, library, disk, noise
    |   +-- RankEnded             4  one of several processes that share the work is gone
    +-- BudgetError               5  the latency budget cannot be reached here
    +-- VerificationError         6  an exported file is not what it was made from
    +-- Interrupted               7  stopped on request; the same command resumes

The number is the exit code of the command line.  Every error has four parts: what failed,
where, why we think so, and what to type next.

A subclass elsewhere may have a constructor of its own.  Nothing here calls it again: context is put
into the error that there is (`told`), and only what every error has crosses a process border
(`as_parts`, `error_of_parts`, and `__reduce__` for pickles).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Self

from fasterseg.terminal_text import as_shown, lines_as_shown

LONGEST_LINE, LONGEST_PLACE, LONGEST_STEP, MOST_LINES = 400, 600, 4000, 60
"""What one line of a message holds: a sentence, a path or command, what is to be written."""


class FastersegError(Exception):
    """A failure in four parts; ``str()`` prints them one to a line, leaving out empty ones.

    What a file brought may be of any length: a message shows the beginning of it.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", why: str = "", next_step: str = "") -> None:
        self.what = _cut(what, LONGEST_LINE)
        super().__init__(self.what)
        self.where = _cut(where, LONGEST_PLACE)
        self.why = _cut(why, LONGEST_LINE)
        self.next_step = _cut(next_step, LONGEST_STEP)

    @property
    def kind(self) -> str:
        """The name of the class above that this error is one of."""
        return next(kind.__name__ for kind in type(self).__mro__ if kind.__module__ == __name__)

    def fill_in(self, *, where: str = "", why: str = "", next_step: str = "") -> Self:
        """Return this very error, with the parts that it had not."""
        self.where = self.where or _cut(where, LONGEST_PLACE)
        self.why = self.why or _cut(why, LONGEST_LINE)
        self.next_step = self.next_step or _cut(next_step, LONGEST_STEP)
        return self

    def as_parts(self) -> dict[str, str]:
        """Return the kind and the four parts: what `error_of_parts` makes an error of."""
        return {
            "kind": self.kind,
            "what": self.what,
            "where": self.where,
            "why": self.why,
            "next_step": self.next_step,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes a copy of it, in this process or another, without its constructor."""
        return _as_it_was, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        parts = [as_shown(self.what)]
        parts += [f"  where: {as_shown(self.where)}"] if self.where else []
        parts += [f"  why:   {_below(self.why)}"] if self.why else []
        parts += [f"  next:  {_below(self.next_step)}"] if self.next_step else []
        return "\n".join(parts)


class UsageError(FastersegError):
    """A wrong option, recipe key or value (exit code 2)."""

    exit_code = 2


class Diverged(UsageError):
    """What a recipe's settings led to is no number, or does not settle (exit code 2).

    The same command would end the same way: the recipe has to change, and nothing else.
    """


class DataError(FastersegError):
    """A data set, or a file of it, cannot be used as it is (exit code 3)."""

    exit_code = 3


class FileError(FastersegError):
    """An artifact of ours is missing, damaged, foreign or of another version (exit code 3)."""

    exit_code = 3


class EnvironmentFault(FastersegError):
    """The machine lacks what was asked for: device, library, disk, quiet (exit code 4)."""

    exit_code = 4


class RankEnded(EnvironmentFault):
    """One of the processes that share a command's work is gone (exit code 4).

    The same command resumes from the last checkpoint, with any number of processes.
    """


class BudgetError(FastersegError):
    """No network of the space meets the latency budget on the target (exit code 5)."""

    exit_code = 5


class VerificationError(FastersegError):
    """An exported file does not do what the network does that it was made from (exit code 6)."""

    exit_code = 6


class Interrupted(FastersegError):
    """Stopped on request after saving; the same command resumes (exit code 7)."""

    exit_code = 7


def error_of_parts(parts: Mapping[str, str]) -> FastersegError:
    """Return the error of which `FastersegError.as_parts` told, as the class that it names."""
    kind: type[FastersegError] = globals()[parts["kind"]]
    return kind(parts["what"], where=parts["where"], why=parts["why"], next_step=parts["next_step"])


def _cut(text: str, longest: int) -> str:
    """A text with the beginnings of its first lines, where it has long or many ones."""
    lines = text.split("\n", MOST_LINES)
    shown = [
        line if len(line) <= longest else f"{line[:longest]}..." for line in lines[:MOST_LINES]
    ]
    return "\n".join([*shown, *(["..."] if len(lines) > MOST_LINES else [])])


def _below(part: str) -> str:
    """A part whose further lines stand below its first, so that none looks like another part."""
    return re.sub(r"\n(?! {9})", "\n         ", lines_as_shown(part))


def _as_it_was(
    kind: type[FastersegError], args: tuple[Any, ...], state: Mapping[str, Any]
) -> FastersegError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error
