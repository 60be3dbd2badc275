"""The supernet: every candidate of the space in one network.

(*search space with multi-resolution branching*; *continuous relaxation*)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import pairwise, product
from typing import Self, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fasterseg.errors import FastersegError
from fasterseg.layers.blocks import Block, Form
from fasterseg.layers.building import slimmable_block
from fasterseg.layers.resizing import map_size
from fasterseg.layers.units import State
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import Size
from fasterseg.space.kinds import KINDS, Kind
from fasterseg.space.lattice import (
    Channels,
    Edge,
    Lattice,
    Node,
    Slot,
    auxiliary_slot,
    laterals,
)
from fasterseg.space.options import Options
from fasterseg.supernet.calibrating import recalibrate
from fasterseg.supernet.evaluation import Entering, Evaluation, Mixture
from fasterseg.supernet.folded import FoldedEvaluation
from fasterseg.supernet.paths import branch_transitions
from fasterseg.supernet.relaxation import Relaxation

AUXILIARY_STRIDES = (32, 16)

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
        self.blocks = nn.ModuleDict(
            {
                _key(name, kind): slimmable_block(kind, forms=forms, stride=stride)
                for (name, kind, stride), forms in self._forms().items()
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
        self, images: Tensor, relaxation: Relaxation, evaluation: Evaluation | None = None
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """Main logits and auxiliary ones by stride, each at its head's own size.

        `images` are (batch, 3, height, width), normalised.  `evaluation` is how the blocks are
        computed, by default fast; it changes nothing in the result.
        """
        return _Forward(self, relaxation, evaluation or FoldedEvaluation())(images)

    def block(self, name: str, kind: Kind) -> Block:
        """The slimmable block of a kind at a slot."""
        block = self.blocks[_key(name, kind)]
        assert isinstance(block, Block)
        return block

    def subnet(
        self,
        architecture: Architecture,
        build: Callable[[Architecture, int], Net],
        *,
        images: Iterable[Tensor] | None = None,
    ) -> Net:
        """The network of an architecture, cut out, on the supernet's device.

        `build` makes it from the architecture and the number of classes.  Its batch-norm statistics
        are measured on batches of normalised `images` until they settle (see `recalibrate`);
        without images they are not numbers.
        """
        network = build(architecture, self.classes).to(next(self.parameters()).device)
        network.load_state_dict(self._sliced_state(architecture))
        if images is not None:
            recalibrate(network, images)
        return network

    def _sliced_state(self, architecture: Architecture) -> State:
        """The state of the network that an architecture describes."""
        wiring = wire(architecture, Geometry(ANY_SIZE, self.classes))
        state: State = {}
        for step in (*wiring.steps, *wiring.auxiliary):
            if not step.spec.is_identity:
                block = self.block(step.name, step.spec.kind)
                part = block.sliced_state(step.spec.in_channels, step.spec.out_channels)
                name = step.name.replace(".", "_")
                state |= {f"blocks.{name}.block.{key}": tensor for key, tensor in part.items()}
        return state

    def _forms(self) -> Mapping[tuple[str, Kind, int], set[Form]]:
        """What each block must be able to do, by slot name, kind and stride."""
        found: dict[tuple[str, Kind, int], set[Form]] = {}
        for slot in self._slots():
            for kind, options in product(slot.kinds, self.contenders):
                for spec in options.specs(slot, kind, ANY_SIZE):
                    form = Form(spec.in_channels, spec.out_channels)
                    found.setdefault((slot.name, kind, slot.stride), set()).add(form)
        return found

    def _slots(self) -> Iterator[Slot]:
        """Every place for a block; where a feature may be one of several, a slot for each."""
        lattice, branches = self.lattice, self.lattice.space.branches
        yield from lattice.stem_slots
        yield from (lattice.cell_slot(edge) for edge in lattice.edges)
        for branch, stride in ((b, s) for b in branches for s in laterals(b)):
            yield lattice.arm_slot(branch, stride)
            for edge in lattice.partings(branch, stride):
                yield lattice.refine_slot(branch, edge.node)
        yield from lattice.join_slots(self.classes)
        for stride in AUXILIARY_STRIDES:
            ends = [branch for branch in branches if branch >= stride]
            for features in product(*(self._last_features(end, stride) for end in ends)):
                if features:
                    yield auxiliary_slot(stride, features, self.classes)

    def _last_features(self, branch: int, stride: int) -> list[Channels]:
        """What a branch's last feature at a stride may be."""
        if branch == stride:
            end = self.lattice.ends[self.lattice.space.branches.index(branch)]
            return [self.lattice.feature(Edge(end, down=False).target)]
        return [self.lattice.feature(edge.node) for edge in self.lattice.partings(branch, stride)]


def _key(name: str, kind: Kind) -> str:
    return f"{name}.{kind}".replace(".", "_")


class _Forward:
    """One pass; what it needs of the relaxation is read out once."""

    def __init__(self, supernet: Supernet, relaxation: Relaxation, evaluation: Evaluation) -> None:
        self.supernet = supernet
        self.lattice = supernet.lattice
        self.relaxation = relaxation
        self.evaluation = evaluation
        options = self.lattice.width_options
        self.expansions = {
            name: options[name][int(weights.detach().nonzero()[-1])]
            for name, weights in relaxation.widths.items()
        }
        self.operators = {n: w.detach().tolist() for n, w in relaxation.operators.items()}
        self.paths = {n: w.detach().tolist() for n, w in relaxation.paths.items()}
        self.needed = self._needed()
        self.incoming: defaultdict[Node, Entering] = defaultdict(Entering)

    def __call__(self, images: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        features = images
        for slot in self.lattice.stem_slots:
            features = self._run(slot, slot.kinds[0], features)
        self.incoming[Node(0, 8)].add(features, None)
        for edge in self.lattice.edges:
            if edge in self.needed:
                weight = self.relaxation.path_weight(edge.target, down=edge.down)
                self.incoming[edge.target].add(self._edge(edge), weight)
        return self._decode()

    def _needed(self) -> set[Edge]:
        """The edges that some branch uses with a weight above zero."""
        found = {Edge(end, down=False) for end in self.lattice.ends}
        wanted = set(self.lattice.ends)
        for node in reversed(self.lattice.nodes):
            if node in wanted:
                weights = self.paths.get(node)
                for edge in self.lattice.parents(node):
                    if weights is None or weights[int(edge.down)] != 0:
                        found.add(edge)
                        wanted.add(edge.node)
        return found

    def _edge(self, edge: Edge) -> Tensor:
        """A cell's output: the cell runs on each tensor that enters it, and the outputs mix."""
        slot, entering = self.lattice.cell_slot(edge), self.incoming[edge.node]
        weights, values = self.relaxation.operators[edge.node], self.operators[edge.node]
        taken = [index for index, value in enumerate(values) if value != 0]
        certain = not weights.requires_grad and len(taken) == 1 and values[taken[0]] == 1
        mixture = Mixture(
            operators=[self._operator(slot, slot.kinds[i], entering) for i in taken],
            weights=None if certain else weights[taken],
            entering=entering,
            gate=self._gate(slot.output),
            out=slot.output.count(self.expansions),
        )
        return self.evaluation.mixture(mixture)

    def _operator(self, slot: Slot, kind: Kind, entering: Entering) -> Block | None:
        read, written = int(entering.parts[0].shape[1]), slot.output.count(self.expansions)
        if KINDS[kind].is_identity(slot.stride, read, written):
            return None
        return self.supernet.block(slot.name, kind)

    def _gate(self, output: Channels) -> Tensor | None:
        """What multiplies a feature of a searched width: all channels, or each its own.

        A channel counts as much as the widths that have it; where there is one width that is
        one, with its gradient.
        """
        assert output.choice is not None
        weights = self.relaxation.widths[output.choice]
        options = self.lattice.width_options[output.choice]
        taken = [index for index, value in enumerate(weights.tolist()) if value != 0]
        if len(taken) == 1:
            return weights[taken[0]] if weights.requires_grad else None
        shares = weights[taken].flip(0).cumsum(0).flip(0)
        ends = [output.factor * options[index] for index in taken]
        counts = [end - start for start, end in pairwise([0, *ends])]
        return shares.repeat_interleave(torch.tensor(counts, device=weights.device))

    def _run(
        self, slot: Slot, kind: Kind, *inputs: Tensor, size: tuple[int, int] | None = None
    ) -> Tensor:
        block, out = self.supernet.block(slot.name, kind), slot.output.count(self.expansions)
        return self.evaluation.block(block, *inputs, out=out, size=size)

    def _decode(self) -> tuple[Tensor, dict[int, Tensor]]:
        """Fusion, head and auxiliary heads on each branch's last features at every stride."""
        last: dict[tuple[int, int], Tensor] = {}
        joined = []
        for end in self.lattice.ends:
            last[end.stride, end.stride] = self._feature(Edge(end, down=False).target)
            last |= {(end.stride, s): t for s, t in self._laterals(end).items()}
            joined.append(self._fused(end.stride, last))
        fuse, head = self.lattice.join_slots(self.supernet.classes)
        main = self._run(head, "head", self._run(fuse, "fuse", *joined))
        return main, self._auxiliary(last)

    def _fused(self, branch: int, last: Mapping[tuple[int, int], Tensor]) -> Tensor:
        features = last[branch, branch]
        for stride in laterals(branch):
            partner = last[branch, stride]
            arm = self.lattice.arm_slot(branch, stride)
            features = self._run(arm, "arm", features, size=map_size(partner))
            slot = self.lattice.refine_slot(branch, self.lattice.transitions(stride)[0].node)
            features = self._run(slot, "refine", features, partner)
        return features

    def _auxiliary(self, last: Mapping[tuple[int, int], Tensor]) -> dict[int, Tensor]:
        found = {}
        for stride in AUXILIARY_STRIDES:
            features = [last[b, stride] for b in self.lattice.space.branches if b >= stride]
            if features:
                slot = auxiliary_slot(stride, (), self.supernet.classes)
                found[stride] = self._run(slot, "auxiliary", *features)
        return found

    def _laterals(self, end: Node) -> dict[int, Tensor]:
        """A branch's last feature at each finer stride, weighted by where it goes down.

        Features of different widths are mixed at the widest, the missing channels being zero.
        """
        taken = branch_transitions(self.lattice, self.relaxation, end)
        found = {}
        for stride in laterals(end.stride):
            parts = [
                (share, self._feature(edge.node))
                for edge, share in taken.items()
                if edge.node.stride == stride
                and edge.node in self.incoming
                and float(share.detach()) != 0
            ]
            widest = max(int(part.shape[1]) for _, part in parts)
            found[stride] = _sum(share * _padded(part, widest) for share, part in parts)
        return found

    def _feature(self, node: Node) -> Tensor:
        """The mixture of the tensors that enter a node."""
        entering = self.incoming[node]
        pairs = zip(entering.parts, entering.weights, strict=True)
        return _sum(part if weight is None else part * weight for part, weight in pairs)


def _sum(parts: Iterable[Tensor]) -> Tensor:
    return reduce(torch.add, parts)


def _padded(features: Tensor, channels: int) -> Tensor:
    missing = channels - int(features.shape[1])
    return F.pad(features, (0, 0, 0, 0, 0, missing)) if missing else features
