"""The end of a search: architectures on their budgets, measured, and their subnets' scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fasterseg.errors import BudgetError
from fasterseg.events import Progress
from fasterseg.pipeline.randoms import RandomName, draw_random
from fasterseg.space.architecture import Architecture

if TYPE_CHECKING:
    from fasterseg.pipeline.assembling import SearchAssembly
    from fasterseg.searching.contenders import Contender
    from fasterseg.searching.landing import Landing
    from fasterseg.searching.measurements import KeptMeasurements


@dataclass(frozen=True, slots=True)
class ScoredRandom:
    """A random architecture of a student's latency, and its subnet's mean IoU."""

    name: str
    architecture: Architecture
    mean_iou: float


@dataclass(frozen=True, slots=True)
class SubnetScores:
    """What subnets of one supernet score: a contender's own, and random ones of its latency.

    `missing` says why there are fewer of these than were asked for.
    """

    own: float
    randoms: tuple[ScoredRandom, ...] = ()
    missing: str = ""


def derive_all(assembly: SearchAssembly, *, progress: Progress) -> dict[str, Landing]:
    """Every contender's most probable architecture, measured; students on their budgets."""
    found = {}
    for index, contender in enumerate(assembly.contenders):
        found[contender.name] = _derived(assembly, contender)
        progress(index + 1, len(assembly.contenders), contender.name)
    return found


def measurements(assembly: SearchAssembly) -> KeptMeasurements:
    """Measures whole networks for the assembly's contenders, each time once."""
    from fasterseg.searching.measurements import KeptMeasurements

    return KeptMeasurements(assembly.run.search / "measured.json", assembly.measure)


def _derived(assembly: SearchAssembly, contender: Contender) -> Landing:
    from fasterseg.searching.derivation import derive
    from fasterseg.searching.landing import Landing, Tried, land

    kept, probabilities = measurements(assembly), contender.parameters.probabilities()
    measure = kept.of(contender.name)
    if contender.budget_ms is None:
        architecture = derive(contender.options, probabilities)
        latency = measure(architecture)
        estimated_ms = assembly.pricing(architecture)
        return Landing(architecture, Tried(estimated_ms, latency.median_ms, latency.p95_ms))
    try:
        return land(
            contender.options,
            probabilities,
            assembly.pricing,
            measure,
            budget_ms=contender.budget_ms,
            promise=assembly.recipe.promise,
        )
    except BudgetError as error:
        kept.forget(contender.name)  # the next try measures anew, on a quieter machine
        error.told(where=contender.name)  # of several students it is this one
        raise


def score_all(
    assembly: SearchAssembly,
    found: Mapping[str, Landing],
    *,
    random_count: int,
    progress: Progress,
) -> dict[str, SubnetScores]:
    """The subnets' scores by contender, a student's beside random ones of its own latency."""
    from fasterseg.pipeline.subnets import subnet_scorer

    score = subnet_scorer(
        assembly.recipe,
        assembly.weights.supernet,
        assembly.source,
        assembly.batches("calibration", assembly.halves[0]),
        device=assembly.device,
    )
    total = len(found) + random_count * len(assembly.students)
    scores: dict[str, SubnetScores] = {}
    done = 0

    def scored(name: str, architecture: Architecture) -> float:
        nonlocal done
        mean_iou = score(architecture)
        done += 1
        progress(done, total, name)
        return mean_iou

    for name, landing in found.items():
        own, randoms, missing = scored(name, landing.architecture), list[ScoredRandom](), ""
        try:
            for random, one in _random_like(assembly, name, landing, random_count):
                randoms.append(ScoredRandom(random.file_name, one, scored(str(random), one)))
        except BudgetError as error:  # where the space is thin; no reason to lose a search
            missing = f"{name}: {error.what}; {error.why}"
        scores[name] = SubnetScores(own, tuple(randoms), missing)
    return scores


def _random_like(
    assembly: SearchAssembly, name: str, landing: Landing, count: int
) -> Iterator[tuple[RandomName, Architecture]]:
    """Random architectures with the estimated latency of a student; none for a teacher."""
    recipe, pricing = assembly.recipe, assembly.pricing
    for student in assembly.students:
        for number in range(1, count + 1) if student.name == name else ():
            latency_ms = landing.estimated_ms
            drawn = draw_random(recipe, pricing, student, number, latency_ms=latency_ms)
            yield RandomName(name, number), drawn
