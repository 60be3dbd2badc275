"""The supernet: every candidate of the space in one network.

(*search space with multi-resolution branching*; *continuous relaxation*)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Self, TypeVar

import torch
from torch import Tensor, nn

from fasterseg.errors import FastersegError
from fasterseg.layers.blocks import Block, Form
from fasterseg.layers.building import slimmable_block
from fasterseg.layers.units import State
from fasterseg.space.architecture import Architecture, Geometry, Step, wire
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
from fasterseg.supernet.walk import VariantWalk, Walk

# Only channels matter to the modules, so any size will do for wiring them.
ANY_SIZE = Size(64, 64)

Net = TypeVar("Net", bound=nn.Module)


class Supernet(nn.Module):
    """Slimmable blocks at every slot of the lattice; run with a relaxation.

    It normalises by the batch's own statistics and keeps none, so it cannot be put into
    evaluation mode: take a subnet, and score that.
    It holds what some of the contenders can use (without any: what the space allows to anybody),
    and no more, so that every tensor in it can be trained.

    Contenders with a name among the `owners`, one for each, share the cells alone: stem, fusion and
    heads are each one's own.  With `all_heads` it has those that the walk says, and no auxiliary
    ones.
    """

    def __init__(
        self,
        lattice: Lattice,
        classes: int,
        *,
        contenders: Sequence[Options] = (),
        owners: Sequence[str] = (),
        all_heads: bool = False,
    ) -> None:
        super().__init__()
        self.lattice = lattice
        self.classes = classes
        self.contenders = tuple(contenders) or (Options.of_space(lattice.space),)
        self.owners = tuple(owners)
        self.walk = Walk(lattice, classes, all_heads=all_heads)
        self.blocks = nn.ModuleDict(
            {
                _key(known, kind): slimmable_block(kind, forms=forms, stride=places[0].slot.stride)
                for name, places in self.walk.blocks().items()
                for known, who in self._holders(name).items()
                for kind, forms in _forms(places, who).items()
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
        return self._pass(self.walk.of(relaxation), relaxation, computation)(images)

    def heads(
        self, images: Tensor, relaxation: Relaxation, computation: Computation | None = None
    ) -> dict[str, Tensor]:
        """The logits of all heads, by the set of branches that each joins; see `forward`.

        Which set the relaxation takes does not matter; its input scale does.
        """
        return self._pass(self.walk.of_all(relaxation), relaxation, computation).heads(images)

    def _pass(
        self, walk: VariantWalk, relaxation: Relaxation, computation: Computation | None
    ) -> Forward:
        block_of = partial(self.block, owner=relaxation.owner)
        return Forward(walk, block_of, relaxation, computation or FoldedComputation())

    def block(self, name: str, kind: Kind, *, owner: str = "") -> Block:
        """The slimmable block of a kind at a slot, where contenders have their own the owner's."""
        block = self.blocks[_key(self._held(name, owner), kind)]
        assert isinstance(block, Block)
        return block

    def _holders(self, name: str) -> Mapping[str, Sequence[Options]]:
        """Under which names a block is held, and what each may be asked for by whom."""
        if not self.owners or name in self.walk.cells:
            return {name: self.contenders}
        pairs = zip(self.owners, self.contenders, strict=True)
        return {self._held(name, owner): (options,) for owner, options in pairs}

    def _held(self, name: str, owner: str) -> str:
        """The name under which a block is held; no contender's has a slash or a colon in it."""
        if not self.owners or name in self.walk.cells:
            return name
        return f"{owner.replace('.', ':')}/{name}"

    def subnet(
        self,
        architecture: Architecture,
        build: Callable[[Architecture, int], Net],
        *,
        owner: str = "",
    ) -> Net:
        """The network of an architecture, cut out, on the supernet's device.

        `build` makes it from the architecture and the number of classes.  Where contenders have
        blocks of their own, it is cut out of the `owner`'s.  Auxiliary heads that this does not
        hold are fresh, the same ones each time.  Its batch-norm statistics are not numbers until
        they are measured (`fasterseg.supernet.calibrating`).
        """
        network, aside = self._built(architecture, build), self._aside(architecture)
        fresh = {key: one for key, one in network.state_dict().items() if key.startswith(aside)}
        network.load_state_dict({**fresh, **self._sliced_state(architecture, owner)})
        return network

    def holds(
        self,
        architecture: Architecture,
        build: Callable[[Architecture, int], Net],
        *,
        owner: str = "",
    ) -> bool:
        """Whether `subnet` could cut out an architecture: this has all its blocks and widths."""
        with torch.device("meta"):
            built = build(architecture, self.classes).state_dict()
        aside = self._aside(architecture)
        wanted = {key: one for key, one in built.items() if not key.startswith(aside)}
        try:
            found = self._sliced_state(architecture, owner)
        except KeyError:
            return False
        return {name: tensor.shape for name, tensor in found.items()} == {
            name: tensor.shape for name, tensor in wanted.items()
        }

    def _sliced_state(self, architecture: Architecture, owner: str) -> State:
        """The state of the network that an architecture describes."""
        wiring = wire(architecture, Geometry(ANY_SIZE, self.classes))
        branches = [branch.stride for branch in architecture.branches]
        state: State = {}
        for step in (*wiring.steps, *(() if self.walk.all_heads else wiring.auxiliary)):
            if not step.spec.is_identity and step.name != RESCALE:
                called = self.walk.block_name(step.placement, branches)
                block = self.block(called, step.spec.kind, owner=owner)
                part = block.sliced_state(step.spec.in_channels, step.spec.out_channels)
                state |= {f"{_prefix(step)}{key}": tensor for key, tensor in part.items()}
        return state

    def _built(self, architecture: Architecture, build: Callable[[Architecture, int], Net]) -> Net:
        """The network before it has this one's weights, on its device."""
        with torch.random.fork_rng(devices=[], enabled=self.walk.all_heads):
            if self.walk.all_heads:
                torch.manual_seed(0)
            return build(architecture, self.classes).to(next(self.parameters()).device)

    def _aside(self, architecture: Architecture) -> tuple[str, ...]:
        """What the names of tensors begin with that a network has and this does not hold."""
        if not self.walk.all_heads:
            return ()
        auxiliary = wire(architecture, Geometry(ANY_SIZE, self.classes)).auxiliary
        return tuple(map(_prefix, auxiliary))


def _forms(places: Sequence[Placement], who: Sequence[Options]) -> Mapping[Kind, set[Form]]:
    """What the blocks of one name must be able to do for some contenders, by kind."""
    found: dict[Kind, set[Form]] = {kind: set() for kind in places[0].kinds}
    for place, options in product(places, who):
        for spec in options.blocks(place, ANY_SIZE):
            found[spec.kind].add(Form(spec.in_channels, spec.out_channels))
    return {kind: forms for kind, forms in found.items() if forms}


def _prefix(step: Step) -> str:
    """What the names of a step's tensors begin with in a network."""
    return f"blocks.{step.name.replace('.', '_')}.block."


def _key(name: str, kind: Kind) -> str:
    return f"{name}.{kind}".replace(".", "_")
