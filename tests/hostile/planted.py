"""Misdeeds that a case of the harness's own test does on purpose."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from case import Place


def _spend(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def _take(_: Place) -> None:
    bytearray(500 << 20)[::4096] = b"x" * (500 << 8)


def _forge(place: Place) -> None:
    file = place.outside / "module.py"
    file.write_text("x = 1\n")
    exec(compile("x = 1", str(file), "exec"), {})


def _raise(_: Place) -> None:
    raise KeyError("no error of ours")


def _pickle(place: Place) -> None:
    import pickle

    pickle.loads(b"cos\nsystem\n(S'true'\ntR.")


PLANTED: dict[str, Callable[[Place], object]] = {
    "mark": lambda place: place.mark.touch(),
    "code": _forge,
    "pickle": _pickle,
    "child": lambda _: subprocess.run(["true"], check=False),
    "shell": lambda _: os.system("true"),
    "socket": lambda _: import_module("socket").getaddrinfo("localhost", 80),
    "read": lambda place: (place.outside / "secret.txt").read_text(),
    "read through C": lambda place: (
        import_module("ctypes").CDLL(None).open(os.fsencode(place.outside / "secret.txt"), 0)
    ),
    "read of the current folder": lambda place: (place.here / "json.py").read_text(),
    "read elsewhere": lambda _: Path("/etc/hostname").read_bytes(),
    "write": lambda place: (place.outside / "new.txt").write_text("x"),
    "write beside": lambda place: (place.brought / "new.txt").write_text("x"),
    "delete": lambda place: (place.outside / "secret.txt").unlink(),
    "delete a tree": lambda place: shutil.rmtree(place.outside),
    "rename": lambda place: (place.outside / "secret.txt").rename(place.out / "x"),
    "link out": lambda place: (
        (place.out / "link").symlink_to(place.outside),
        (place.out / "link" / "new.txt").write_text("x"),
    ),
    "slow": lambda _: _spend(3.0),
    "endless": lambda _: _spend(1e9),
    "waits": lambda place: (os.mkfifo(place.tmp / "f"), (place.tmp / "f").read_bytes()),
    "big": _take,
    "huge": lambda _: bytearray(8 << 30),
    "crash": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "trace": lambda _: traceback.print_stack(),
    "bug": _raise,
    "escape": lambda _: print("\x1b[31mred"),
    "bidi": lambda _: print("a\u202eb"),
    "secret": lambda _: print("secret-of-another-folder"),
    "native": lambda place: import_module("ctypes").CDLL(str(place.brought / "lib.so")),
    "nothing": lambda _: None,
}
"""What the test of the harness does on purpose."""
