"""The authors' released weights under the names of this package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from fasterseg.errors import FileError
from fasterseg.network.network import module_name
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import Size
from fasterseg.space.kinds import Kind

UNUSED = "ffm.channel_attention."
_ANY = Geometry(Size(64, 64), 1)


@dataclass(frozen=True, slots=True)
class Weights:
    """The tensors of a network of ours, and how many numbers of the authors' file nothing uses.

    `differing` names second copies of shared tensors that are not equal to the first.
    """

    tensors: dict[str, Tensor]
    classes: int
    unused: int
    differing: tuple[str, ...] = ()


def convert_weights(
    architecture: Architecture, content: Mapping[str, object], *, where: str
) -> Weights:
    """The authors' weights under our names.

    A cell that both branches share lies in their file twice, under two names.  Where the two
    differ, the second counts, as it does when their own code loads the file.  Raises `FileError`
    for a tensor that is missing, of another shape, or left over.
    """
    tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    classes = len(_tensor(tensors, "heads8.conv_1x1.bias", where))
    found: dict[str, Tensor] = {}
    used: set[str] = set()
    differing: set[str] = set()
    for theirs, ours in _names(architecture, classes):
        tensor = _tensor(tensors, theirs, where)
        used.add(theirs)
        if ours in found and not torch.equal(found[ours], tensor):
            differing.add(theirs)
        found[ours] = tensor
    idle = {name for name in tensors if name.startswith(UNUSED)}
    left = sorted(tensors.keys() - used - idle)
    if left:
        raise FileError(
            "these weights belong to another network than the architecture",
            where=where,
            why=f"{len(left)} tensors have no place in it, {left[0]} first",
            next_step="name the weights and the architecture of one role",
        )
    unused = sum(tensors[name].numel() for name in idle if name.endswith("conv.weight"))
    return Weights(found, classes, unused, tuple(sorted(differing)))


def _tensor(tensors: Mapping[str, Tensor], name: str, where: str) -> Tensor:
    if name not in tensors:
        raise FileError(
            "these weights belong to another network than the architecture",
            where=where,
            why=f"{name} is not among them",
            next_step="name the weights and the architecture of one role",
        )
    return tensors[name]


def _names(architecture: Architecture, classes: int) -> Iterator[tuple[str, str]]:
    """Each tensor's name with the authors and with us."""
    wiring = wire(architecture, Geometry(_ANY.size, classes))
    kinds = {step.name: step.spec for step in (*wiring.steps, *wiring.auxiliary)}
    for theirs, step in _blocks(architecture):
        spec = kinds[step]
        if spec.is_identity:
            continue
        for their_unit, our_unit in _units(spec.kind, strided=spec.stride == 2, stem=theirs):
            parts: tuple[str, ...] = _CONV if our_unit.startswith("conv") else _NORM
            if spec.kind in ("head", "auxiliary") and our_unit == "conv2":
                parts = (*_CONV, "bias")
            for part in parts:
                yield (
                    f"{theirs}.{their_unit}.{part}",
                    f"blocks.{module_name(step)}.block.{our_unit}.{part}",
                )


_CONV = ("weight",)
_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def _blocks(architecture: Architecture) -> Iterator[tuple[str, str]]:
    """Each block's name with the authors, and the step that it is with us."""
    yield from (("stem.0", "stem.0"), ("stem.1", "stem.1"), ("stem.2", "stem.2"))
    cells = wire(architecture, _ANY).cells
    for branch, names in enumerate(cells):
        yield from ((f"cells.{layer}-{branch}._op._op", name) for layer, name in enumerate(names))
    yield from ((f"heads{stride}", f"auxiliary.{stride}") for stride in (32, 16))
    yield from (("heads8", "head"), ("ffm.conv_1x1", "fusion.fuse"))
    for part, step in (("arms", "arm"), ("refines", "refine")):
        yield f"{part}32.0", f"fusion.32.{step}.16"
        yield f"{part}32.1", f"fusion.32.{step}.8"
        yield f"{part}16", f"fusion.16.{step}.8"


def _units(kind: Kind, *, strided: bool, stem: str) -> tuple[tuple[str, str], ...]:
    """Convolutions and norms of a block, with the authors and with us."""
    match kind:
        case "head" | "auxiliary":
            return ("conv_3x3.conv", "conv1"), ("conv_3x3.bn", "norm1"), ("conv_1x1", "conv2")
        case "fuse":
            return ("conv", "conv1"), ("bn", "norm1")
        case "arm" | "refine":
            return ("conv.0", "conv1"), ("conv.1", "norm1")
        case "conv" if stem == "stem.0":
            return ("conv.0", "conv1"), ("conv.1", "norm1")
        case "skip" if strided:
            return ("conv1", "conv1"), ("conv2", "conv2"), ("bn", "norm1")
        case "skip":
            return ("conv1", "conv1"), ("bn", "norm1")
        case "conv_x2" | "zoomed_conv_x2":
            return (
                ("conv1", "conv1"),
                ("bn1", "norm1"),
                ("conv2", "conv2"),
                ("bn2", "norm2"),
            )
        case _:
            return ("conv1", "conv1"), ("bn1", "norm1")
