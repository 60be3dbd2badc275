"""The run folder: who may write into it, what is in it, and where a stopped stage goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fasterseg.artifacts import (
    digest_of_file,
    digest_of_value,
    durable_write,
    make_folder,
    read_json,
    sync_folder,
    writing,
)
from fasterseg.errors import FileError, UsageError
from fasterseg.events import Warn, warn_on_stderr
from fasterseg.processes import Held, held, is_running

if TYPE_CHECKING:
    from torch import Tensor

KEPT_CHECKPOINTS = 2

SAME_MACHINE = (
    "go on with the machine and the versions that it began with, or start a new run with another "
    "--run; trainings go on anywhere, with 'fasterseg train' and the same --run"
)
"""What to do where measured times are at stake: no other machine can go on with those."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The names of everything in a run folder."""

    root: Path

    @property
    def recipe(self) -> Path:
        """The resolved recipe."""
        return self.root / "recipe.json"

    @property
    def data_report(self) -> Path:
        """What the data checker found."""
        return self.root / "data.json"

    @property
    def latency(self) -> Path:
        """Folder of the latency table and its entries."""
        return self.root / "latency"

    @property
    def latency_table(self) -> Path:
        """The finished latency table."""
        return self.latency / "table.json"

    @property
    def search(self) -> Path:
        """Folder of the search: checkpoints, log, architectures."""
        return self.root / "search"

    @property
    def search_plan(self) -> Path:
        """What the search began with."""
        return self.search / "plan.json"

    @property
    def search_summary(self) -> Path:
        """What the search came to, in numbers."""
        return self.search / "summary.json"

    def architecture(self, contender: str) -> Path:
        """The architecture found for a contender."""
        return self.search / f"{contender}.json"

    def training(self, contender: str) -> Path:
        """Folder of a contender's training: checkpoints, log, bundles."""
        return self.root / "training" / contender

    def bundle(self, contender: str, which: str = "best") -> Path:
        """A trained network: ``best``, ``last`` or ``ema``."""
        return self.training(contender) / which

    def exported(self, contender: str) -> Path:
        """A contender's exported whole job."""
        return self.root / "export" / f"{contender}.onnx"

    @property
    def evaluation(self) -> Path:
        """Folder of evaluation reports."""
        return self.root / "evaluation"

    @property
    def report(self) -> Path:
        """The static page."""
        return self.root / "report" / "index.html"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; a second run is refused at once.

        The lock dies with the process, so a killed run leaves none behind.
        """
        make_folder(self.root)
        try:
            with held(self.root / "lock"):
                clear_leftovers(self.root)
                yield
        except Held as error:
            raise UsageError(
                "another run is using this folder",
                where=str(self.root),
                why=f"process {error.holder} holds its lock",
                next_step="wait for it, or choose another folder with --run",
            ) from error


def clear_leftovers(root: Path) -> None:
    """Remove the half-written files of processes that were killed, and make all folders durable.

    For the process that holds the run's folder.  A process that was killed between making a
    folder and syncing the one above it left a name that a power cut could still take.
    """
    for folder in (root.parent, root, *(path for path in root.rglob("*") if path.is_dir())):
        sync_folder(folder)
    for path in root.rglob(".*.tmp"):
        number = path.name.split(".")[-2]
        if path.is_file() and number.isdecimal() and not is_running(int(number)):
            path.unlink(missing_ok=True)


def trained_by(folder: Path) -> Path | None:
    """What shows that steps of a training were made: a checkpoint, or its report; None before."""
    return first_of(folder, "checkpoints/step-*", "report.json")


def first_of(folder: Path, *patterns: str) -> Path | None:
    """The first file of a folder that one of the patterns names."""
    found = (path for pattern in patterns for path in sorted(folder.glob(pattern)))
    return next(found, None)


class Change(NamedTuple):
    """A key whose value differs between two descriptions."""

    key: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.key}: {json.dumps(self.old)} -> {json.dumps(self.new)}"


UsedBy = Callable[[str], str]
"""From a key to what was made by it already; empty where nothing was."""


def refuse_changes(
    what: str,
    *,
    stored: Mapping[str, Any],
    wanted: Mapping[str, Any],
    where: Path | str = "",
    used_by: UsedBy | None = None,
    next_step: str = "undo the change to go on, or start a new run with another --run",
) -> tuple[Change, ...]:
    """Raise `UsageError` with a diff when two descriptions differ in what something was made by.

    Returns the changes that are left: those of keys which nothing was made by yet.  Without
    `used_by` every key counts as used.  `where` is the file that holds the stored description.
    """
    changes = tuple(changes_between(stored, wanted))
    used = [change for change in changes if used_by is None or used_by(change.key)]
    if used:
        told = [
            f"{one} ({by})" if (by := used_by and used_by(one.key)) else str(one) for one in used
        ]
        shown = "; ".join(told[:5]) + (f"; {len(told)} in all" if len(told) > 5 else "")
        raise UsageError(
            f"{what} differs from the one that this run began with",
            where=str(where),
            why=shown,
            next_step=next_step,
        )
    return changes


def differences(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """Each key whose value differs, as ``a.b: old -> new``."""
    yield from map(str, changes_between(stored, wanted))


def changes_between(
    stored: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = ""
) -> Iterator[Change]:
    """Each key whose value differs, in order."""
    for key in sorted({*stored, *wanted}):
        old, new = stored.get(key), wanted.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from changes_between(old, new, f"{prefix}{key}.")
        elif old != new:
            yield Change(f"{prefix}{key}", old, new)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a stage after `step` steps: tensors, and values that JSON can hold."""

    step: int
    tensors: dict[str, Tensor]
    values: dict[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Save a checkpoint so that a crash at any moment leaves the one before it usable.

    Everything goes into a new folder under a temporary name, the manifest with all digests
    last; then it is renamed, and only then are older checkpoints deleted.
    """
    from fasterseg.tensors import save_tensors

    make_folder(folder)
    final = folder / f"step-{checkpoint.step:09d}"
    if final.exists():
        return final
    temporary = folder / f".{final.name}.tmp"
    tidy_checkpoints(folder)
    try:
        with writing(final):
            temporary.mkdir()
            save_tensors(temporary / "tensors.safetensors", checkpoint.tensors)
            durable_write(temporary / "values.json", json.dumps(checkpoint.values).encode())
            _write_manifest(temporary, checkpoint.step)
            temporary.rename(final)
            sync_folder(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    tidy_checkpoints(folder)
    return final


def tidy_checkpoints(folder: Path) -> None:
    """Delete half-written checkpoints, and all but the newest ones, half-deleted ones included."""
    for path in (*folder.glob(".step-*.tmp"), *_checkpoints(folder)[:-KEPT_CHECKPOINTS]):
        shutil.rmtree(path, ignore_errors=True)


def _write_manifest(folder: Path, step: int) -> None:
    files = {path.name: digest_of_file(path) for path in sorted(folder.iterdir())}
    content = {"schema": "fasterseg/checkpoint/1", "step": step, "files": files}
    content["digest"] = digest_of_value({"step": step, "files": files})
    durable_write(folder / "manifest.json", json.dumps(content, indent=1).encode())
    sync_folder(folder)


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*")) if folder.is_dir() else []


def load_checkpoint(folder: Path, *, warn: Warn = warn_on_stderr) -> Checkpoint | None:
    """The newest whole checkpoint in a folder, or None when there is none at all.

    A damaged one is passed over for the one before it, and `warn` is told; when all are damaged,
    `FileError`.
    """
    found = _checkpoints(folder)
    damaged: list[str] = []
    for path in reversed(found):
        try:
            checkpoint = _read_checkpoint(path)
        except FileError:
            damaged.append(path.name)
            continue
        if damaged:
            names = " and ".join(damaged)
            warn(f"{folder}: {names} is damaged and was passed over for {path.name}")
        return checkpoint
    if found:
        raise FileError(
            "no checkpoint here is whole",
            where=str(folder),
            why="their content does not have the digests in their manifests",
            next_step="delete the folder to start this stage anew",
        )
    return None


def _read_checkpoint(path: Path) -> Checkpoint:
    from fasterseg.tensors import load_tensors

    manifest = read_json(path / "manifest.json")
    try:
        step, files = int(manifest["step"]), dict(manifest["files"])
        whole = manifest["digest"] == digest_of_value({"step": step, "files": files})
        whole = whole and all(digest_of_file(path / name) == d for name, d in files.items())
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise FileError("not a whole checkpoint", where=str(path), why=str(error)) from error
    if not whole:
        raise FileError("not a whole checkpoint", where=str(path))
    tensors = load_tensors(path / "tensors.safetensors")
    return Checkpoint(step, tensors, read_json(path / "values.json"))
