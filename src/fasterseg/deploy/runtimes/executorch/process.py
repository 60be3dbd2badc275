"""The child that has ExecuTorch: started, spoken to, and ended with what opened it.

A program in it is a stranger's until it is known to be ours: the child has a bare environment,
limits of memory, and a time for each answer; it ends with this process.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fasterseg.children.environment import bare_environment
from fasterseg.children.running import end, started
from fasterseg.deploy.runtimes.executorch import child as executorch_child
from fasterseg.deploy.runtimes.executorch.environment import missing, python
from fasterseg.errors import EnvironmentFault
from fasterseg.foreign.strict_json import NotStrict, load_json

START_S = 300.0
"""So long it may take to import what it needs: a busy machine, a cold disk."""

_MOST_LINE, _AT_ONCE, _MOST_SAID = 1 << 16, 1 << 16, 1 << 14


class Broken(Exception):
    """The child ended, or did not answer in time; ``str()`` is the reason, in one line."""


@dataclass(eq=False)
class Child:
    """A started process in a folder of its own, and the versions that it told."""

    process: subprocess.Popen[bytes]
    versions: Mapping[str, str] = field(default_factory=dict)
    _said: bytearray = field(default_factory=bytearray)

    @classmethod
    def start(cls, mode: str, folder: Path, asked: Mapping[str, Any]) -> Self:
        """Start it and wait until all is imported; `EnvironmentFault` where that fails."""
        (folder / "asked").write_text(repr({**asked}), encoding="utf-8")
        place = python()
        words = [str(place), "-I", "-X", "utf8", executorch_child.__file__, mode, str(folder)]
        child = cls(started(words, folder, bare_environment(folder), subprocess.PIPE))
        try:
            child.versions = child.line(START_S)
        except Broken as error:
            child.close()
            raise missing(f"its Python cannot import it: {error}") from error
        return child

    def line(self, seconds: float) -> dict[str, Any]:
        """The next answer; raises `Broken`."""
        with suppress(NotStrict):
            found = load_json(self.text(seconds))
            if isinstance(found, dict):
                return found
        raise Broken("its answer cannot be read")

    def text(self, seconds: float) -> str:
        """What it says up to the end of a line; raises `Broken`."""
        text = bytearray()
        while not text.endswith(b"\n"):
            if len(text) > _MOST_LINE:
                raise Broken("its answer is too long")
            text += self.bytes(1, seconds)
        return text.decode(errors="replace").strip()

    def say(self, data: bytes) -> None:
        """Send something; a child that is gone is noticed when it is to answer."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            os.write(self.process.stdin.fileno(), data)

    def bytes(self, count: int, seconds: float) -> bytes:
        """So many bytes of the answer; raises `Broken` where they do not come in time."""
        assert self.process.stdout is not None and self.process.stderr is not None
        found, until = bytearray(), time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            selector.register(self.process.stderr, selectors.EVENT_READ)
            while len(found) < count:
                left = until - time.monotonic()
                if left <= 0:
                    self._kill()  # nothing that it says later is taken for an answer
                    raise Broken(f"it took more than {seconds:g} s")
                for key, _ in selector.select(left):
                    if key.fileobj is self.process.stderr:
                        data = os.read(key.fd, _AT_ONCE)
                        self._said = (self._said + data)[-_MOST_SAID:]
                        if not data:
                            selector.unregister(key.fileobj)
                    elif data := os.read(key.fd, count - len(found)):
                        found += data
                    else:
                        raise Broken(self._how_it_ended())
        return bytes(found)

    def close(self) -> None:
        """End it; what it still says is left."""
        self._kill()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _kill(self) -> None:
        end(self.process)
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _how_it_ended(self) -> str:
        """The end of a process, by its last words or its exit code."""
        assert self.process.stderr is not None
        with suppress(OSError):
            while data := os.read(self.process.stderr.fileno(), _AT_ONCE):
                self._said = (self._said + data)[-_MOST_SAID:]
        code = self.process.wait()
        if code < 0:
            return f"it was ended by signal {-code}"
        lines = bytes(self._said).decode(errors="replace").strip().splitlines()
        said = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        return ascii(said[:300])[1:-1]


def lowered(folder: Path, names: list[str]) -> list[dict[str, list[str]]]:
    """Lower ``NAME.pt2`` in a folder to ``NAME.pte``, each; say which operators went where.

    Raises `EnvironmentFault` where that ExecuTorch cannot.
    """
    with Child.start("lower", folder, {"programs": names}) as child:
        try:
            return [child.line(_LOWERING_S) for _ in names]
        except Broken as error:
            told = ", ".join(f"{name} {version}" for name, version in child.versions.items())
            raise EnvironmentFault(
                "ExecuTorch did not take this network",
                where=told,
                why=str(error),
                next_step="make its environment anew with the newest executorch, or export to "
                "another format: --format onnx",
            ) from error


_LOWERING_S = 3600.0
