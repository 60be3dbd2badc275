"""Hostile logs of events, journals of measured blocks, and checkpoints."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from case import HostileFile, Place
from documents import ESCAPE, odd_texts
from stock import Stock, small
from ways import brought, out, way

from fasterseg.artifacts import digest_of_bytes, digest_of_value


def logs(stock: Stock) -> Iterator[HostileFile]:
    """Logs of events, of measured blocks, and journals."""
    ways = {"report": way("report", brought("run"), "--out", out("page.html"))}
    lines: dict[str, bytes] = {
        "no UTF-8": b"\xff\xfe\n",
        "a number": b"3\n",
        "a list": b"[1]\n",
        "null": b"null\n",
        "NaN": b'{"step": NaN, "loss": NaN}\n',
        "Infinity": b'{"step": 1, "loss": Infinity}\n',
        "1e999": b'{"step": 1e999}\n',
        "4,301 digits": b'{"step": ' + b"1" * 4_301 + b"}\n",
        "a step of text": b'{"step": "x"}\n',
        "a step below 0": b'{"step": -5, "loss": 1}\n',
        "a loss of text": b'{"step": 1, "loss": "<b>"}\n',
        "a loss of a list": b'{"step": 1, "loss": [1]}\n',
        "5,000 brackets": b"[" * 5_000 + b"\n",
        "100,000 brackets": b"[" * 100_000 + b"\n",
        "an escape": json.dumps({"step": 1, f"{ESCAPE}/loss": 1.0}).encode() + b"\n",
        "a key twice": b'{"step": 1, "step": 2}\n',
        "a lone surrogate": b'{"step": 1, "x": "\\ud800"}\n',
        "a null character": b"\0\n",
        "half a line": b'{"step": 1, "lo',
        "200,000 lines": b'{"step": 1, "loss": 1.0}\n' * 200_000,
        "a line of 30 MB": b'{"step": 1, "x": "' + b"x" * 30_000_000 + b'"}\n',
        "60,000 keys": json.dumps({"step": 1, **{f"k{n}": 0 for n in range(60_000)}}).encode()
        + b"\n",
    }
    for log in ("search/cosearch/events.jsonl", "training/student/events.jsonl"):
        for name, line in lines.items():
            for where in ("alone", "behind"):
                yield HostileFile(
                    name=f"{log}: {name} {where}",
                    kind="log",
                    write=_log_with(stock, log, line, alone=where == "alone"),
                    ways=ways,
                    expect="either",
                )
    profiled = {
        "profile": lambda place: ["profile", "--run", str(place.out / "run"), *small()],
    }
    for name, line in lines.items():
        yield HostileFile(
            name=f"journal: {name}",
            kind="journal",
            write=lambda place, line=line: _journal(place, line),
            ways=profiled,
            expect="either",
        )


def _log_with(stock: Stock, log: str, line: bytes, *, alone: bool) -> Callable[[Place], object]:
    def write(place: Place) -> None:
        path = stock.copy(stock.run, place.brought / "run") / log
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_bytes() if path.exists() and not alone else b""
        path.write_bytes(before + line + before)

    return write


def _journal(place: Place, line: bytes) -> None:
    path = place.out / "run" / "latency" / "entries.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(line)


def checkpoints(stock: Stock) -> Iterator[HostileFile]:
    """Checkpoints with forged manifests, values and tensors."""

    def ways(place: Place) -> list[str]:
        return [
            *("train", "student", "--architecture", str(stock.architecture)),
            *("--run", str(place.out / "run"), *small(), "--set", "student.steps=3"),
        ]

    def forged(**files: Any) -> Callable[[Place], object]:
        def write(place: Place) -> None:
            for step in (1, 2):
                folder = place.out / "run/training/student/checkpoints" / f"step-{step:09d}"
                folder.mkdir(parents=True)
                forge_checkpoint(folder, step, dict(files), place)

        return write

    for name, data in odd_texts():
        for file in ("values.json", "tensors.safetensors", "manifest.json"):
            yield HostileFile(
                name=f"checkpoint {file}: {name}",
                kind="checkpoint",
                write=forged(**{file: data}),
                ways={"train": ways},
                expect="either",
            )
    for name, listed in {
        "a file outside": "../../../../../outside/secret.txt",
        "a file from the root": "/etc/passwd",
        "an escaping file": ESCAPE,
        "a device": "/dev/zero",
    }.items():
        yield HostileFile(
            name=f"checkpoint that lists {name}",
            kind="checkpoint",
            write=forged(listed=listed),
            ways={"train": ways},
            expect="either",
        )
    for name in ("values.json", "tensors.safetensors", "manifest.json"):
        yield HostileFile(
            name=f"checkpoint with a named pipe for {name}",
            kind="checkpoint",
            write=forged(pipe=name),
            ways={"train": ways},
            expect="either",
        )


def forge_checkpoint(folder: Path, step: int, files: dict[str, Any], place: Place) -> None:
    from safetensors.numpy import save

    listed, pipe = files.pop("listed", None), files.pop("pipe", None)
    content = {"values.json": b"{}", "tensors.safetensors": save({}), **files}
    for name, data in content.items():
        (folder / name).write_bytes(data)
    digests = {name: digest_of_bytes(content[name]) for name in content if name != "manifest.json"}
    if listed:
        target = folder / listed
        digests[listed] = (
            digest_of_bytes(target.read_bytes())
            if target.is_file() and not listed.startswith("/dev")
            else "sha256:0"
        )
    if "manifest.json" not in files:
        manifest = {"schema": "fasterseg/checkpoint/1", "step": step, "files": digests}
        manifest["digest"] = digest_of_value({"step": step, "files": digests})
        (folder / "manifest.json").write_text(json.dumps(manifest))
    if pipe:
        (folder / pipe).unlink()
        os.mkfifo(folder / pipe)
