"""The checkpoints of a stage: saved so that a crash leaves a whole one, read by their digests."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasterseg.artifacts import digest_of_file, digest_of_value, read_json
from fasterseg.durable import durable_write, make_folder, sync_folder, writing
from fasterseg.errors import FileError
from fasterseg.events import Warn, warn_on_stderr

if TYPE_CHECKING:
    from torch import Tensor

KEPT_CHECKPOINTS = 2
_SCHEMA = "fasterseg/checkpoint/1"
_TENSORS, _VALUES = "tensors.safetensors", "values.json"
_FILES = {_TENSORS, _VALUES}
"""All that a manifest may name."""
_NAME = re.compile(r"step-\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a stage after `step` steps: tensors, and values that JSON can hold."""

    step: int
    tensors: dict[str, Tensor]
    values: dict[str, Any]


def checkpoints_in(folder: Path) -> list[Path]:
    """The folders of checkpoints, by their steps; none where there is no such folder."""
    found = sorted(folder.glob("step-*")) if folder.is_dir() else []
    return [path for path in found if _NAME.fullmatch(path.name) and not path.is_symlink()]


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
            save_tensors(temporary / _TENSORS, checkpoint.tensors)
            durable_write(temporary / _VALUES, json.dumps(checkpoint.values).encode())
            _write_manifest(temporary, checkpoint.step)
            temporary.rename(final)
            sync_folder(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    tidy_checkpoints(folder)
    return final


def tidy_checkpoints(folder: Path) -> None:
    """Delete half-written checkpoints, and all but the newest ones, half-deleted ones included."""
    for path in (*folder.glob(".step-*.tmp"), *checkpoints_in(folder)[:-KEPT_CHECKPOINTS]):
        shutil.rmtree(path, ignore_errors=True)


def _write_manifest(folder: Path, step: int) -> None:
    files = {path.name: digest_of_file(path) for path in sorted(folder.iterdir())}
    content = {"schema": _SCHEMA, "step": step, "files": files}
    content["digest"] = digest_of_value({"step": step, "files": files})
    durable_write(folder / "manifest.json", json.dumps(content, indent=1).encode())
    sync_folder(folder)


def load_checkpoint(folder: Path, *, warn: Warn = warn_on_stderr) -> Checkpoint | None:
    """The newest whole checkpoint in a folder, or None when there is none at all.

    A damaged one is passed over for the one before it, and `warn` is told; when all are damaged,
    `FileError`.
    """
    found = checkpoints_in(folder)
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
        whole = whole and set(files) == _FILES and manifest.get("schema") == _SCHEMA
        whole = whole and all(digest_of_file(path / name) == d for name, d in files.items())
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise FileError("not a whole checkpoint", where=str(path), why=str(error)) from error
    if not whole:
        raise FileError("not a whole checkpoint", where=str(path))
    values = read_json(path / _VALUES)
    if not isinstance(values, dict):
        raise FileError("not a whole checkpoint", where=str(path), why="its values have no names")
    return Checkpoint(step, load_tensors(path / _TENSORS), values)
