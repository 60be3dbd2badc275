"""One pass through the supernet: the blocks of the walk in their order, as a relaxation mixes them.

A cell runs each of its kinds on each tensor that enters it.  All other blocks read mixtures: what
a branch's last feature at a stride is depends on where the branch goes down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from fasterseg.layers.blocks import Block
from fasterseg.layers.resizing import map_size, resize
from fasterseg.space.blocks import Size
from fasterseg.space.choices import Option, channels_of
from fasterseg.space.input_scale import RESCALE
from fasterseg.space.kinds import KINDS, Kind
from fasterseg.space.placements import IMAGE, Channels, Feature, Placement
from fasterseg.supernet.computation import Computation, Entering, Mixture, gated
from fasterseg.supernet.paths import Passages, path_weight, taken_blocks
from fasterseg.supernet.relaxation import Relaxation
from fasterseg.supernet.walk import VariantWalk

BlockOf = Callable[[str, Kind], Block]
"""From a block's name and kind to the block."""


class Forward:
    """One pass; what it needs of the relaxation is read out once."""

    def __init__(
        self, walk: VariantWalk, block_of: BlockOf, relaxation: Relaxation, computation: Computation
    ) -> None:
        self.walk = walk
        self.block_of = block_of
        self.relaxation = relaxation
        self.computation = computation
        self.values = {name: row.detach().tolist() for name, row in relaxation.items()}
        lattice = self.walk.lattice
        offered = lattice.choices
        # A feature that lies between two widths is computed at the wider one.
        self.taken: dict[str, Option] = {
            name: offered[name][max(index for index, value in enumerate(row) if value != 0)]
            for name, row in self.values.items()
            if name in offered
        }
        self.passages = Passages(lattice, relaxation)
        self.running = taken_blocks(lattice, relaxation)
        self.maps: dict[str, Tensor] = {}
        self.entering: dict[tuple[str, ...], Entering] = {}
        self.inputs: dict[tuple[Feature, ...], Tensor] = {}

    def __call__(self, images: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """Main logits, and auxiliary ones by stride."""
        (main,) = self.heads(images).values()
        auxiliary = (p[0] for p in self.walk.places.values() if p[0].part == "auxiliary")
        return main, {p.slot.out_stride: self.maps[p.name] for p in auxiliary}

    def heads(self, images: Tensor) -> dict[str, Tensor]:
        """The logits of each head, by the set of branches that it joins."""
        self.size, scale = Size(*map_size(images)), self.walk.lattice.scale
        self.maps |= {IMAGE: images, RESCALE: resize(images, self.size.scaled(scale))}
        for name, places in self.walk.places.items():
            place = places[0]
            if place.part != "cells":
                self.maps[name] = self._gated_as_cells_are(place, self._outside(places))
            elif name in self.running:
                self.maps[name] = self._cell(place)
        return {joined: self.maps[name] for joined, name in self.walk.heads.items()}

    def _cell(self, place: Placement) -> Tensor:
        """A cell's output: the cell runs on each tensor that enters it, and the outputs mix."""
        entering = self._entering(place.inputs[0])
        return self._mixture(place, entering, self._gate(place.slot.output))

    def _mixture(self, place: Placement, entering: Entering, gate: Tensor | None) -> Tensor:
        kinds, weights = self._kinds(place)
        mixture = Mixture(
            operators=[self._block(place, kind) for kind in kinds],
            weights=weights,
            entering=entering,
            gate=gate,
            out=place.slot.output.count(self.taken),
            carries=place.slot.inputs[0].choice == place.slot.output.choice,
        )
        return self.computation.mixture(mixture)

    def _outside(self, places: Sequence[Placement]) -> Tensor:
        """The output of a block outside the cells, where it has several kinds their mixture."""
        place = places[0]
        inputs = [self._input([p.inputs[at] for p in places]) for at in range(len(place.inputs))]
        kinds, weights = self._kinds(place)
        if weights is None:
            return self._run(place, kinds[0], inputs)
        if all(KINDS[kind].is_operator for kind in kinds):
            return self._mixture(place, Entering(inputs, [None]), None)
        outputs = [self._run(place, kind, inputs) for kind in kinds]
        return _sum(output * weight for output, weight in zip(outputs, weights, strict=True))

    def _gated_as_cells_are(self, place: Placement, features: Tensor) -> Tensor:
        """What the stem ends with, gated where it has the width of the cells that read it."""
        output = place.slot.output
        if place.part != "stem" or output.choice not in self.walk.lattice.shared_widths:
            return features
        gate = self._gate(output)
        return features if gate is None else gated(features, gate)

    def _run(self, place: Placement, kind: Kind, inputs: Sequence[Tensor]) -> Tensor:
        block = self._block(place, kind)
        if block is None:
            return inputs[0]
        slot, size = place.slot, None
        if KINDS[kind].needs_size:
            size = self.size.scaled(slot.out_scale).strided(slot.out_stride)
        out = slot.output.count(self.taken)
        return self.computation.block(block, *inputs, out=out, size=size)

    def _kinds(self, place: Placement) -> tuple[list[Kind], Tensor | None]:
        """The kinds that have a weight, and their weights; None where one counts fully."""
        weights = self.relaxation.get(place.kind_choice)
        if weights is None:
            return [*place.kinds], None
        values = self.values[place.kind_choice]
        taken = [index for index, value in enumerate(values) if value != 0]
        kinds = [place.kinds[index] for index in taken]
        certain = not weights.requires_grad and len(taken) == 1 and values[taken[0]] == 1
        return kinds, None if certain else weights[taken]

    def _block(self, place: Placement, kind: Kind) -> Block | None:
        """The block of a kind at a place; None where it does nothing."""
        if place.slot.spec(kind, self.taken, self.size).is_identity:
            return None
        return self.block_of(self.walk.blocks[place.name], kind)

    def _gate(self, output: Channels) -> Tensor | None:
        """What multiplies a feature of a searched width: all channels, or each its own.

        A channel counts as much as the widths that have it; where there is one width that is
        one, with its gradient.
        """
        assert output.choice is not None
        weights = self.relaxation[output.choice]
        options = self.walk.lattice.choices[output.choice]
        values = self.values[output.choice]
        taken = [index for index, value in enumerate(values) if value != 0]
        if len(taken) == 1:
            return weights[taken[0]] if weights.requires_grad else None
        shares = weights[taken].flip(0).cumsum(0).flip(0)
        ends = [channels_of(options[index], output.factor) for index in taken]
        counts = [end - start for start, end in pairwise([0, *ends])]
        return shares.repeat_interleave(torch.tensor(counts, device=weights.device))

    def _entering(self, feature: Feature) -> Entering:
        """The tensors of which a feature is the mixture, each with its path weight."""
        sources = tuple(source for source in feature.sources if source in self.maps)
        if sources not in self.entering:
            entering = self.entering[sources] = Entering()
            for source in reversed(sources):  # as they were computed: the finer one first
                edge = self.walk.edges.get(source)
                weight = None if edge is None else path_weight(self.relaxation, edge)
                entering.add(self.maps[source], weight)
        return self.entering[sources]

    def _mixed(self, feature: Feature) -> Tensor:
        """The mixture of the tensors that a feature may be."""
        entering = self._entering(feature)
        pairs = zip(entering.parts, entering.weights, strict=True)
        return _sum(part if weight is None else part * weight for part, weight in pairs)

    def _input(self, features: Iterable[Feature]) -> Tensor:
        """The features that may be one input of a block, weighted by how likely each is.

        Features of different widths are mixed at the widest, the missing channels being zero.
        """
        known = tuple(dict.fromkeys(features))
        if known not in self.inputs:
            self.inputs[known] = self._joined(known)
        return self.inputs[known]

    def _joined(self, features: Sequence[Feature]) -> Tensor:
        shares = [(self.passages.probability(one.used), one) for one in reversed(features)]
        if shares[0][0] is None:
            return self._mixed(features[0])
        parts = [
            (share, self._mixed(one))
            for share, one in shares
            if share is not None and float(share.detach()) != 0
        ]
        widest = max(int(part.shape[1]) for _, part in parts)
        return _sum(share * _padded(part, widest) for share, part in parts)


def _sum(parts: Iterable[Tensor]) -> Tensor:
    return reduce(torch.add, parts)


def _padded(features: Tensor, channels: int) -> Tensor:
    missing = channels - int(features.shape[1])
    return F.pad(features, (0, 0, 0, 0, 0, missing)) if missing else features
