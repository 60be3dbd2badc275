"""The weights of one forward through the supernet: all that the supernet knows of a contender.

Every choice of the space, by its name, has a vector of weights that sum to one: a weight for each
option, in the space's order.  Choices of kinds, of paths and of widths are alike.  A *one-hot*
relaxation is a single network; a soft one mixes kinds and paths.  A width has a weight at one
option, or at two where it was sampled between them.  (*continuous relaxation*)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fasterseg.space import choices as names
from fasterseg.space.choices import Option, Section
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options


@dataclass(frozen=True, slots=True, eq=False)
class Relaxation(Mapping[str, Tensor]):
    """The weights of each choice, by the choice's name.

    `owner` is the contender whose they are: where contenders have blocks of their own, its run.
    """

    weights: Mapping[str, Tensor]
    owner: str = ""

    def __getitem__(self, choice: str) -> Tensor:
        return self.weights[choice]

    def __iter__(self) -> Iterator[str]:
        return iter(self.weights)

    def __len__(self) -> int:
        return len(self.weights)

    def __or__(self, others: Mapping[str, Tensor]) -> Relaxation:
        """The same with other weights for some choices."""
        return Relaxation({**self.weights, **others}, self.owner)

    def section(self, section: Section) -> dict[str, Tensor]:
        """The choices of one section, each by its full name."""
        return {name: row for name, row in self.weights.items() if names.section(name) == section}

    def each(self, change: Callable[[Tensor], Tensor]) -> Relaxation:
        """The relaxation with the weights of each choice changed alike."""
        return Relaxation({n: change(row) for n, row in self.weights.items()}, self.owner)

    def detached(self) -> Relaxation:
        """The same weights, without a gradient to the parameters that they came from."""
        return self.each(Tensor.detach)


def one_hot(index: int, count: int) -> Tensor:
    """A vector that is one at an index and zero elsewhere."""
    return torch.nn.functional.one_hot(torch.tensor(index), count).to(torch.get_default_dtype())


def one_option(lattice: Lattice, choice: str, option: Option) -> Tensor:
    """The one-hot weights of an option, among all that the space offers."""
    offered = lattice.choices[choice]
    return one_hot(offered.index(option), len(offered))


def option_mask(options: Options, choice: str) -> Tensor:
    """Which of all that the space offers a contender may take, as booleans."""
    return torch.tensor([one in options.choices[choice] for one in options.lattice.choices[choice]])


def uniform(options: Options) -> Relaxation:
    """Every option that a contender may take, with equal weight."""
    dtype, settled = torch.get_default_dtype(), options.lattice.settled
    rows = {n: option_mask(options, n).to(dtype) for n in options.choices if n not in settled}
    return Relaxation({name: row / row.sum() for name, row in rows.items()})


def widest(options: Options, relaxation: Relaxation) -> Relaxation:
    """The relaxation with every width at the largest that the contender may take."""
    return _with_widths(options, relaxation, lambda widths: widths[-1])


def narrowest(options: Options, relaxation: Relaxation) -> Relaxation:
    """The relaxation with every width at the smallest that the contender may take."""
    return _with_widths(options, relaxation, lambda widths: widths[0])


def random_widths(
    options: Options, relaxation: Relaxation, generator: torch.Generator
) -> Relaxation:
    """The relaxation with every searched width sampled evenly."""

    def sampled(widths: Sequence[Option]) -> Option:
        count = len(widths)
        return widths[int(torch.randint(count, (), generator=generator)) if count > 1 else 0]

    return _with_widths(options, relaxation, sampled)


def _with_widths(
    options: Options, relaxation: Relaxation, pick: Callable[[Sequence[Option]], Option]
) -> Relaxation:
    widths = {n: taken for n, taken in options.choices.items() if names.section(n) == "widths"}
    return relaxation | {
        n: one_option(options.lattice, n, pick(taken)) for n, taken in widths.items()
    }
