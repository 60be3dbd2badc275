"""Processes that wait for numbers of steps, do them, and answer with numbers: for turns."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

Ask = Callable[[str, int], list[float]]
"""From a process's name and a number of steps to what it says that they took."""


@contextmanager
def asked(commands: Mapping[str, Sequence[str]]) -> Iterator[Ask]:
    """One process for each command, by name; they end with the context."""
    pipe = subprocess.PIPE
    running = {
        name: subprocess.Popen([*words], stdin=pipe, stdout=pipe, text=True)
        for name, words in commands.items()
    }

    def ask(name: str, steps: int) -> list[float]:
        process = running[name]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{steps}\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"{name} ended with exit code {process.wait()}")
        return [float(one) for one in line.split()]

    try:
        yield ask
    finally:
        for process in running.values():
            process.communicate()
