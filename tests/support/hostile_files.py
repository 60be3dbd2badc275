"""Files that would run code, and files that are broken, each with the name of what is wrong.

Run as a program, it imports each of them by the command line in this very process, with an audit
hook that notes whatever smells of code being run, and prints one JSON object for each.

    python hostile_files.py FOLDER
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from official_files import DATA, TABLE, arch_file

WATCHED = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.remove",
    "subprocess.Popen",
    "socket.connect",
    "shutil.rmtree",
    "webbrowser.open",
    "code.__new__",
    "pty.spawn",
)


class Calls:
    """An object whose pickle calls a function when it is read."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


def mark(folder: Path) -> Path:
    """What a payload leaves behind if it runs."""
    return folder / "it-ran"


def pt_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Files in place of an architecture."""
    touch = f"touch {mark(folder)}"
    script = f"open({str(mark(folder))!r}, 'w').close()"
    yield "raw pickle of os.system", pickle.dumps(Calls(os.system, touch), 2)
    yield "zip with os.system", saved({"alpha_1_0": Calls(os.system, touch)})
    yield "old form with os.system", saved({"alpha_1_0": Calls(os.system, touch)}, old=True)
    yield "zip with subprocess", saved({"a": Calls(subprocess.Popen, ["touch", str(mark(folder))])})
    yield "zip with exec", saved({"a": Calls(exec, script)})
    yield "zip with eval", saved({"a": Calls(eval, f"__import__('os').system({touch!r})")})
    yield "old form with open", saved({"a": Calls(open, str(mark(folder)), "w")}, old=True)
    yield "zip with __import__", saved({"a": Calls(__import__, "antigravity")})
    yield "zip with getattr", saved({"a": Calls(getattr, "", "format")})
    yield "zip with numpy.load", saved({"a": Calls(np.load, str(TABLE))})
    yield "zip with a nested torch.load", saved({"a": Calls(torch.load, str(arch_file("student")))})
    yield "nothing at all", b""
    yield "random bytes", np.random.default_rng(0).bytes(4096)
    yield "a text", b"alpha_1_0: [[0.1, 0.2]]\n"
    whole = arch_file("student").read_bytes()
    yield "cut in half", whole[: len(whole) // 2]
    yield "cut by its last byte", whole[:-1]
    yield "a digit of its code changed", whole.replace(b"_rebuild_tensor_v2", b"_rebuild_tensor_v9")
    yield "a zip of something else", zipped({"readme.txt": b"hello"})
    yield "a list", saved([1, 2, 3])
    yield "names that are numbers", saved({1: torch.zeros(16, 5)})
    yield "text in place of a tensor", saved({"alpha_1_0": "0.1"})
    yield "a deep nest", nest(100_000)
    yield "logits without paths", saved({"alpha_1_0": torch.zeros(16, 5)})
    yield "logits that are not numbers", changed("alpha_1_0", torch.full((16, 5), torch.nan))
    yield "logits of another shape", changed("alpha_1_1", torch.zeros(3, 5))
    yield "logits with no layers", changed("alpha_1_0", torch.zeros(0, 5))
    yield "a storage that claims four terabytes", boastful()
    yield "weights in place of logits", saved({"stem.0.conv.0.weight": torch.zeros(2, 3, 3, 3)})


def npy_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Files in place of a latency table."""
    touch = f"touch {mark(folder)}"
    whole = TABLE.read_bytes()
    head = whole[: whole.index(b"\n") + 1]
    yield "table with os.system", head + pickle.dumps({"a": Calls(os.system, touch)}, 2)
    yield "table with eval", head + pickle.dumps({"a": Calls(eval, "1 + 1")}, 2)
    yield "table with getattr", head + pickle.dumps({"a": Calls(getattr, "", "format")}, 2)
    yield "table with a codec", head + b"\x80\x02c_codecs\nlookup\nX\x05\x00\x00\x00utf-8\x85R."
    yield "table cut in half", whole[: len(whole) // 2]
    yield "table of text", head + pickle.dumps({"ff_H128_W256_C64": "cheap"}, 2)
    yield "table of infinities", head + pickle.dumps({"ff_H128_W256_C64": float("inf")}, 2)
    yield "table of a list", head + pickle.dumps([1.0], 2)
    yield "table with a strange key", head + pickle.dumps({"swiss_cheese": 1.0}, 2)
    yield "an array of numbers", array_bytes(np.zeros(3))
    yield "a header that is code", code_header(f"__import__('os').system({touch!r})")
    yield "an archive of arrays", (DATA / "student_expected.npz").read_bytes()
    yield "a version from the future", b"\x93NUMPY\x09\x00" + whole[8:]


def saved(content: Any, *, old: bool = False) -> bytes:
    """What torch.save writes."""
    stream = io.BytesIO()
    torch.save(content, stream, _use_new_zipfile_serialization=not old)
    return stream.getvalue()


def changed(name: str, tensor: torch.Tensor) -> bytes:
    """The student's logits with one tensor replaced."""
    from fasterseg.network.foreign_files import read_tensors

    content = dict(read_tensors(arch_file("student")))
    return saved({**content, name: tensor})


def boastful() -> bytes:
    """Logits whose 80 numbers say that they are 2 to the 40."""
    with zipfile.ZipFile(io.BytesIO(saved({"alpha_1_0": torch.zeros(16, 5)}))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    (code,) = (name for name in files if name.endswith("data.pkl"))
    assert b"KP" in files[code]
    files[code] = files[code].replace(b"KP", b"\x8a\x06" + (1 << 40).to_bytes(6, "little"))
    return zipped(files)


def zipped(files: dict[str, bytes]) -> bytes:
    """An archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def nest(depth: int) -> bytes:
    """A pickle of a list in a list in a list."""
    return b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."


def array_bytes(array: np.ndarray[Any, Any]) -> bytes:
    """What numpy.save writes."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def code_header(code: str) -> bytes:
    """An array whose header is an expression."""
    header = f"{{'descr': {code}, 'fortran_order': False, 'shape': ()}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def import_all(folder: Path) -> list[dict[str, Any]]:
    """Import every file; what came of it."""
    from fasterseg.cli import main

    events: list[str] = []
    listening = [False]

    def listen(event: str, arguments: tuple[Any, ...]) -> None:
        if listening[0] and event in WATCHED:
            events.append(f"{event} {arguments!r}"[:200])

    files = [("--arch", name, content) for name, content in pt_files(folder)]
    files += [("--table", name, content) for name, content in npy_files(folder)]
    sys.addaudithook(listen)
    found = []
    for index, (option, name, content) in enumerate(files):
        path = folder / f"{index}.bin"
        path.write_bytes(content)
        out, error = io.StringIO(), io.StringIO()
        listening[0] = True
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            code = main(["import-official", option, str(path), "--out", str(folder / f"o{index}")])
        listening[0] = False
        found.append(
            {
                "name": name,
                "code": code,
                "error": error.getvalue(),
                "events": list(events),
                "ran": mark(folder).exists(),
                "wrote": (folder / f"o{index}").exists(),
            }
        )
        events.clear()
        mark(folder).unlink(missing_ok=True)
    return found


if __name__ == "__main__":
    print(json.dumps(import_all(Path(sys.argv[1]))))
