"""A kit as it is written: file by file into a folder, and that folder as a zip.

One recipe gives the same bytes each time: no file of a kit has a time, and none tells of a machine.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from fasterseg.config import runtime_named
from fasterseg.durable import sync_folder, writing
from fasterseg.kit.graphs import KitGraph
from fasterseg.kit.instructions import instructions
from fasterseg.kit.manifest import MANIFEST_FILE, Item, KitManifest, PackedFile, PackedImage, Role
from fasterseg.kit.page import page_files
from fasterseg.latency.table import Target
from fasterseg.scratch import scratch_folder

README, RUNNER = "README.txt", "run.py"
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The first time that a zip can tell."""
_PLAIN_FILE = 0o644 << 16


@dataclass(frozen=True, slots=True)
class PackedKit:
    """A kit that lies ready: its folder, the same as one file, and what is in it."""

    folder: Path
    zip: Path
    manifest: KitManifest


@dataclass
class KitFolder:
    """A kit as it grows: the files that are there, and the items that name them."""

    folder: Path
    items: dict[str, Item] = field(default_factory=dict)
    files: dict[str, PackedFile] = field(default_factory=dict)
    images: list[PackedImage] = field(default_factory=list)
    _drawn: dict[str, Item] = field(default_factory=dict)

    def add(self, key: str, role: Role, draw: Callable[[], KitGraph], *, same: str = "") -> None:
        """Add a graph under a key that no other has; what is the `same` has one file."""
        known = self._drawn.get(same) if same else None
        if known is None:
            graph, name = draw(), f"graphs/{len(self.files):04}.onnx"
            self.write(name, graph.model)
            known = Item(key=key, role=role, file=name, inputs=graph.inputs)
            self._drawn[same or key] = known
        self.items[key] = known.model_copy(update={"key": key})

    def read(self, name: str) -> bytes:
        """A file of the kit, as it was written."""
        return (self.folder / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """Write a file of the kit."""
        path = self.folder / name
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self.files[name] = PackedFile(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))


@contextmanager
def growing(into: Path) -> Iterator[KitFolder]:
    """A folder beside the place where a kit is to lie; what is not finished is removed."""
    with scratch_folder(into.parent, f".{into.name}.") as folder:
        yield KitFolder(folder / "kit")


def zip_of(folder: Path) -> Path:
    """Where the zip of a kit lies: beside its folder."""
    return folder.with_name(f"{folder.name}.zip")


def finished(kit: KitFolder, into: Path, **content: Any) -> PackedKit:
    """The kit with its runner, what to type, and the manifest of all; it takes its place whole.

    Raises `EnvironmentFault` where the disk refuses, and as `page_files` does.
    """
    told = {**content, "items": tuple(kit.items.values()), "images": tuple(kit.images)}
    for name, data in _runner_of(told["target"]).items():
        kit.write(name, data)
    kit.write(README, instructions(told).encode())
    manifest = KitManifest.model_validate({**told, "files": dict(sorted(kit.files.items()))})
    (kit.folder / MANIFEST_FILE).write_bytes(manifest.to_bytes())
    archive = zip_of(into)
    with writing(archive):
        _zipped(kit.folder, kit.folder.with_name("kit.zip")).replace(archive)
    with writing(into):
        shutil.rmtree(into, ignore_errors=True)
        kit.folder.replace(into)
        sync_folder(into.parent)
    return PackedKit(into, archive, manifest)


def _runner_of(target: Target) -> dict[str, bytes]:
    """What measures the kit, by the names of its files: a page with its runtime, or one script."""
    if runtime_named(target.backend).is_web:
        return page_files()
    return {RUNNER: files("fasterseg.kit").joinpath("runners", RUNNER).read_bytes()}


def _zipped(folder: Path, archive: Path) -> Path:
    """All files of a folder in a zip, below a folder of that name."""
    with ZipFile(archive, "w") as writer:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            info = ZipInfo(f"kit/{path.relative_to(folder).as_posix()}", LONG_AGO)
            info.compress_type, info.external_attr = ZIP_DEFLATED, _PLAIN_FILE
            writer.writestr(info, path.read_bytes(), compresslevel=9)
    return archive
