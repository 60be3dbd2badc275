"""Everything that fasterseg raises on purpose.

    FastersegError                1  a bug, or a failure that has no better name
    +-- UsageError                2  a wrong option, recipe key or value
    +-- DataError                 3  a data set or one of its files
    +-- FileError                 3  an artifact of ours that is missing, broken or foreign
    +-- EnvironmentFault          4  the machine: device, library, disk, noise
    +-- BudgetError               5  the latency budget cannot be reached here
    +-- VerificationError         6  an exported file is not what it was made from
    +-- Interrupted               7  stopped on request; the same command goes on

The number is the exit code of the command line.  Every error has four parts: what failed,
where, why we think so, and what to type next.
"""

from __future__ import annotations


class FastersegError(Exception):
    """A failure in four parts; ``str()`` prints them one to a line, leaving out empty ones."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", why: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.next_step = next_step

    def __str__(self) -> str:
        parts = [self.what]
        parts += [f"  where: {self.where}"] if self.where else []
        parts += [f"  why:   {self.why}"] if self.why else []
        parts += [f"  next:  {self.next_step}"] if self.next_step else []
        return "\n".join(parts)


class UsageError(FastersegError):
    """A wrong option, recipe key or value (exit code 2)."""

    exit_code = 2


class DataError(FastersegError):
    """A data set, or a file of it, cannot be used as it is (exit code 3)."""

    exit_code = 3


class FileError(FastersegError):
    """An artifact of ours is missing, damaged, foreign or of another version (exit code 3)."""

    exit_code = 3


class EnvironmentFault(FastersegError):
    """The machine lacks what was asked for: device, library, disk, quiet (exit code 4)."""

    exit_code = 4


class BudgetError(FastersegError):
    """No network of the space meets the latency budget on the target (exit code 5)."""

    exit_code = 5


class VerificationError(FastersegError):
    """An exported file does not do what the network does that it was made from (exit code 6)."""

    exit_code = 6


class Interrupted(FastersegError):
    """Stopped on request after saving; the same command goes on from there (exit code 7)."""

    exit_code = 7
