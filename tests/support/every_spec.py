"""The profiler's list by the settings of contenders."""

from __future__ import annotations

from collections.abc import Iterable

from fasterseg.config import ContenderSettings
from fasterseg.latency.enumeration import specs_of
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.options import Options
from fasterseg.space.search_space import SearchSpace


def all_specs(
    space: SearchSpace, contenders: Iterable[ContenderSettings], geometry: Geometry
) -> tuple[BlockSpec, ...]:
    """Every spec that a network of one of the contenders can hold."""
    return specs_of([Options.of(space, contender) for contender in contenders], geometry)
