"""The expected latency of a relaxation, exactly.

Every fork draws its parent, every node its operator, every feature its width, each independently
by the relaxation's weights.  What comes out is the expectation, over all those draws, of the
latency table's estimate of the network that was drawn: cells that branches share are counted
once; stem, fusion, head, pre-processing and tail are included.
(*continuous relaxation*; *latency regularisation with finer granularity*)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import torch
from torch import Tensor

from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.kinds import Kind
from fasterseg.space.lattice import Lattice, Slot, border_slots, laterals
from fasterseg.space.options import Options
from fasterseg.supernet.paths import branch_transitions, used_edges
from fasterseg.supernet.relaxation import Relaxation

Cost = Callable[[BlockSpec], float]
"""Milliseconds of a block."""


class ExpectedLatency:
    """Milliseconds on the target, as a differentiable function of a relaxation.

    `contenders` says whose relaxations are asked about; without them, anybody's in the space.
    What none of them may take is never priced: the latency table does not know it.
    """

    def __init__(
        self,
        lattice: Lattice,
        geometry: Geometry,
        cost_ms: Cost,
        *,
        contenders: Sequence[Options] = (),
    ) -> None:
        self.lattice = lattice
        self.geometry = geometry
        self.contenders = tuple(contenders) or (Options.of_space(lattice.space),)
        self._cost_ms = cost_ms
        borders = border_slots(geometry.classes)
        self._border_ms = sum(float(self._slot_costs(slot)) for slot in borders)
        self._fixed = [(slot, self._slot_costs(slot)) for slot in self._fixed_slots()]
        self._cells = {edge: self._slot_costs(lattice.cell_slot(edge)) for edge in lattice.edges}
        self._refines = {
            (branch, edge): self._slot_costs(lattice.refine_slot(branch, edge.node))
            for branch in lattice.space.branches
            for stride in laterals(branch)
            for edge in lattice.partings(branch, stride)
        }

    def __call__(self, relaxation: Relaxation) -> Tensor:
        """The expected latency, a float64 scalar."""
        exact = _in_double(relaxation)
        parts = [torch.tensor(self._border_ms, dtype=torch.float64)]
        parts += [_contract(slot, costs, exact) for slot, costs in self._fixed]
        parts += list(self._cell_terms(exact))
        parts += list(self._refine_terms(exact))
        return torch.stack(parts).sum()

    def _cell_terms(self, relaxation: Relaxation) -> Iterator[Tensor]:
        for edge, probability in used_edges(self.lattice, relaxation).items():
            slot = self.lattice.cell_slot(edge)
            yield probability * _contract(slot, self._cells[edge], relaxation)

    def _refine_terms(self, relaxation: Relaxation) -> Iterator[Tensor]:
        for end in self.lattice.ends:
            taken = branch_transitions(self.lattice, relaxation, end)
            for edge, probability in taken.items():
                slot = self.lattice.refine_slot(end.stride, edge.node)
                yield probability * _contract(slot, self._refines[end.stride, edge], relaxation)

    def _fixed_slots(self) -> Iterator[Slot]:
        yield from self.lattice.stem_slots
        branches = self.lattice.space.branches
        for branch in branches:
            yield from (self.lattice.arm_slot(branch, stride) for stride in laterals(branch))
        yield from self.lattice.join_slots(self.geometry.classes)

    def _slot_costs(self, slot: Slot) -> Tensor:
        """The cost of each block that may stand in a slot: (operators, *width choices)."""
        options = [self.lattice.width_options[name] for name in slot.choices]
        costs = [
            self._cost_of(slot, kind, dict(zip(slot.choices, widths, strict=True)))
            for kind in slot.kinds
            for widths in product(*options)
        ]
        shape = (len(slot.kinds), *(len(values) for values in options))
        return torch.tensor(costs, dtype=torch.float64).reshape(shape)

    def _cost_of(self, slot: Slot, kind: Kind, expansions: dict[str, int]) -> float:
        if not any(options.may_take(slot, kind, expansions) for options in self.contenders):
            return 0.0
        spec = slot.spec(kind, expansions, self.geometry.size)
        return 0.0 if spec.is_identity else self._cost_ms(spec)


def _contract(slot: Slot, costs: Tensor, relaxation: Relaxation) -> Tensor:
    """The expectation of a slot's cost over its operator and its widths."""
    total = costs
    for name in reversed(slot.choices):
        total = total @ relaxation.widths[name]
    return total @ relaxation.operators[slot.node] if slot.node is not None else total.sum()


def _in_double(relaxation: Relaxation) -> Relaxation:
    return Relaxation(
        {node: weights.double() for node, weights in relaxation.operators.items()},
        {node: weights.double() for node, weights in relaxation.paths.items()},
        {name: weights.double() for name, weights in relaxation.widths.items()},
    )
