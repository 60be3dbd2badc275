"""The supernet: every candidate of the space in one network.

(*search space with multi-resolution branching*; *continuous relaxation*)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Self, TypeVar

import torch
from torch import Tensor, nn

from fasterseg.errors import FastersegError
from fasterseg.layers.blocks import Block, Form
from fasterseg.layers.building import slimmable_block
from fasterseg.layers.units import State
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import Size
from fasterseg.space.input_scale import RESCALE
from fasterseg.space.kinds import Kind
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.space.placements import Placement
from fasterseg.supernet.computation import Computation
from fasterseg.supernet.folded import FoldedComputation
from fasterseg.supernet.forward import Forward
from fasterseg.supernet.relaxation import Relaxation
from fasterseg.supernet.walk import Walk

# Only channels matter to the modules, so any size will do for wiring them.
ANY_SIZE = Size(64, 64)

Net = TypeVar("Net", bound=nn.Module)


class Supernet(nn.Module):
    """Slimmable blocks at every slot of the lattice; run with a relaxation.

    It normalises by the batch's own statistics and keeps none, so it cannot be put into
    evaluation mode: take a subnet, and score that.
    It holds what some of the contenders can use (without any: what the space allows to anybody),
    and no more, so that every tensor in it can be trained.
    """

    def __init__(
        self, lattice: Lattice, classes: int, *, contenders: Sequence[Options] = ()
    ) -> None:
        super().__init__()
        self.lattice = lattice
        self.classes = classes
        self.contenders = tuple(contenders) or (Options.of_space(lattice.space),)
        self.walk = Walk(lattice, classes)
        self.blocks = nn.ModuleDict(
            {
                _key(name, kind): slimmable_block(kind, forms=forms, stride=places[0].slot.stride)
                for name, places in self.walk.blocks().items()
                for kind, forms in self._forms(places).items()
            }
        )

    def train(self, mode: bool = True) -> Self:
        """Training mode only; see the class."""
        if not mode:
            raise FastersegError(
                "a supernet cannot be evaluated",
                why="its batch-norm statistics mix all widths and are right for none",
                next_step="cut out a subnet, recalibrate it, and score that",
            )
        return super().train(mode)

    def forward(
        self, images: Tensor, relaxation: Relaxation, computation: Computation | None = None
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """Main logits and auxiliary ones by stride, each at its head's own size.

        `images` are (batch, 3, height, width), normalised.  `computation` is how the blocks are
        computed, by default fast; it changes nothing in the result.
        """
        known = computation or FoldedComputation()
        return Forward(self.walk, self.block, relaxation, known)(images)

    def block(self, name: str, kind: Kind) -> Block:
        """The slimmable block of a kind at a slot."""
        block = self.blocks[_key(name, kind)]
        assert isinstance(block, Block)
        return block

    def subnet(self, architecture: Architecture, build: Callable[[Architecture, int], Net]) -> Net:
        """The network of an architecture, cut out, on the supernet's device.

        `build` makes it from the architecture and the number of classes.  Its batch-norm statistics
        are not numbers until they are measured (`fasterseg.supernet.calibrating`).
        """
        network = build(architecture, self.classes).to(next(self.parameters()).device)
        network.load_state_dict(self._sliced_state(architecture))
        return network

    def holds(self, architecture: Architecture, build: Callable[[Architecture, int], Net]) -> bool:
        """Whether `subnet` could cut out an architecture: this has all its blocks and widths."""
        with torch.device("meta"):
            wanted = build(architecture, self.classes).state_dict()
        try:
            found = self._sliced_state(architecture)
        except KeyError:
            return False
        return {name: tensor.shape for name, tensor in found.items()} == {
            name: tensor.shape for name, tensor in wanted.items()
        }

    def _sliced_state(self, architecture: Architecture) -> State:
        """The state of the network that an architecture describes."""
        wiring = wire(architecture, Geometry(ANY_SIZE, self.classes))
        branches = [branch.stride for branch in architecture.branches]
        state: State = {}
        for step in (*wiring.steps, *wiring.auxiliary):
            if not step.spec.is_identity and step.name != RESCALE:
                block = self.block(self.walk.block_name(step.placement, branches), step.spec.kind)
                part = block.sliced_state(step.spec.in_channels, step.spec.out_channels)
                name = step.name.replace(".", "_")
                state |= {f"blocks.{name}.block.{key}": tensor for key, tensor in part.items()}
        return state

    def _forms(self, places: Sequence[Placement]) -> Mapping[Kind, set[Form]]:
        """What the blocks of one name must be able to do, by kind."""
        found: dict[Kind, set[Form]] = {kind: set() for kind in places[0].kinds}
        for place, options in product(places, self.contenders):
            for spec in options.blocks(place, ANY_SIZE):
                found[spec.kind].add(Form(spec.in_channels, spec.out_channels))
        return {kind: forms for kind, forms in found.items() if forms}


def _key(name: str, kind: Kind) -> str:
    return f"{name}.{kind}".replace(".", "_")
