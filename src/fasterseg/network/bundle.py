"""The model bundle: a trained network as a folder that explains itself.

description.json     the architecture or the baseline's name, and the number of classes
weights.safetensors  its tensors; the description's digest is in the file's metadata, and there
                     the storage too, where kernels are kept in half precision
card.json            label space, normalisation, training facts, scores
manifest.json        the digests of the three, written last
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_bytes
from torch import Tensor, nn

from fasterseg.artifacts import digest_of_file, digest_of_value, read_json
from fasterseg.durable import durable_write, make_folder, sync_folder, writing
from fasterseg.errors import Diverged, FileError, UsageError
from fasterseg.foreign.links import require_within
from fasterseg.foreign.opened_files import reading, require_file
from fasterseg.network.card import Card
from fasterseg.network.description import BaselineBuilder, NetworkDescription
from fasterseg.space.architecture import Geometry, wire
from fasterseg.space.blocks import Size
from fasterseg.stage_folders import CARD, DESCRIPTION, MANIFEST, WEIGHTS

_FILES = (DESCRIPTION, WEIGHTS, CARD)
_SCHEMA = "fasterseg/bundle/1"
Storage = Literal["float32", "float16"]
"""What kernels are kept in; a loaded bundle has float32 in either case."""
_REFINE = re.compile(r"blocks\.fusion_(\d+)_refine_(\d+)\.")
_RESTORE = "restore the folder from a backup, or train the network again"
_BUILT_ANYWAY = 1 << 24
"""Numbers of a network that take so little memory that what is missing can be named."""


@dataclass(frozen=True, slots=True)
class ModelBundle:
    """A network's description, its weights with those of the auxiliary heads, and its card."""

    description: NetworkDescription
    tensors: Mapping[str, Tensor]
    card: Card

    def save(self, folder: Path, *, replace: bool = False, storage: Storage = "float32") -> Path:
        """Write the bundle so that the folder is whole or absent at any moment; return it.

        A folder that exists raises `UsageError` unless `replace` is given.  Weights that are not
        finite raise `Diverged`, and what is too large for the storage `UsageError`; the folder
        stays as it was.
        """
        if folder.exists() and not replace:
            raise UsageError(
                "there is something of this name already",
                where=str(folder),
                next_step="choose another folder, or delete this one",
            )
        temporary = folder.with_name(f".{folder.name}.tmp")
        _remove(temporary)
        try:
            make_folder(temporary)
            self._write(temporary, storage)
            with writing(folder):
                _put_in_place(temporary, folder)
        finally:
            _remove(temporary)
        return folder

    def _write(self, folder: Path, storage: Storage) -> None:
        self.description.save(folder / DESCRIPTION)
        self.card.save(folder / CARD)
        digest = self.description.digest()
        stored = _in_half(self.tensors) if storage == "float16" else self.tensors
        data = _weight_bytes(stored, description=digest, storage=storage)
        durable_write(folder / WEIGHTS, data)
        files = {name: digest_of_file(folder / name) for name in _FILES}
        manifest = {"schema": _SCHEMA, "files": files, "digest": digest_of_value(files)}
        durable_write(folder / MANIFEST, json.dumps(manifest, indent=1).encode() + b"\n")

    @classmethod
    def load(cls, folder: Path) -> ModelBundle:
        """Read a bundle; anything missing, changed or foreign raises `FileError`."""
        _verify(folder)
        description = NetworkDescription.load(folder / DESCRIPTION)
        tensors = _read_weights(folder / WEIGHTS, description=description.digest())
        card = Card.load(folder / CARD)
        _require_its_classes(card, description, folder)
        return cls(description, _in_present_names(tensors, description), card)

    def network(
        self, *, baselines: Mapping[str, BaselineBuilder] | None = None, where: str = "the bundle"
    ) -> nn.Module:
        """The network with these weights and all its heads, in evaluation mode.

        Names and shapes must be exactly the network's own, else `FileError`: nothing that fits
        is picked out, nothing stays random.
        """
        _require_enough(self.tensors, self.description, where)
        network = self.description.build_seeded(0, baselines=baselines)
        _require_same(self.tensors, network.state_dict(), where)
        network.load_state_dict(dict(self.tensors))
        return network.eval()


def bundle_digest(folder: Path) -> str:
    """The digest that stands for the whole bundle: of its files' digests."""
    return str(_manifest(folder)["digest"])


def weights_digest(folder: Path) -> str:
    """The digest of the weights' file, which also names the description: what a network *is*."""
    return str(_manifest(folder)["files"][WEIGHTS])


def _require_its_classes(card: Card, description: NetworkDescription, folder: Path) -> None:
    if card.label_space.classes != description.classes:
        raise FileError(
            "the card is another network's",
            where=str(folder / CARD),
            why=f"it names {card.label_space.classes} classes, and the network tells "
            f"{description.classes} apart",
            next_step="copy the bundle again from where it was made",
        )


def _put_in_place(temporary: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.old")
    _remove(old)  # of a process that was killed in the next lines
    if folder.exists():
        folder.rename(old)
    try:
        temporary.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    # Both names are safe before anything of the old one goes: a power cut leaves no half of it.
    sync_folder(folder.parent)
    _remove(old)


def _remove(folder: Path) -> None:
    """Remove a folder with all that is in it; of a link the link alone."""
    if folder.is_symlink():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _in_half(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The kernels in half precision, all else as it is.

    What has one value for each channel (statistics, scales, biases) takes no room, and variances
    of 1e-8 would be 0 in float16.  Raises `UsageError` for a value that it cannot hold.
    """
    stored = {}
    for name, tensor in tensors.items():
        halves = tensor.dtype == torch.float32 and tensor.dim() > 1
        stored[name] = tensor.half() if halves else tensor
        if not bool((torch.isfinite(stored[name]) | ~torch.isfinite(tensor)).all()):
            raise UsageError(
                "refused to store a weight that float16 cannot hold",
                where=name,
                why=f"it has {float(tensor.abs().max()):g}, and float16 ends at 65504",
                next_step="store the bundle in float32",
            )
    return stored


def _weight_bytes(tensors: Mapping[str, Tensor], *, description: str, storage: Storage) -> bytes:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise Diverged(
                "refused to save weights that are not finite",
                where=name,
                why="the training diverged, or a batch norm was never calibrated",
                next_step="lower the learning rate and train again",
            )
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    kept = {} if storage == "float32" else {"storage": storage}
    return save_bytes(contiguous, metadata={"description": description, **kept})


def _manifest(folder: Path) -> dict[str, Any]:
    if not (folder / MANIFEST).is_file():
        raise FileError(
            "not a model bundle",
            where=str(folder),
            why=f"it has no {MANIFEST}",
            next_step="name a trained network's folder: training/student/best in a run",
        )
    manifest = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("schema") != _SCHEMA:
        raise FileError(
            "not a model bundle of this version",
            where=str(folder / MANIFEST),
            why=f"its manifest does not say {_SCHEMA}",
            next_step=_RESTORE,
        )
    files = manifest.get("files")
    sound = isinstance(files, dict) and set(files) == set(_FILES)
    if not sound or manifest.get("digest") != digest_of_value(files):
        raise FileError(
            "the bundle's manifest is damaged",
            where=str(folder / MANIFEST),
            why="its list of files does not have the digest that it carries",
            next_step=_RESTORE,
        )
    return manifest


def _verify(folder: Path) -> None:
    require_within(folder, (MANIFEST, *_FILES), what="model bundle")
    for name, digest in _manifest(folder)["files"].items():
        if not (folder / name).is_file():
            raise FileError(
                "a file of the bundle is missing",
                where=str(folder / name),
                why="the manifest lists it",
                next_step=_RESTORE,
            )
        if digest_of_file(folder / name) != digest:
            raise FileError(
                "the bundle was changed after it was written",
                where=str(folder / name),
                why="the file does not have the digest in the manifest",
                next_step=_RESTORE,
            )


def _read_weights(path: Path, *, description: str) -> dict[str, Tensor]:
    try:
        require_file(path)
        with reading(path), safe_open(path, framework="pt") as weights:
            told = weights.metadata() or {}
            tensors = {name: weights.get_tensor(name) for name in weights.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise FileError(
            "not a readable safetensors file", where=str(path), why=str(error)
        ) from error
    owner = told.get("description")
    if owner != description:
        raise FileError(
            "these weights belong to another network",
            where=str(path),
            why=f"they carry the description {owner}, the bundle has {description}",
            next_step=_RESTORE,
        )
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise FileError(
                "these weights are not finite",
                where=str(path),
                why=f"{name} holds NaN or infinity, which no training here saves",
                next_step=_RESTORE,
            )
    if told.get("storage") == "float16":
        return {name: t.float() if t.dtype == torch.float16 else t for name, t in tensors.items()}
    return tensors


def _in_present_names(
    tensors: Mapping[str, Tensor], description: NetworkDescription
) -> dict[str, Tensor]:
    """The tensors, those of joins by that name: where nothing refines, it was theirs."""
    architecture = description.architecture
    if architecture is None:
        return dict(tensors)

    def present(name: str) -> str:
        found = _REFINE.match(name)
        if found is None or f"fusion.{found[1]}.refine.{found[2]}" in architecture.kinds:
            return name
        return f"blocks.fusion_{found[1]}_join_{found[2]}.{name[found.end() :]}"

    return {present(name): tensor for name, tensor in tensors.items()}


def _require_enough(
    found: Mapping[str, Tensor], description: NetworkDescription, where: str
) -> None:
    """Raise where the weights are far fewer than the network's: it may be too large to build."""
    if description.architecture is None:
        return
    wiring = wire(description.architecture, Geometry(Size(64, 64), description.classes))
    wanted = sum(step.spec.parameters for step in (*wiring.steps, *wiring.auxiliary))
    held = sum(tensor.numel() for tensor in found.values())
    if wanted > held + _BUILT_ANYWAY:
        raise FileError(
            "the weights do not fit the network",
            where=where,
            why=f"they are {held:,} numbers, and the network has {wanted:,}",
            next_step=_RESTORE,
        )


def _require_same(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], where: str) -> None:
    for name in sorted(found.keys() ^ wanted.keys()):
        state = "is not in the weights" if name in wanted else "is not in the network"
        raise FileError("the weights do not fit the network", where=where, why=f"{name} {state}")
    for name, tensor in wanted.items():
        stored = found[name]
        if stored.shape != tensor.shape or stored.dtype != tensor.dtype:
            raise FileError(
                "the weights do not fit the network",
                where=where,
                why=f"{name} is {stored.dtype} {tuple(stored.shape)}, "
                f"not {tensor.dtype} {tuple(tensor.shape)}",
            )
