"""Kits that lie ready: read back, with what only the machine that packed them reads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fasterseg.artifacts import first_fault
from fasterseg.errors import FileError
from fasterseg.foreign.links import require_within
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.foreign.strict_json import NotStrict, load_json
from fasterseg.kit.labels import inflated_labels
from fasterseg.kit.manifest import MANIFEST_FILE, KitManifest
from fasterseg.kit.measured import KitMeasured
from fasterseg.kit.packing import ARCHITECTURES, EXPECTED
from fasterseg.kit.writing import PackedKit, zip_of
from fasterseg.latency.networks import NetworkSpec
from fasterseg.space.architecture import Architecture

_PACK_AGAIN = "name the folder that fasterseg kit pack wrote, or pack the kit again"


def kit_of(folder: Path) -> PackedKit:
    """The kit in a folder; `FileError` where there is none."""
    require_within(folder, [MANIFEST_FILE, ARCHITECTURES, EXPECTED], what="kit's folder")
    try:
        manifest = KitManifest.load(folder / MANIFEST_FILE)
    except FileError as error:
        raise FileError(
            "there is no kit here", where=error.where, why=error.why, next_step=_PACK_AGAIN
        ) from error
    return PackedKit(folder, zip_of(folder), manifest)


def networks_of(kit: PackedKit) -> tuple[NetworkSpec, ...]:
    """The networks that calibrate a kit's blocks, in the kit's order; `FileError` for others."""
    told, wanted = (
        _read(kit, ARCHITECTURES),
        [key for group in kit.manifest.network_groups for key in group],
    )
    try:
        found = {key: Architecture.model_validate(told[key]) for key in wanted}
    except KeyError as error:
        raise _changed(kit, ARCHITECTURES, f"it lacks the network {error}") from error
    except ValidationError as error:
        raise _changed(kit, ARCHITECTURES, first_fault(error)) from error
    geometry = kit.manifest.target.geometry
    return tuple(NetworkSpec(architecture, geometry) for architecture in found.values())


def agreement_of(kit: PackedKit, measured: KitMeasured) -> Mapping[str, float]:
    """The share of pixels of a kit's images that each file labels on the device as it does here."""
    if not kit.manifest.images:
        return {}
    expected = _read(kit, EXPECTED)
    shares = {}
    for item in kit.manifest.labelled():
        there = measured.labels_of(item.key, kit.manifest)
        try:
            pairs = zip(expected[item.key], kit.manifest.images, strict=True)
            here = [inflated_labels(str(text), image) for text, image in pairs]
        except (KeyError, TypeError, ValueError) as error:
            raise _changed(kit, EXPECTED, str(error)) from error
        equal = sum(int((a == b).sum()) for a, b in zip(there, here, strict=True))
        shares[item.key] = equal / sum(labels.size for labels in here)
    return shares


def _read(kit: PackedKit, name: str) -> dict[str, Any]:
    """A JSON object among a kit's files, which is as it was packed."""
    path = kit.folder / name
    try:
        data = bytes_of(path)
        value = load_json(data)
    except (FileNotFoundError, NotStrict) as error:
        raise _changed(kit, name, str(error)) from error
    told = kit.manifest.files.get(name)
    if told is None or told.sha256 != hashlib.sha256(data).hexdigest():
        raise _changed(kit, name, "it does not have the digest that the manifest has for it")
    if not isinstance(value, dict):
        raise _changed(kit, name, "it is no JSON object")
    return value


def _changed(kit: PackedKit, name: str, why: str) -> FileError:
    return FileError(
        "a file of the kit was changed",
        where=str(kit.folder / name),
        why=why,
        next_step=_PACK_AGAIN,
    )
