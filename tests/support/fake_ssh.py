"""A program called ``ssh`` that runs what it is told right here, or fails as the real one does.

    with FakeSsh(tmp_path) as ssh:
        ssh.cut_after("2 of 7")             # once, after a line that has this
        ssh.fail("Connection refused")      # from now on

What it was called with stands in `calls`.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Self

import pytest

_PROGRAM = """#!{python} -S
import json, os, subprocess, sys
folder = {folder!r}
with open(folder + "/calls", "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
def told(name):
    return open(folder + "/" + name).read()
if told("fail"):
    sys.exit(print(told("fail"), file=sys.stderr) or 255)
there = dict(os.environ, HOME=folder + "/home", PATH=folder + "/bin:" + os.environ["PATH"])
child = subprocess.Popen(
    ["/bin/sh", "-c", sys.argv[-1]], env=there, cwd=folder + "/home", stderr=subprocess.PIPE
)
for line in child.stderr:
    sys.stderr.buffer.write(line)
    sys.stderr.flush()
    if told("cut") and told("cut") in line.decode():
        open(folder + "/cut", "w").close()
        child.stderr.close()
        sys.exit(255)
sys.exit(child.wait())
"""


class FakeSsh:
    """Stands first on the PATH as long as a test lasts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "fake-ssh"
        self._patch = pytest.MonkeyPatch()

    def __enter__(self) -> Self:
        for name in ("front", "home", "bin"):
            (self.folder / name).mkdir(parents=True)
        self.program("front/ssh", _PROGRAM.format(python=sys.executable, folder=str(self.folder)))
        self._tell("fail", "")
        self._tell("cut", "")
        path = f"{self.folder / 'front'}{os.pathsep}{os.environ['PATH']}"
        self._patch.setenv("PATH", path)
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.undo()

    def program(self, name: str, text: str) -> Path:
        """A program that is found first: on the device where it lies in ``bin``."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def fail(self, said: str) -> None:
        """Let no connection be made from now on."""
        self._tell("fail", said)

    def cut_after(self, line: str) -> None:
        """Let the connection break once, after a line that has this; what runs there runs on."""
        self._tell("fail", "")
        self._tell("cut", line)

    @property
    def calls(self) -> list[list[str]]:
        """What it was called with."""
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]

    @property
    def kits(self) -> list[Path]:
        """The folders of kits that lie on the device."""
        return sorted((self.folder / "home/.cache/fasterseg-kit").glob("*"))

    def _tell(self, name: str, text: str) -> None:
        """Whole or not at all: the program may be reading it."""
        fresh = self.folder / "fresh"
        fresh.write_text(text)
        fresh.replace(self.folder / name)
