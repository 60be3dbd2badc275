"""What options may be given: of which types, and what is said to values that mean nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from fasterseg.amounts import parse_size
from fasterseg.config.size_bounds import why_not
from fasterseg.errors import UsageError
from fasterseg.foreign.bounds import MOST_THREADS

if TYPE_CHECKING:
    KeysAndValues: TypeAlias = Sequence[str] | Mapping[str, Any] | str
    SizeOrText: TypeAlias = str | tuple[int, int]
    PathOrText: TypeAlias = Path | str
    PathsOrTexts: TypeAlias = PathOrText | Sequence[PathOrText]
else:
    KeysAndValues = tuple[str, ...]  # on the command line each is a text
    SizeOrText = PathOrText = str
    PathsOrTexts = tuple[str, ...]

MOST_PROCESSES = 1024
MOST_RESTARTS = 1000
MOST_SHOWN = 40
"""Letters of what was meant as a size."""


def require_processes(processes: int | None, restarts: int | None) -> None:
    """Raise `UsageError` for numbers of processes and restarts that mean nothing."""
    if processes is not None and not 1 <= processes <= MOST_PROCESSES:
        raise UsageError(
            "there is no such number of processes",
            where=f"--processes {processes}",
            why="each needs a core or a GPU of this machine of its own",
            next_step=f"name 1 to {MOST_PROCESSES}; several machines are for torchrun",
        )
    if restarts is not None and not (0 <= restarts <= MOST_RESTARTS and processes is not None):
        raise UsageError(
            "--restarts needs --processes, and a number that is possible",
            where=f"--restarts {restarts}",
            why="it says how often the processes of --processes are started anew",
            next_step=f"name --processes too, and 0 to {MOST_RESTARTS} restarts; torchrun has an "
            "option of its own for that",
        )


def size_text(size: SizeOrText) -> str:
    """A size as the command line has it, such as ``360x640``; what is no size stays as it is."""
    return size if isinstance(size, str) else "x".join(map(str, size))


def working_size(size: SizeOrText) -> tuple[int, int]:
    """Height and width that an option names; `UsageError` for a size that no network can take."""
    text = size_text(size)
    wanted = parse_size(text)
    if wanted is None or why_not(wanted):
        raise UsageError(
            "images cannot be brought to this size",
            where=f"--size {text[:MOST_SHOWN]}",
            why=why_not(wanted) if wanted else "a size is two numbers, height x width",
            next_step="name a height and a width such as --size 360x640",
        )
    return wanted


def as_texts(named: PathsOrTexts) -> tuple[str, ...]:
    """What was named, one or several, as texts."""
    return tuple(map(str, (named,) if isinstance(named, str | Path) else named))


def require_threads(threads: int, *, least: int = 1) -> None:
    """Raise `UsageError` for a number of threads that nothing can run on."""
    if not least <= threads <= MOST_THREADS:
        raise UsageError(
            "there is no such number of threads",
            where=f"--threads {threads}",
            why="each thread is a core of this machine",
            next_step=f"name 1 to {MOST_THREADS}, or leave --threads out",
        )


def no_such_option(name: str, value: Any) -> UsageError:
    """What is said to a caller in Python, who may have meant a key of the recipe."""
    from fasterseg.config.other_words import EPOCHS, key_called, place_of

    key, shown = place_of(key_called(name)), repr(value)[:MOST_SHOWN]
    says = f"set={{{key!r}: {shown}}}" if key else "leave it out; help() of the function has them"
    if name in EPOCHS:
        says = f"set={{{key!r}: N}}, where a step is a batch, or set={{'student.hours': 1}}"
    return UsageError(
        f"there is no option {name!r}",
        where=f"{name}={shown}",
        why=f"the recipe says it, as {key}" if key else "no command has an option of this name",
        next_step=says,
    )


def changes_of(given: KeysAndValues) -> tuple[str, ...]:
    """Changes of the recipe, which in Python may be one text, or keys and values."""
    if isinstance(given, str):
        return (given,)
    if isinstance(given, Mapping):
        return tuple(f"{key}={json.dumps(value, default=str)}" for key, value in given.items())
    return tuple(given)
