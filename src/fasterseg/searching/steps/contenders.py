"""The networks being searched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from fasterseg.config import ContenderSettings, SearchSpace
from fasterseg.runtime import torch_generator
from fasterseg.space.options import Options
from fasterseg.space.widest import options_of
from fasterseg.supernet.parameters import ArchitectureParameters


@dataclass(frozen=True)
class Contender:
    """One network of a search: what it may take, its parameters, and a student's budget.

    One whose architecture is the widest has nothing to choose, and no parameters.
    """

    settings: ContenderSettings
    options: Options
    parameters: ArchitectureParameters
    budget_ms: float | None

    @property
    def name(self) -> str:
        """The contender's name in files and logs."""
        return self.settings.name


def make_contenders(
    space: SearchSpace,
    settings: Sequence[ContenderSettings],
    budgets_ms: Mapping[str, float],
    *,
    seed: int,
) -> tuple[Contender, ...]:
    """The contenders with fresh parameters, one generator for each by its name."""
    return tuple(
        _contender(options_of(space, one), one, budgets_ms.get(one.name), seed) for one in settings
    )


def _contender(
    options: Options, settings: ContenderSettings, budget_ms: float | None, seed: int
) -> Contender:
    generator = torch_generator(seed, "parameters", settings.name)
    parameters = ArchitectureParameters(
        options, generator, searched=settings.is_searched, owner=settings.name
    )
    return Contender(settings, options, parameters, budget_ms)


def all_parameters(contenders: Iterable[Contender]) -> dict[str, torch.Tensor]:
    """Every architecture parameter by ``contender/name``."""
    return {
        f"{contender.name}/{name}": parameter
        for contender in contenders
        for name, parameter in contender.parameters.named_parameters()
    }
