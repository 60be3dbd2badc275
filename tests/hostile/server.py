"""Cases run in processes of their own, forked from one that has imported everything.

    with Server() as server:
        seen = server.run(words, place)

The helper imports what the verbs use once (`Order.warm` finds out what that is), so that a case
costs a fork.  Each runs with an audit hook, limits of memory and processor, and a watch on the
folders that nobody may touch.  (The test's own process is not forked: torch may have threads.)
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from case import MARK, Place
from forked_children import fork_children
from watching import LEFT, RAN, Hook, Watched, mapped_libraries

from fasterseg.deploy.runtimes.openvino.installed import imported_openvino

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MOST_CPU_S = 8
"""A case is ended after so much of a processor beyond what was spent before it."""
MOST_WALL_S = 90.0
IDLE_S = 6.0
"""One that computes nothing for so long waits for what never comes."""
MOST_BYTES = 3 << 30
"""So much more address space than the helper has may a case ask for."""
PYTHON = "python"


@dataclass(frozen=True, slots=True)
class Order:
    """What the helper is asked to run; with `warm`, it imports afterwards what the case did."""

    words: list[str]
    folder: str
    environment: dict[str, str] = field(default_factory=dict)
    warm: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of a case: exit code (None where it was ended), texts, cost, findings."""

    code: int | None
    out: str
    error: str
    cpu_s: float
    peak_bytes: int
    finds: list[tuple[str, str]]
    ended: str = ""


class Server:
    """Starts the helper, and gives it cases one after the other; a context manager."""

    def __init__(self, *, readable: Sequence[Path] = ()) -> None:
        path = [str(HERE), str(HERE.parent / "support"), str(ROOT / "src")]
        self._helper = subprocess.Popen(
            [sys.executable, "-c", "import server; server.serve()", *map(str, readable)],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(path),
                "OMP_NUM_THREADS": "1",
                "COLUMNS": "200",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._helper.communicate(timeout=60)

    def run(
        self,
        words: Sequence[str],
        place: Place,
        *,
        environment: Mapping[str, str] | None = None,
        warm: bool = False,
    ) -> Seen:
        """Run what is typed in the current folder, with caches of its own; what was seen."""
        surroundings = {"FASTERSEG_CACHE": str(place.out / "cache"), **(environment or {})}
        order = Order(list(words), str(place.root), surroundings, warm)
        assert self._helper.stdin is not None and self._helper.stdout is not None
        self._helper.stdin.write(json.dumps(asdict(order)) + "\n")
        self._helper.stdin.flush()
        answer = json.loads(self._helper.stdout.readline())
        return Seen(**{**answer, "finds": [tuple(one) for one in answer["finds"]]})


def make_folders(place: Place) -> None:
    """The folders of a case, with what lies in them before a stranger comes."""
    for folder in (place.brought, place.here, place.outside, place.out, place.tmp):
        folder.mkdir(parents=True)


def serve() -> None:
    """Obey orders from stdin, one a line; answer each with what was seen."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import_everything()
    fork_children()
    hook = Hook(readable=[*libraries(), *map(Path, sys.argv[1:])])
    sys.addaudithook(hook)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        order = Order(**json.loads(line))
        answers.write(json.dumps(asdict(run(order, hook))) + "\n")
        answers.flush()


def import_everything() -> None:
    """Import what every verb may use; no thread may be started here."""
    import torch

    torch.set_num_threads(1)
    for name in ("fasterseg.cli", *_MODULES):
        with contextlib.suppress(ImportError):
            import_module(name)


_MODULES = (
    *("onnx", "onnx.reference", "onnxruntime", "PIL.Image", "safetensors.torch", "jinja2"),
    *("matplotlib.pyplot", "fasterseg.pipeline.stages.running", "torch.export"),
    *("fasterseg.pipeline.models.benchmarking", "fasterseg.pipeline.models.drawing"),
)


def libraries() -> list[Path]:
    """Where Python, its libraries and the package lie, and where libraries keep caches."""
    import torch

    import fasterseg

    found = {Path(sys.prefix), Path(sys.base_prefix), Path(torch.__file__).parents[1]}
    found |= {Path(os.__file__).parent, Path(fasterseg.__file__).parent, HERE.parent}
    return [*found, Path.home() / ".cache", Path.home() / ".config" / "matplotlib", ROOT]


def run(order: Order, hook: Hook) -> Seen:
    """Fork a process for an order and wait for it; what was seen."""
    place = Place(Path(order.folder))
    reports, result = os.pipe()
    texts = [place.root / "stdout.txt", place.root / "stderr.txt"]
    (place.root / "notes.jsonl").touch()
    with Watched([place.here, place.outside]) as watched:
        child = os.fork()
        if child == 0:
            os.close(reports)
            _obey(order, place, hook, result, texts)
        os.close(result)
        code, ended, usage = _wait(child)
        seen = watched.seen()
    with os.fdopen(reports) as stream:
        told = json.loads(stream.read() or "{}")
    notes = place.root / "notes.jsonl"
    finds = [tuple(json.loads(line)) for line in notes.read_text().splitlines()] + seen
    finds += [tuple(one) for one in told.get("finds", [])]
    if (place.outside / MARK).exists():
        finds.append((RAN, "it left its mark"))
    if order.warm:
        _warm(told.get("modules", []))
    out, error = (path.read_bytes().decode(errors="surrogateescape") for path in texts)
    return Seen(
        code=code,
        out=out,
        error=error,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_bytes=usage.ru_maxrss * 1024,
        finds=list(dict.fromkeys(finds)),
        ended=ended,
    )


def _warm(modules: Sequence[str]) -> None:
    """Import here what a case imported, so that none after it pays for that."""
    if "openvino" in modules:
        imported_openvino()  # in the package's own way, which keeps it from telling anybody
    for name in modules:
        if name not in sys.modules and not name.startswith("__"):
            with contextlib.suppress(Exception):
                import_module(name)
    gc.collect()
    gc.freeze()


def _wait(child: int) -> tuple[int | None, str, resource.struct_rusage]:
    """The exit code of a child, why it was ended if it was, and what it used."""
    began, spent, moved = time.monotonic(), 0.0, time.monotonic()
    pause = 0.002
    while True:
        found, status, usage = os.wait4(child, os.WNOHANG)
        if found:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)  # whatever it left behind
            return _told(status, usage)
        time.sleep(pause)
        pause = min(0.05, pause * 1.5)
        now, (used, runs) = time.monotonic(), _processor_seconds(child)
        if used > spent + 0.01 or runs:  # one that waits for a processor is not idle
            spent, moved = used, now
        why = ""
        if now - began > MOST_WALL_S:
            why = "endless"
        elif now - moved > IDLE_S:
            why = "waits for what never comes"
        if why:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            _, _, usage = os.wait4(child, 0)
            return None, why, usage


def _told(status: int, usage: resource.struct_rusage) -> tuple[int | None, str, Any]:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        why = "endless" if number in (signal.SIGXCPU, signal.SIGKILL) else f"signal {number}"
        return None, why, usage
    return os.WEXITSTATUS(status), "", usage


def _processor_seconds(process: int) -> tuple[float, bool]:
    """What a process and those that it started have spent, and whether one of them runs."""
    ticks = os.sysconf("SC_CLK_TCK")
    total, runs, pending = 0.0, False, [process]
    while pending:
        number = pending.pop()
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15])) / ticks
            runs = runs or fields[0] in ("R", "D")
            inner = Path(f"/proc/{number}/task/{number}/children").read_text().split()
            pending += map(int, inner)
    return total, runs


def _obey(order: Order, place: Place, hook: Hook, result: int, texts: Sequence[Path]) -> None:
    """Run an order in this child; never returns."""
    code = 70
    before = set(sys.modules)
    try:
        os.setsid()
        os.chdir(place.here)
        _redirect(texts)
        os.environ.update({"TMPDIR": str(place.tmp), "HOME": str(place.tmp), **order.environment})
        import tempfile

        tempfile.tempdir = None
        _limit()
        foreign = [place.brought, place.here, place.outside, place.tmp, place.out]
        hook.arm(
            place.root / "notes.jsonl",
            read=[place.brought],
            write=[place.out, place.tmp],
            foreign=foreign,
        )
        code = _call(order.words)
    except BaseException:
        hook.disarm()
        traceback.print_exc()
    hook.disarm()
    finds = [(RAN, f"loaded {path}") for path in mapped_libraries([place.root])]
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    told = {"finds": finds, "modules": sorted(set(sys.modules) - before) if order.warm else []}
    data = json.dumps(told).encode()
    while data:
        data = data[os.write(result, data) :]
    os._exit(code)


def _redirect(texts: Sequence[Path]) -> None:
    """Standard output and error into files, no input; descriptors of the helper closed."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in zip((1, 2), texts, strict=True):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    from fasterseg.outlets import open_outlets

    open_outlets()


def _limit() -> None:
    spent = int(time.process_time()) + MOST_CPU_S
    resource.setrlimit(resource.RLIMIT_CPU, (spent, spent + 2))
    has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (has + MOST_BYTES, has + MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)


def _call(words: Sequence[str]) -> int:
    """The exit code of a command, or of a call of the Python face that fails as a command would."""
    from fasterseg.cli import guarded, main

    if words[0] == PYTHON:
        return guarded(words, lambda: _call_python(*words[1:]))
    return main(words)


def _call_python(name: str, *arguments: str) -> int:
    """Call one of the functions of the Python face by its name in `FACE`."""
    FACE[name](*arguments)
    return 0


def _load_model(path: str) -> None:
    import fasterseg

    fasterseg.load_model(path)


def _load_network(path: str) -> None:
    import fasterseg

    fasterseg.load_network(path)


def _predict_here(path: str, picture: str) -> None:
    import fasterseg

    fasterseg.load_model(path).predict(picture)


def _load(kind: str) -> Callable[[str], None]:
    def load(path: str) -> None:
        import fasterseg

        getattr(fasterseg, kind).load(Path(path))

    return load


def _open_data(path: str) -> None:
    from fasterseg.datasets.opening import open_data

    source = open_data(Path(path))
    for split in source.splits():
        for index in range(source.length(split)):
            source.sample(split, index)


def _planted(what: str, place: str) -> None:
    """Misdeeds of the harness's own test: each must be noticed."""
    from planted import PLANTED

    PLANTED[what](Place(Path(place)))


FACE: dict[str, Callable[..., None]] = {
    "load_model": _load_model,
    "load_network": _load_network,
    "predict": _predict_here,
    "open_data": _open_data,
    "planted": _planted,
    **{kind: _load(kind) for kind in ("Architecture", "LatencyTable", "Recipe")},
}

__all__ = ["LEFT", "RAN", "Order", "Seen", "Server", "make_folders", "serve"]
