"""From an exported file to a session: what runs is what the file holds."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path

from fasterseg.config import OutputForm, Runtime, opened_runtimes
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.exporting.format_table import FORMATS
from fasterseg.deploy.exporting.formats import files_of, format_of
from fasterseg.deploy.runtimes.backends import (
    device_for,
    opener_of,
    require_precision,
    require_written,
)
from fasterseg.deploy.runtimes.sessions import Running, Session
from fasterseg.deploy.tail.label_maps import Tail, best_tail, open_tail
from fasterseg.errors import FileError, UsageError
from fasterseg.foreign.links import require_within
from fasterseg.paths import did_you_mean
from fasterseg.runs import run_above


def is_export(path: Path) -> bool:
    """Whether a path names an exported file, by its suffix."""
    return format_of(path) is not None


def runtimes_of(path: Path) -> list[Runtime]:
    """Those that load a file, by its suffix; the first one unless another is asked for."""
    row = format_of(path)
    return [runtime for runtime in opened_runtimes().values() if row and row.name in runtime.loads]


def open_export(path: Path, running: Running | None = None) -> tuple[Session, ExportedCard]:
    """The session of an exported file and its card.

    Raises `FileError` for what is no such file, `EnvironmentFault` where its runtime is missing,
    `UsageError` for a runtime that does not load it.
    """
    run_above(path)  # of a run whose parts lead elsewhere nothing is read
    _, *companions = files_of(path)
    require_within(path.parent, [one.name for one in companions], what="exported file's folder")
    running = running or Running()
    runtime = _runtime_for(path, running.runtime)
    _require_there(path)
    require_precision(runtime, running, where=str(path))
    named = replace(running, runtime=runtime.name, device=device_for(runtime, running))
    graph, card = opener_of(runtime).open_file(path, named)
    require_written(runtime, running.precision, card.precision, where=str(path))
    return Session(graph, card.output, tail_for(card.output, running)), card


def _require_there(path: Path) -> None:
    if not os.path.lexists(path):
        raise FileError(
            "there is no such file",
            where=str(path),
            why="an exported file is wanted",
            next_step=f"{did_you_mean(path)}fasterseg export MODEL --out {shlex.quote(str(path))}",
        )


def tail_for(output: OutputForm, running: Running) -> Tail | None:
    """The tail that a graph needs behind it; None where it gives labels itself."""
    if output == "labels":
        return None
    if running.tail is None or running.tail == "graph":
        return best_tail(threads=running.threads)
    return open_tail(running.tail, threads=running.threads)


def _runtime_for(path: Path, wanted: str | None) -> Runtime:
    possible = {runtime.name: runtime for runtime in runtimes_of(path)}
    if not possible and path.is_dir():
        raise UsageError(
            "this is a folder, and an exported file is wanted",
            where=str(path),
            why="a bundle is what files are exported from, and verified against",
            next_step=f"fasterseg export {shlex.quote(str(path))} --out FILE.onnx, then name FILE",
        )
    if not possible:
        raise UsageError(
            f"{path.name} cannot be run here",
            where=str(path),
            why=f"no runtime loads files that end in {path.suffix or 'nothing'}",
            next_step="name a file that ends in "
            + ", ".join(row.suffix for row in FORMATS.values()),
        )
    if wanted is not None and wanted not in possible:
        raise UsageError(
            f"{path.name} cannot be run by {wanted}",
            where=str(path),
            why=f"files that end in {path.suffix} are loaded by {' and '.join(possible)}",
            next_step=f"--backend {next(iter(possible))}, or name a file that {wanted} loads",
        )
    return possible[wanted] if wanted else next(iter(possible.values()))
