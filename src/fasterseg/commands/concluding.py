"""The end of a search: architectures on their budgets, measured, and their subnets' scores."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import TYPE_CHECKING

from fasterseg.commands.options import ProgressCallback
from fasterseg.space.architecture import Architecture
from fasterseg.space.options import Options
from fasterseg.space.sampling import architectures_near

if TYPE_CHECKING:
    from fasterseg.commands.assembling import SearchAssembly
    from fasterseg.searching.contenders import Contender
    from fasterseg.searching.landing import Landing

RANDOM_TOLERANCE = 0.02


def derive_all(assembly: SearchAssembly, *, progress: ProgressCallback) -> dict[str, Landing]:
    """Every contender's architecture, measured; students on their budgets."""
    found = {}
    for index, contender in enumerate(assembly.contenders):
        found[contender.name] = _derived(assembly, contender)
        progress(index + 1, len(assembly.contenders), contender.name)
    return found


def _derived(assembly: SearchAssembly, contender: Contender) -> Landing:
    from fasterseg.searching.derivation import derive
    from fasterseg.searching.landing import Landing, Tried, land

    probabilities = contender.parameters.probabilities()
    if contender.budget_ms is None:
        architecture = derive(contender.options, probabilities)
        latency = assembly.measure(architecture)
        estimated_ms = assembly.pricing(architecture)
        return Landing(architecture, Tried(estimated_ms, latency.median_ms, latency.p95_ms))
    return land(
        contender.options,
        probabilities,
        assembly.pricing,
        assembly.measure,
        budget_ms=contender.budget_ms,
        promise=assembly.recipe.promise,
    )


def score_all(
    assembly: SearchAssembly,
    found: Mapping[str, Landing],
    *,
    random_count: int,
    progress: ProgressCallback,
) -> dict[str, tuple[float, ...]]:
    """The subnets' scores by contender; ``random``: architectures of equal latency."""
    from fasterseg.commands.subnets import subnet_scorer

    score = subnet_scorer(
        assembly.recipe,
        assembly.weights.supernet,
        assembly.source,
        assembly.batches("calibration", assembly.halves[0]),
        device=assembly.device,
    )
    wanted = [(name, landing.architecture) for name, landing in found.items()]
    wanted += [("random", one) for one in _random_like(assembly, found, random_count)]
    scores: dict[str, tuple[float, ...]] = {"random": ()}
    for index, (name, architecture) in enumerate(wanted):
        scores[name] = (*scores.get(name, ()), score(architecture))
        progress(index + 1, len(wanted), name)
    return scores


def _random_like(
    assembly: SearchAssembly, found: Mapping[str, Landing], count: int
) -> tuple[Architecture, ...]:
    """Random architectures with the estimated latency of the first student."""
    if not assembly.students:
        return ()
    student = assembly.students[0]
    return architectures_near(
        Options.of(assembly.recipe.space, student),
        found[student.name].estimated_ms,
        estimate_ms=assembly.pricing,
        generator=Random(assembly.recipe.seed),
        count=count,
        tolerance=RANDOM_TOLERANCE,
    )
