"""The authors' released weights under the names of this package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from fasterseg.errors import FileError
from fasterseg.layers.parts import parts_of
from fasterseg.network.description import NetworkDescription
from fasterseg.network.network import module_name
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import BlockSpec, Size

UNUSED = "ffm.channel_attention."
CLASSES_OF = "heads8.conv_1x1.bias"
MOST_CLASSES = 1000
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
    for a tensor that is missing, of another shape or type, not finite, or left over.
    """
    tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    classes = _classes(_tensor(tensors, CLASSES_OF, where), where)
    wanted = _wanted(architecture, classes)
    found: dict[str, Tensor] = {}
    used: set[str] = set()
    differing: set[str] = set()
    for theirs, ours in _names(architecture, classes):
        tensor = _tensor(tensors, theirs, where)
        _require_fit(theirs, tensor, wanted[ours], where)
        used.add(theirs)
        if ours in found and not torch.equal(found[ours], tensor):
            differing.add(theirs)
        found[ours] = tensor
    idle = {name for name in tensors if name.startswith(UNUSED)}
    left = sorted(tensors.keys() - used - idle)
    if left:
        raise _no_weights(where, f"{len(left)} tensors have no place in it, {left[0]} first")
    unused = sum(tensors[name].numel() for name in idle if name.endswith("conv.weight"))
    return Weights(found, classes, unused, tuple(sorted(differing)))


def _classes(bias: Tensor, where: str) -> int:
    """How many classes a head has, by its last bias."""
    if bias.ndim != 1 or not 1 <= len(bias) <= MOST_CLASSES:
        why = f"{CLASSES_OF} is {tuple(bias.shape)}, and one number for each class is needed"
        raise _no_weights(where, why)
    return len(bias)


def _wanted(architecture: Architecture, classes: int) -> dict[str, Tensor]:
    """Tensors like those of the network, with any numbers.

    On the device "meta" they would need none; what PyTorch imports to draw none takes longer.
    """
    return (
        NetworkDescription(classes=classes, architecture=architecture).build_seeded(0).state_dict()
    )


def _require_fit(name: str, found: Tensor, wanted: Tensor, where: str) -> None:
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        raise _no_weights(
            where,
            f"{name} is {found.dtype} {tuple(found.shape)}, "
            f"not {wanted.dtype} {tuple(wanted.shape)}",
        )
    if found.is_floating_point() and not bool(torch.isfinite(found).all()):
        raise _no_weights(where, f"{name} holds NaN or infinity")


def _no_weights(where: str, why: str) -> FileError:
    return FileError(
        "these weights belong to another network than the architecture, or are damaged",
        where=where,
        why=why,
        next_step="name the weights and the architecture of one role, as the authors wrote them",
    )


def _tensor(tensors: Mapping[str, Tensor], name: str, where: str) -> Tensor:
    if name not in tensors:
        raise _no_weights(where, f"{name} is not among them")
    return tensors[name]


def _names(architecture: Architecture, classes: int) -> Iterator[tuple[str, str]]:
    """Each tensor's name with the authors and with us."""
    wiring = wire(architecture, Geometry(_ANY.size, classes))
    kinds = {step.name: step.spec for step in (*wiring.steps, *wiring.auxiliary)}
    for theirs, step in _blocks(architecture):
        spec = kinds[step]
        if spec.is_identity:
            continue
        names = _UNITS.get(theirs) or _UNITS.get(spec.kind, {})
        for unit, tensors in _units(spec):
            their_unit = names.get(unit, unit.replace("norm", "bn"))
            for part in tensors:
                yield (
                    f"{theirs}.{their_unit}.{part}",
                    f"blocks.{module_name(step)}.block.{unit}.{part}",
                )


_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def _units(spec: BlockSpec) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The units of a block, and what each of them holds."""
    for part in parts_of(spec.row.layers(spec.stride)):
        for name, conv in part.convolutions:
            yield name, ("weight", "bias") if conv.form.bias else ("weight",)
        yield from ((norm, _NORM) for norm in part.norms)


def _blocks(architecture: Architecture) -> Iterator[tuple[str, str]]:
    """Each block's name with the authors, and the step that it is with us."""
    yield from (("stem.0", "stem.0"), ("stem.1", "stem.1"), ("stem.2", "stem.2"))
    cells = wire(architecture, _ANY).cells
    for branch, names in enumerate(cells):
        yield from ((f"cells.{layer}-{branch}._op._op", name) for layer, name in enumerate(names))
    yield from ((f"heads{stride}", f"auxiliary.{stride}") for stride in (32, 16))
    yield from (("heads8", "head"), ("ffm.conv_1x1", "fusion.fuse"))
    for part, step in (("arms", "arm"), ("refines", "join")):
        yield f"{part}32.0", f"fusion.32.{step}.16"
        yield f"{part}32.1", f"fusion.32.{step}.8"
        yield f"{part}16", f"fusion.16.{step}.8"


_IN_TURN = {"conv1": "conv.0", "norm1": "conv.1"}
_HEAD = {"conv1": "conv_3x3.conv", "norm1": "conv_3x3.bn", "conv2": "conv_1x1"}
_UNITS: Mapping[str, Mapping[str, str]] = {
    "stem.0": _IN_TURN,
    "arm": _IN_TURN,
    "concatenate": _IN_TURN,
    "head": _HEAD,
    "auxiliary": _HEAD,
    "fuse": {"conv1": "conv", "norm1": "bn"},
    "skip": {"norm1": "bn"},
}
"""Their names of units, where they are not ours with ``bn`` for ``norm``, by block or kind."""
