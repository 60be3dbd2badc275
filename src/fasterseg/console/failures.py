"""What the command line says when something fails: four parts, an exit code, never a trace.

A failure we foresaw is a `FastersegError` already.  The rest is translated here; what cannot be
is a bug of ours: one sentence, and the trace in a file.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import shlex
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from cyclopts import CycloptsError, MissingArgumentError, UnusedCliTokensError
from cyclopts.exceptions import UnknownOptionError

from fasterseg.config import opened_runtimes
from fasterseg.console.results import asks_for_json
from fasterseg.console.typed import command_line
from fasterseg.console.unknown_options import known_otherwise
from fasterseg.durable import DISK_IS_FULL
from fasterseg.errors import (
    EnvironmentFault,
    FastersegError,
    Interrupted,
    RankEnded,
    UsageError,
)
from fasterseg.processes import Place
from fasterseg.terminal_text import lines_as_shown

EXTRAS = {
    "onnx": "onnx",
    "onnxscript": "onnx",
    "numba": "fast",
    **{row.package: row.extra for row in opened_runtimes().values() if row.extra},
}
"""Which extra of the package brings which optional library."""

ENDING = "FASTERSEG_ENDING"
"""Names the file for the failure of a rank that `--processes` started."""

_TOO_MANY_FILES = {errno.EMFILE, errno.ENFILE}
_NO_SUCH_PATH = {
    errno.EEXIST,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EINVAL,
}
"""What the system says of a path that cannot be, whatever the machine has."""

_NO_TEMPORARY_FOLDER = "No usable temporary directory"


def report_failure(
    error: BaseException, words: Sequence[str], *, stream: TextIO | None = None
) -> int:
    """Print `error` on stderr in four parts, as JSON when `words` ask for it; return its code.

    A process that this package started hands it to the one that started it, which prints it.
    """
    failure = translate(error, words)
    if place := os.environ.get(ENDING):
        Path(place).write_text(as_event(failure), encoding="utf-8")
        return failure.exit_code
    text = as_event(failure) if asks_for_json(words) else str(failure)
    print(text, file=stream or sys.stderr, flush=True)
    return failure.exit_code


def as_event(failure: FastersegError) -> str:
    """Return the failure as one JSON object on one line."""
    return json.dumps(
        {
            "event": "error",
            "kind": failure.kind,
            "exit_code": failure.exit_code,
            "what": failure.what,
            "where": failure.where,
            "why": failure.why,
            "next": failure.next_step,
        }
    )


def translate(error: BaseException, words: Sequence[str]) -> FastersegError:
    """Return the failure that a user can act on for any exception that reached the top."""
    if isinstance(error, Interrupted | RankEnded):
        return _with_resume_command(error, words)
    if isinstance(error, FastersegError):
        return _completed(error, words)
    for translated in _TRANSLATIONS:
        if (failure := translated(error, words)) is not None:
            return failure
    return _bug(error, words)


def _completed(error: FastersegError, words: Sequence[str]) -> FastersegError:
    """Return the failure with what only the command line knows: the command, and its help."""
    verb = next((word for word in words if not word.startswith("-")), "")
    ways = {
        "UsageError": f"fasterseg {verb} --help",
        "FileError": "restore the file from a backup, or delete it and run its stage again",
        "EnvironmentFault": "fasterseg doctor tells what this machine has and lacks",
    }
    return error.fill_in(where=command_line(words), next_step=ways.get(error.kind, ""))


def _with_resume_command(error: FastersegError, words: Sequence[str]) -> FastersegError:
    """Return the interruption with the very command in place of "the same command".

    Not where the error names an option that the command lacks: as it is, it would not do.
    """
    if "--" not in error.next_step:
        error.next_step = f"to resume: {resuming(words)}"
    return error


def resuming(words: Sequence[str]) -> str:
    """Return what resumes a command that was stopped."""
    if Place.here().count == 1 or ENDING in os.environ:
        return command_line(words)
    return f"the same torchrun command, or in one process: {command_line(words)}"


def _interruption(error: BaseException, words: Sequence[str]) -> FastersegError | None:
    if not isinstance(error, KeyboardInterrupt):
        return None
    return Interrupted(
        "Stopped on request.",
        why="the work since the last saved state is repeated on resuming",
        next_step=f"to resume: {resuming(words)}",
    )


def _usage(error: BaseException, words: Sequence[str]) -> FastersegError | None:
    if not isinstance(error, CycloptsError):
        return None
    if isinstance(error, UnknownOptionError) and (known := known_otherwise(error, words)):
        return known
    ways = " ".join(["fasterseg", *(error.command_chain or ()), "--help"])
    return UsageError(
        _told(error),
        where=command_line(words),
        why="the command was not understood, so nothing was run",
        next_step=f"{_likely_way(error, words)}{ways}",
    )


def _told(error: CycloptsError) -> str:
    if isinstance(error, UnusedCliTokensError):
        return f"there is more than the command takes: {shlex.join(error.unused_tokens or ())}"
    if isinstance(error, MissingArgumentError) and (missing := _missing(error)):
        return missing
    return " ".join(str(error).split())


def _missing(error: MissingArgumentError) -> str:
    """What a command lacks altogether; nothing where an option is there without its value."""
    if error.argument is None or error.argument.tokens or error.keyword:
        return ""
    return f"{' '.join(error.command_chain or ())} needs {error.argument.name}, which is not there"


def _likely_way(error: CycloptsError, words: Sequence[str]) -> str:
    """What to do where a word that was not understood is a file's name, or a part of one."""
    if isinstance(error, UnusedCliTokensError):
        return "put a pattern, or a name with blanks, in quotes; else: "
    dashed = next((word for word in words if word.startswith("-") and os.path.lexists(word)), "")
    if not dashed:
        return ""
    return f"for the file that is called so, write {shlex.quote(f'./{dashed}')}; else: "


def _missing_extra(error: BaseException, words: Sequence[str]) -> FastersegError | None:
    root: BaseException | None = error
    while root is not None and not isinstance(root, ModuleNotFoundError):
        root = root.__cause__
    library = (root.name or "").partition(".")[0] if root is not None else ""
    if library not in EXTRAS:
        return None
    return EnvironmentFault(
        f"{library} is not installed.",
        where=command_line(words),
        why=f"this command needs it, and it belongs to the extra '{EXTRAS[library]}'",
        next_step=f"pip install 'fasterseg[{EXTRAS[library]}]'",
    )


def _unreadable_library(error: BaseException, words: Sequence[str]) -> FastersegError | None:
    """A compiled library that is there and does not load; a module of ours is another matter."""
    if not isinstance(error, ImportError) or isinstance(error, ModuleNotFoundError):
        return None
    if error.path is not None and error.path.endswith(".py"):
        return None
    return EnvironmentFault(
        "A library could not be loaded.",
        where=error.path or error.name or command_line(words),
        why=_first_line(error),
        next_step="fasterseg doctor tells which libraries work here",
    )


def _system(error: BaseException, words: Sequence[str]) -> FastersegError | None:
    """What the system refused: the machine or a path, and no bug of ours."""
    refused = _refused_by_system(error)
    if refused is None:
        return None
    kind, what, advice = _refusal(refused)
    return kind(
        what,
        where=str(refused.filename) if refused.filename else command_line(words),
        why=refused.strerror or _first_line(error),
        next_step=f"{advice}, then: {command_line(words)}",
    )


def _refused_by_system(error: BaseException) -> OSError | None:
    """The refusal that an exception is, or that a library put into words of its own."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    said = {number: os.strerror(number) for number in (*DISK_IS_FULL, *_TOO_MANY_FILES, errno.EIO)}
    said[errno.EAGAIN] = "can't start new thread"  # Python's own words
    return next((OSError(n, text) for n, text in said.items() if text in str(error)), None)


def _refusal(error: OSError) -> tuple[type[FastersegError], str, str]:
    """What a refusal of the system is for a user: its class, what it is, what to do."""
    if error.errno in DISK_IS_FULL or error.errno == errno.EROFS:
        return EnvironmentFault, "The disk took no more.", "make room or choose another folder"
    if isinstance(error, PermissionError):
        return EnvironmentFault, "A file may not be read or written.", "change its permissions"
    if error.errno in _TOO_MANY_FILES:
        return EnvironmentFault, "Too many files are open.", "raise the limit: ulimit -n 4096"
    if error.errno in (errno.EAGAIN, errno.ENOMEM):
        advice = "end other programs, or raise the limit: ulimit -u"
        return EnvironmentFault, "The system has no room for another process.", advice
    if _NO_TEMPORARY_FOLDER in (error.strerror or ""):
        advice = "name one that can be written to: export TMPDIR=DIR"
        return EnvironmentFault, "There is no temporary folder.", advice
    if error.errno in _NO_SUCH_PATH:
        return UsageError, "This path cannot be used.", "name another"
    return EnvironmentFault, "The system refused a file.", "look at the disk and at this path"


def _memory(error: BaseException, words: Sequence[str]) -> FastersegError | None:
    names = {kind.__name__ for kind in type(error).__mro__}
    if not isinstance(error, MemoryError) and "OutOfMemoryError" not in names:
        return None
    return EnvironmentFault(
        "Not enough memory.",
        where=command_line(words),
        why=str(error).partition("\n")[0] or "the process asked for more than there is",
        next_step="a smaller batch or crop in the recipe, or another --device",
    )


_TRANSLATIONS: tuple[Callable[[BaseException, Sequence[str]], FastersegError | None], ...] = (
    _interruption,
    _usage,
    _missing_extra,
    _unreadable_library,
    _system,
    _memory,
)


def _bug(error: BaseException, words: Sequence[str]) -> FastersegError:
    log = write_trace(error, words)
    return FastersegError(
        "This is a bug in fasterseg, not a fault of yours.",
        where=str(log) if log else "the trace could not be written anywhere",
        why=f"{type(error).__name__}: {_first_line(error)}",
        next_step="report it with that file" if log else "report it with the command you typed",
    )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or ["no message"])[0]


def write_trace(error: BaseException, words: Sequence[str]) -> Path | None:
    """Write the trace into the run's logs, else into the temporary folder; return its path."""
    text = "\n".join(
        [
            command_line(words),
            f"Python {platform.python_version()} on {platform.platform()}",
            "".join(traceback.format_exception(error)),
        ]
    )
    prefix = time.strftime("bug-%Y%m%dT%H%M%SZ-", time.gmtime())
    for place in (lambda: _run_logs(words), tempfile.gettempdir):
        try:
            if (folder := place()) is None:
                continue
            Path(folder).mkdir(exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w",
                encoding="utf-8",
                errors="backslashreplace",
                dir=folder,
                prefix=prefix,
                suffix=".log",
                delete=False,
            ) as file:
                file.write(lines_as_shown(text))
        except OSError:
            continue
        return Path(file.name)
    return None


def _run_logs(words: Sequence[str]) -> Path | None:
    """Return the log folder of the run that `words` name, if that run exists."""
    for word, following in zip(words, [*words, ""][1:], strict=True):
        named = following if word == "--run" else word.removeprefix("--run=")
        if word.startswith("--run") and named and Path(named).is_dir():
            logs = Path(named) / "logs"
            return None if logs.is_symlink() else logs
    return None
