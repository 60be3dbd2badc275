"""What becomes of a file of ours when one bit of it flips, by the reader that opens it.

Every kind of file that is written and opened again is found in a run's folder, by its name or by
the schema that it carries, and is read here by what reads it there.
"""

from __future__ import annotations

import json
import pkgutil
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import fasterseg
from fasterseg.artifacts import Artifact
from fasterseg.checkpoints import load_checkpoint
from fasterseg.deploy.runtimes.onnx import files as onnx_files
from fasterseg.deploy.runtimes.openvino import files as openvino_files
from fasterseg.deploy.runtimes.programs import torch_program
from fasterseg.errors import FastersegError
from fasterseg.events import EventLog
from fasterseg.latency.entries_file import EntriesFile
from fasterseg.network.bundle import ModelBundle
from fasterseg.searching.beginnings.kept_supernet import kept_weights
from fasterseg.stage_folders import SupernetFolder

NOTICED, EQUAL, SILENT, BUG = "noticed", "equal in content", "silently different", "a bug"


class Noticed(Exception):
    """A reader said that something is damaged, and did without it."""


@dataclass(frozen=True)
class Kind:
    """Files of one kind: all of them lie in one folder, and `read` gives what they say."""

    name: str
    files: tuple[Path, ...]
    read: Callable[[], Any]


def kinds_in(root: Path) -> Iterator[Kind]:
    """One example of each kind in a folder, in the order of their names."""
    found: dict[str, Kind] = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        for kind in _kinds_of(path):
            found.setdefault(kind.name, kind)
    yield from (found[name] for name in sorted(found))


def outcomes(kind: Kind, flips: int, seed: int = 0) -> Counter[str]:
    """What came of so many flips, each of one bit of one of the files; they are whole afterwards.

    Every file gets its share: half of the flips are drawn file by file, half byte by byte.
    """
    dice, counted = random.Random(seed), Counter[str]()
    wanted = kind.read()
    wholes = {path: path.read_bytes() for path in kind.files}
    sizes = [len(data) for data in wholes.values()]
    for index in range(flips):
        weights = sizes if index % 2 else None
        (path,) = dice.choices([*wholes], weights)
        whole = wholes[path]
        flipped = bytearray(whole)
        place = dice.randrange(8 * len(whole))
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        counted[_outcome(kind, wanted)] += 1
        path.write_bytes(whole)
    return counted


def _outcome(kind: Kind, wanted: Any) -> str:
    try:
        found = kind.read()
    except (FastersegError, Noticed):
        return NOTICED
    except Exception as error:
        print(f"{kind.name}: {type(error).__name__}: {error}"[:300])
        return BUG
    return EQUAL if _same(found, wanted) else SILENT


def _same(one: Any, other: Any) -> bool:
    """Whether two readings say the same: tensors to the bit."""
    if hasattr(one, "dtype"):
        return one.dtype == other.dtype and one.shape == other.shape and one.equal(other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)


# ---- the kinds ----------------------------------------------------------------------------------


def _kinds_of(path: Path) -> Iterator[Kind]:
    """The kind that a file is of, or the first file of a kind that has several."""
    if path.name == "manifest.json":
        yield _bundle(path.parent) if (path.parent / "card.json").is_file() else _checkpoint(path)
    elif path.name == "facts.json":
        folder = SupernetFolder(path.parent)
        yield Kind("kept supernet", (path, folder.weights), lambda: kept_weights(folder))
    elif path.name == "events.jsonl":
        yield Kind(f"log of {path.parent.name}", (path,), lambda: _events(path))
    elif path.suffix == ".jsonl":
        conditions = json.loads(path.read_bytes().partition(b"\n")[0])["conditions"]
        yield Kind(f"journal {path.name}", (path,), lambda: _journal(path, conditions))
    elif path.suffix in (".onnx", ".pt2", ".xml"):
        files = [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]
        yield Kind(f"exported {path.suffix}", tuple(files), lambda: _export(path))
    elif path.suffix == ".json" and (kind := _artifact(path)) is not None:
        yield kind


def _bundle(folder: Path) -> Kind:
    def read() -> Any:
        found = ModelBundle.load(folder)
        return {"description": found.description, "card": found.card, **found.tensors}

    files = tuple(sorted(path for path in folder.iterdir() if path.is_file()))
    return Kind("bundle", files, read)


def _checkpoint(manifest: Path) -> Kind:
    def read() -> Any:
        found = load_checkpoint(manifest.parent.parent, warn=_notice)
        assert found is not None
        return {"step": found.step, "values": found.values, **found.tensors}

    newest = sorted(manifest.parent.parent.glob("step-*"))[-1]
    return Kind("checkpoint", tuple(sorted(newest.iterdir())), read)


def _events(path: Path) -> Any:
    log = EventLog(path)
    found = log.events()
    if log.damaged_lines():
        raise Noticed
    return found


def _journal(path: Path, conditions: dict[str, Any]) -> Any:
    whole = path.read_bytes()
    try:
        return EntriesFile(path).open(conditions, warn=_notice)
    finally:
        path.write_bytes(whole)  # half a line is cut off


def _export(path: Path) -> Any:
    """What a file is opened as, before anything of it runs."""
    if path.suffix == ".onnx":
        return onnx_files.looked_at(path)
    if path.suffix == ".xml":
        return openvino_files.looked_at(path)[1:]
    torch_program.read(path)
    return path.read_bytes()  # no two files say the same that both have the right seal


def _artifact(path: Path) -> Kind | None:
    try:
        schema = json.loads(path.read_bytes()).get("schema")
    except (ValueError, AttributeError):
        return None
    made = next((kind for kind in _artifacts() if schema == kind.schema_tag), None)
    return None if made is None else Kind(schema, (path,), lambda: made.load_made(path))


def _notice(_said: str) -> None:
    raise Noticed


@cache
def _artifacts() -> tuple[type[Artifact], ...]:
    """Every kind of JSON file that the package writes."""
    for module in pkgutil.walk_packages(fasterseg.__path__, "fasterseg."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    found: list[type[Artifact]] = []
    waiting = [*Artifact.__subclasses__()]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        found += [kind] if hasattr(kind, "schema_tag") else []
    return tuple(found)
