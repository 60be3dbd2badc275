"""The weights of one forward through the supernet: all that the supernet knows of a contender.

Every choice of the lattice has a vector of weights that sum to one.  A *one-hot* relaxation is a
single network; a soft one mixes operators and paths.  Widths are always one-hot in a forward: a
feature has one width.  (*continuous relaxation*)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from fasterseg.config import ContenderSettings
from fasterseg.space.lattice import HEAD, STEM, Lattice, Node
from fasterseg.space.sampling import Selection

KEEP, DOWN = 0, 1


@dataclass(frozen=True, slots=True)
class Relaxation:
    """Weights per choice: operators by node, paths (keep, down) by fork, widths by choice name."""

    operators: Mapping[Node, Tensor]
    paths: Mapping[Node, Tensor]
    widths: Mapping[str, Tensor]

    def path_weight(self, target: Node, *, down: bool) -> Tensor | None:
        """The weight of the keep or down edge into a node; None where there is no choice."""
        weights = self.paths.get(target)
        return None if weights is None else weights[DOWN if down else KEEP]


def one_hot(index: int, count: int) -> Tensor:
    """A vector that is one at an index and zero elsewhere."""
    return torch.nn.functional.one_hot(torch.tensor(index), count).to(torch.get_default_dtype())


def fixed_widths(lattice: Lattice, contender: ContenderSettings) -> dict[str, Tensor]:
    """The one-hot weights of the width choices that a contender does not search.

    Those are stem and head, and for a teacher, which is always the widest, all of them.
    """
    wanted = {STEM: contender.stem_expansion, HEAD: contender.head_expansion}
    outer = {
        name: one_hot(lattice.width_options[name].index(value), len(lattice.width_options[name]))
        for name, value in wanted.items()
    }
    return outer if contender.role == "student" else {**outer, **inner_widths(lattice, -1)}


def operator_mask(lattice: Lattice, contender: ContenderSettings) -> Tensor:
    """Which of the space's operators a contender may use, as booleans."""
    return torch.tensor([name in contender.operators for name in lattice.space.operators])


def uniform(lattice: Lattice, contender: ContenderSettings) -> Relaxation:
    """Every operator, path and width that a contender may take, with equal weight."""
    mask = operator_mask(lattice, contender).to(torch.get_default_dtype())
    inner = {n.name for n in lattice.nodes if n.layer > 0}
    widths = {name: len(options) for name, options in lattice.width_options.items()}
    return Relaxation(
        operators={node: mask / mask.sum() for node in lattice.nodes},
        paths={node: torch.full((2,), 0.5) for node in lattice.forks},
        widths={
            **{name: torch.full((widths[name],), 1 / widths[name]) for name in inner},
            **fixed_widths(lattice, contender),
        },
    )


def with_widths(relaxation: Relaxation, widths: Mapping[str, Tensor]) -> Relaxation:
    """The same operators and paths with other widths."""
    return Relaxation(relaxation.operators, relaxation.paths, {**relaxation.widths, **widths})


def inner_widths(lattice: Lattice, index: int) -> dict[str, Tensor]:
    """One-hot weights that give every searched feature its option of that index."""
    count = len(lattice.space.expansions)
    return {n.name: one_hot(index % count, count) for n in lattice.nodes if n.layer > 0}


def widest(lattice: Lattice, relaxation: Relaxation) -> Relaxation:
    """The relaxation with every searched width at its largest."""
    return with_widths(relaxation, inner_widths(lattice, -1))


def narrowest(lattice: Lattice, relaxation: Relaxation) -> Relaxation:
    """The relaxation with every searched width at its smallest."""
    return with_widths(relaxation, inner_widths(lattice, 0))


def random_widths(
    lattice: Lattice, relaxation: Relaxation, generator: torch.Generator
) -> Relaxation:
    """The relaxation with every searched width drawn evenly."""
    names = [node.name for node in lattice.nodes if node.layer > 0]
    count = len(lattice.space.expansions)
    drawn = torch.randint(count, (len(names),), generator=generator).tolist()
    return with_widths(
        relaxation, {name: one_hot(i, count) for name, i in zip(names, drawn, strict=True)}
    )


def from_selection(lattice: Lattice, selection: Selection) -> Relaxation:
    """The one-hot relaxation of one network."""
    operators, options = lattice.space.operators, lattice.width_options
    return Relaxation(
        operators={
            node: one_hot(operators.index(name), len(operators))
            for node, name in selection.operators.items()
        },
        paths={
            node: one_hot(DOWN if edge.down else KEEP, 2)
            for node, edge in selection.parents.items()
        },
        widths={
            name: one_hot(options[name].index(value), len(options[name]))
            for name, value in selection.expansions.items()
        },
    )
