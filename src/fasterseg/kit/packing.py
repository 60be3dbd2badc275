"""Kits written: a folder and the same as a zip, byte for byte alike for one recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fasterseg.kit.manifest import KitManifest


@dataclass(frozen=True, slots=True)
class PackedKit:
    """A kit that lies ready: its folder, the same as one file, and what is in it."""

    folder: Path
    zip: Path
    manifest: KitManifest
