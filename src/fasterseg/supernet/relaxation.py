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
from fasterseg.space.choices import choice
from fasterseg.space.lattice import HEAD, Lattice, Node
from fasterseg.space.options import Options
from fasterseg.space.selection import Selection

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


def fixed_widths(options: Options) -> dict[str, Tensor]:
    """The one-hot weights of the width choices that a contender does not search.

    Those are what its settings fix, and for a teacher, which is always the widest, all of them.
    """
    fixed = (name for name in options.widths if name not in options.searched_widths)
    return {name: width_weights(options, name, 0) for name in fixed}


def width_weights(options: Options, choice: str, index: int) -> Tensor:
    """One-hot weights, among all that the space offers, of one of a contender's expansions."""
    offered = options.lattice.width_options[choice]
    return one_hot(offered.index(options.widths[choice][index]), len(offered))


def operator_mask(lattice: Lattice, contender: ContenderSettings) -> Tensor:
    """Which of the space's operators a contender may use, as booleans."""
    return torch.tensor([name in contender.operators for name in lattice.space.operators])


def uniform(lattice: Lattice, contender: ContenderSettings) -> Relaxation:
    """Every operator, path and width that a contender may take, with equal weight."""
    mask = operator_mask(lattice, contender).to(torch.get_default_dtype())
    options = Options.of(lattice.space, contender)
    searched = {name: len(options.widths[name]) for name in options.searched_widths}
    return Relaxation(
        operators={node: mask / mask.sum() for node in lattice.nodes},
        paths={node: torch.full((2,), 0.5) for node in lattice.forks},
        widths={
            **{name: torch.full((count,), 1 / count) for name, count in searched.items()},
            **fixed_widths(options),
        },
    )


def with_widths(relaxation: Relaxation, widths: Mapping[str, Tensor]) -> Relaxation:
    """The same operators and paths with other widths."""
    return Relaxation(relaxation.operators, relaxation.paths, {**relaxation.widths, **widths})


def widest(options: Options, relaxation: Relaxation) -> Relaxation:
    """The relaxation with every width at the largest that the contender may take."""
    return with_widths(relaxation, {n: width_weights(options, n, -1) for n in options.widths})


def narrowest(options: Options, relaxation: Relaxation) -> Relaxation:
    """The relaxation with every width at the smallest that the contender may take."""
    return with_widths(relaxation, {n: width_weights(options, n, 0) for n in options.widths})


def random_widths(
    options: Options, relaxation: Relaxation, generator: torch.Generator
) -> Relaxation:
    """The relaxation with every searched width drawn evenly."""
    drawn = {
        name: int(torch.randint(len(options.widths[name]), (), generator=generator))
        for name in options.searched_widths
    }
    return with_widths(relaxation, {n: width_weights(options, n, i) for n, i in drawn.items()})


def detached(relaxation: Relaxation) -> Relaxation:
    """The same weights, without a gradient to the parameters that they came from."""
    return Relaxation(
        {node: weights.detach() for node, weights in relaxation.operators.items()},
        {node: weights.detach() for node, weights in relaxation.paths.items()},
        {name: weights.detach() for name, weights in relaxation.widths.items()},
    )


def from_selection(lattice: Lattice, selection: Selection) -> Relaxation:
    """The one-hot relaxation of one network."""

    def taken(name: str) -> Tensor:
        offered = lattice.choices[name]
        return one_hot(offered.index(selection[name]), len(offered))

    return Relaxation(
        operators={node: taken(node.kind_choice) for node in lattice.nodes},
        paths={node: taken(node.path_choice) for node in lattice.forks},
        widths={short: taken(name) for short, name in _width_names(lattice).items()},
    )


def weights_by_name(lattice: Lattice, relaxation: Relaxation) -> dict[str, list[float]]:
    """The weights of every choice, by its name."""
    widths = _width_names(lattice)
    return {
        **{node.kind_choice: row.tolist() for node, row in relaxation.operators.items()},
        **{node.path_choice: row.tolist() for node, row in relaxation.paths.items()},
        **{widths[short]: row.tolist() for short, row in relaxation.widths.items()},
        **{name: [1.0] for name in lattice.settled},
    }


def _width_names(lattice: Lattice) -> dict[str, str]:
    inner = {lattice.width_choice(node): lattice.width_of(node) for node in lattice.nodes}
    return {**inner, lattice.fusion: lattice.fusion_choice, HEAD: choice("widths", HEAD)}
