"""The networks being searched, and the widths that training the shared weights runs them at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from fasterseg.config import ContenderSettings
from fasterseg.runtime import torch_generator
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.supernet.parameters import ArchitectureParameters
from fasterseg.supernet.relaxation import Relaxation, narrowest, random_widths, widest


@dataclass(frozen=True)
class Contender:
    """One network being searched: what it may take, its parameters, and a student's budget."""

    settings: ContenderSettings
    options: Options
    parameters: ArchitectureParameters
    budget_ms: float | None

    @property
    def name(self) -> str:
        """The contender's name in files and logs."""
        return self.settings.name


def make_contenders(
    lattice: Lattice,
    settings: Sequence[ContenderSettings],
    budgets_ms: dict[str, float],
    *,
    seed: int,
) -> tuple[Contender, ...]:
    """The contenders with fresh parameters, one generator for each by its name."""
    return tuple(
        Contender(
            contender,
            Options.of(lattice.space, contender),
            ArchitectureParameters(
                lattice, contender, torch_generator(seed, "parameters", contender.name)
            ),
            budgets_ms.get(contender.name),
        )
        for contender in settings
    )


def in_turn(contenders: Sequence[Contender], index: int) -> tuple[Contender, ...]:
    """Those whose sandwich is due at a step: students that may take the same take turns.

    The ends of their sandwiches are the same networks, so that another budget in a search costs
    what its student samples, and no second sandwich.
    """
    groups: dict[object, list[Contender]] = {}
    for contender in contenders:
        student = contender.settings.role == "student"
        groups.setdefault(contender.options if student else contender.name, []).append(contender)
    due = [group[index % len(group)].name for group in groups.values()]
    return tuple(contender for contender in contenders if contender.name in due)


def sandwich(
    contender: Contender, generator: torch.Generator, *, random_count: int
) -> Iterator[Relaxation]:
    """The relaxations of the sandwich rule: the widest, the narrowest, and random widths.

    Operators and paths are weighted as the contender has them; a teacher is always the widest.
    """
    now = detached(contender.parameters.probabilities())
    yield widest(contender.options, now)
    if contender.settings.role == "student":
        yield narrowest(contender.options, now)
        for _ in range(random_count):
            yield random_widths(contender.options, now, generator)


def detached(relaxation: Relaxation) -> Relaxation:
    """The same weights, without a gradient to the parameters that they came from."""
    return Relaxation(
        {node: weights.detach() for node, weights in relaxation.operators.items()},
        {node: weights.detach() for node, weights in relaxation.paths.items()},
        {name: weights.detach() for name, weights in relaxation.widths.items()},
    )


def decayed_groups(module: nn.Module, decay: float) -> list[dict[str, object]]:
    """Optimiser groups with weight decay on kernels alone, not on norms and biases."""
    kernels = [p for p in module.parameters() if p.dim() > 1]
    others = [p for p in module.parameters() if p.dim() <= 1]
    return [
        {"params": kernels, "weight_decay": decay},
        {"params": others, "weight_decay": 0.0},
    ]


def all_parameters(contenders: Iterable[Contender]) -> dict[str, torch.Tensor]:
    """Every architecture parameter by ``contender/name``."""
    return {
        f"{contender.name}/{name}": parameter
        for contender in contenders
        for name, parameter in contender.parameters.named_parameters()
    }
