"""Functions of this package that run in a process of their own, and how such a process ends.

A child runs Python's isolated mode and this very package: no module is imported from the current
folder, from `PYTHONPATH` or from a user's own site.  It has a folder of its own as current and
temporary folder, an environment of its own, limits of memory and time, and dies with this process,
however that ends.  Words are plain values, and answers are JSON.

    outcome = run_limited("fasterseg.deploy.looking:look", [str(path)], seconds=10,
                          memory_bytes=400_000_000)
    if isinstance(outcome, Ended):
        raise FileError("the file cannot be opened", where=str(path), why=outcome.reason)
    return outcome.value
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fasterseg.children import start
from fasterseg.children.environment import bare_environment, library_places, own_environment
from fasterseg.children.parent_death import LOOK_EVERY_S
from fasterseg.errors import EnvironmentFault, error_of_parts
from fasterseg.foreign.strict_json import NotStrict, load_json
from fasterseg.scratch import scratch_folder

START_S = 300.0
"""So long a child may take to import what it needs: a busy machine, a cold disk."""

MOST_WAITING = 20
"""A child with a limit of time is ended after so many times more, however busy the machine."""

MOST_ANSWER_BYTES = 1 << 20
_MOST_SAID_BYTES = 1 << 14
_LAST_LINES = 12
_ENDING_S = 5.0  # so long a crashed process may take to be gone
_AT_ONCE = 1 << 16

How = Literal["memory", "time", "signal", "code", "answer"]


@dataclass(frozen=True, slots=True)
class Answered:
    """What the function returned, as JSON gives it back."""

    value: Any


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended without an answer, and the last that it wrote on standard error."""

    how: How
    reason: str
    said: str


@dataclass(slots=True)
class _Heard:
    """What has come from a child; `begun` is when it had imported all, `ended` why we ended it.

    `waited_s` are the seconds that it had waited for a processor by then.
    """

    answer: bytearray = field(default_factory=bytearray)
    said: bytearray = field(default_factory=bytearray)
    begun: float | None = None
    waited_s: float = 0.0
    ended: tuple[How, str] | None = None
    told: dict[str, Any] | None = None


def run_limited(
    function: str,
    words: Sequence[Any],
    *,
    seconds: float,
    memory_bytes: int,
    most_bytes: int = MOST_ANSWER_BYTES,
) -> Answered | Ended:
    """Call a function of this package in a child with limits, for what a stranger brought.

    `function` is written "fasterseg.module:function"; `words` are its arguments, plain values;
    names of files among them are absolute.  `seconds` and `memory_bytes` count from when all is
    imported: seconds by the clock, without those in which other programs had the processor, and
    by the processor as many on each core; bytes beside what the libraries take.  An answer of more
    than `most_bytes` is none; what is larger goes into a file that the caller names.

    A foreseen error (`FastersegError`) is raised here as it was there.  Raises `EnvironmentFault`
    where no child can begin.
    """
    limits = {"memory_bytes": memory_bytes, "processor_s": int(seconds * (os.cpu_count() or 1)) + 1}
    return _run(function, words, limits, bare_environment, seconds=seconds, most_bytes=most_bytes)


def run_apart(
    function: str, words: Sequence[Any], *, look: Callable[[], None] = lambda: None
) -> Answered | Ended:
    """Call a function of this package in a child without limits, for what is our own.

    It computes as this process would: the environment is this one's, without what makes Python
    import or run something else.  `look` is called twice a second; what it raises ends the child.
    """
    return _run(
        function, words, {"memory_bytes": None, "processor_s": None}, own_environment, look=look
    )


def rank_command(words: Sequence[str]) -> list[str]:
    """The command that runs a command line of this package as one of several processes.

    Such a process imports what this one does, nothing from the current folder, and ends with this
    process; its folders and variables are the user's.
    """
    own = [start.RANK, str(os.getpid()), repr(library_places())]
    return [sys.executable, "-I", "-X", "utf8", start.__file__, *own, *words]


def _run(
    function: str,
    words: Sequence[Any],
    limits: Mapping[str, int | None],
    environment: Callable[[Path], dict[str, str]],
    *,
    seconds: float | None = None,
    most_bytes: int = 1 << 26,
    look: Callable[[], None] = lambda: None,
) -> Answered | Ended:
    asked = {
        "function": function,
        "words": [*words],
        "places": library_places(),
        "parent": os.getpid(),
    }
    with scratch_folder(Path(tempfile.gettempdir()), "fasterseg-child-") as folder:
        request = folder / "asked"
        request.write_text(repr({**asked, **limits}), encoding="utf-8")
        heard = _Heard()
        with _started(request, environment(folder)) as child:
            try:
                _hear(child, heard, seconds, most_bytes, look)
                _understand(child, heard)
            finally:
                end(child)
    return _outcome(heard, child.returncode, limits["memory_bytes"])


def _started(request: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-X", "utf8", start.__file__, str(request)]
    return started(command, request.parent, environment)


def started(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    source: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """A program that begins in a folder, reads from a descriptor, and is heard by pipes.

    Whoever starts it ends it, by `end`.  Raises `EnvironmentFault` where it cannot be started.
    """
    try:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,  # so that what it starts ends with it
        )
    except OSError as error:
        raise EnvironmentFault(
            "a process of its own cannot be started",
            where=command[0],
            why=error.strerror or str(error),
            next_step="fasterseg doctor",
        ) from error


def _hear(
    child: subprocess.Popen[bytes],
    heard: _Heard,
    seconds: float | None,
    most_bytes: int,
    look: Callable[[], None],
) -> None:
    """Read until the answer ends, a limit is passed, or `look` raises."""
    assert child.stdout is not None and child.stderr is not None
    started = time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        selector.register(child.stderr, selectors.EVENT_READ)
        while child.stdout in selector.get_map():
            look()
            left = _left(heard, started, seconds, child.pid)
            if left <= 0:
                heard.ended = ("time", f"it took more than {seconds:g} s")
                return
            for key, _ in selector.select(min(left, LOOK_EVERY_S)):
                data = os.read(key.fd, _AT_ONCE)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.fileobj is child.stderr:
                    heard.said = (heard.said + data)[-_MOST_SAID_BYTES:]
                else:
                    _take(heard, data, child.pid)
            if len(heard.answer) > most_bytes:
                heard.ended = ("answer", f"its answer has more than {most_bytes} bytes")
                return
        _hear_rest(child, heard)
    look()


def _left(heard: _Heard, started: float, seconds: float | None, pid: int) -> float:
    """Seconds until this child is late: it is not for what it waited for a processor."""
    if heard.begun is None:
        left = started + START_S - time.monotonic()
        if left <= 0:
            raise _cannot_begin(f"it was not ready after {START_S:g} s")
        return left
    if seconds is None:
        return LOOK_EVERY_S
    left = heard.begun + seconds - time.monotonic()
    if left > 0:
        return left
    return left + min(_waited_s(pid) - heard.waited_s, MOST_WAITING * seconds)


def _waited_s(pid: int) -> float:
    """Seconds in which a process could have run and another had the processor, by its threads.

    That of the thread which waited longest; 0 where the system does not tell.
    """
    waited = [0]
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError, ValueError, IndexError):  # a thread may end meanwhile
            waited.append(int(file.read_text().split()[1]))
    return max(waited) / 1e9


def _take(heard: _Heard, data: bytes, pid: int) -> None:
    if heard.begun is None:
        heard.begun, heard.waited_s = time.monotonic(), _waited_s(pid)
        data = data.removeprefix(b"\n")
    heard.answer += data


def _hear_rest(child: subprocess.Popen[bytes], heard: _Heard) -> None:
    """Take what stands on standard error by now; nobody waits for more."""
    assert child.stderr is not None
    os.set_blocking(child.stderr.fileno(), False)
    with suppress(BlockingIOError):
        while data := os.read(child.stderr.fileno(), _AT_ONCE):
            heard.said = (heard.said + data)[-_MOST_SAID_BYTES:]


def _understand(child: subprocess.Popen[bytes], heard: _Heard) -> None:
    """Read the answer; without one, give the child the time to end in its own way."""
    with suppress(NotStrict):
        told = load_json(bytes(heard.answer))
        heard.told = told if isinstance(told, dict) and len(told) == 1 else None
    if not heard.told and not heard.ended:
        try:
            child.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            heard.ended = ("answer", "its answer cannot be read")


def end(child: subprocess.Popen[bytes]) -> None:
    """End a child and all that it started; one that has answered has nothing left to do."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.kill()


def _outcome(heard: _Heard, code: int, memory_bytes: int | None) -> Answered | Ended:
    said = "\n".join(heard.said.decode(errors="replace").strip().splitlines()[-_LAST_LINES:])
    if heard.begun is None:
        raise _cannot_begin(said.splitlines()[-1] if said else f"it ended with code {code}")
    if heard.ended:
        return Ended(*heard.ended, said)
    match heard.told:
        case {"value": value}:
            return Answered(value)
        case {"error": dict(parts)} if {"kind", "what"} <= parts.keys():
            raise error_of_parts(parts)
        case {"memory": _}:
            return Ended(*_wanted_memory(memory_bytes), said)
    return Ended(*_how(code, said, memory_bytes), said)


def _how(code: int, said: str, memory_bytes: int | None) -> tuple[How, str]:
    """How a process ended that said nothing, by its exit code."""
    if "bad_alloc" in said or "MemoryError" in said:
        return _wanted_memory(memory_bytes)
    if code == -signal.SIGXCPU:
        return "time", "it took more time of the processor than it may"
    if code == -signal.SIGKILL:
        return "signal", "it was killed by the system, most often for want of memory"
    if code < 0:
        return "signal", f"it crashed with {signal.Signals(-code).name}"
    if code == 0:
        return "answer", "its answer cannot be read"
    last = said.splitlines()[-1] if said else "it said nothing"
    return "code", f"it ended with code {code}: {last}"


def _wanted_memory(memory_bytes: int | None) -> tuple[How, str]:
    more = f"more than {memory_bytes // 1_000_000} MB of " if memory_bytes is not None else "more "
    return "memory", f"it needs {more}memory"


def _cannot_begin(why: str) -> EnvironmentFault:
    return EnvironmentFault(
        "a process of its own cannot begin its work",
        where=sys.executable,
        why=why,
        next_step="fasterseg doctor",
    )
