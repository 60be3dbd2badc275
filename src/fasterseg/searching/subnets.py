"""What the networks of a search are worth: their subnets' scores, beside those of random ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fasterseg.errors import BudgetError
from fasterseg.events import Progress
from fasterseg.searching.contenders import Contender
from fasterseg.searching.landing import Landing
from fasterseg.searching.randoms import RandomName, sample_random
from fasterseg.space.architecture import Architecture
from fasterseg.space.pricing import Pricing

Score = Callable[[Architecture], float]
"""The mean IoU of an architecture's subnet, a share of one."""

RANDOM_SUBNETS = 3
"""Random architectures of a student's latency that are scored beside it."""


@dataclass(frozen=True, slots=True)
class ScoredRandom:
    """A random architecture of a student's latency, and its subnet's mean IoU."""

    name: str
    architecture: Architecture
    mean_iou: float


@dataclass(frozen=True, slots=True)
class SubnetScores:
    """What subnets of one supernet score: a contender's own, and random ones of its latency.

    `missing` says why there are fewer of these than were asked for.  A network that was not
    searched is no subnet and has no score.
    """

    own: float | None
    randoms: tuple[ScoredRandom, ...] = ()
    missing: str = ""


def score_all(
    contenders: Sequence[Contender],
    found: Mapping[str, Landing],
    score: Score,
    *,
    pricing: Pricing,
    seed: int,
    random_count: int,
    progress: Progress,
) -> dict[str, SubnetScores]:
    """The subnets' scores by contender, a student's beside random ones of its own latency."""
    students = [one.name for one in contenders if one.settings.role == "student"]
    searched = [one.name for one in contenders if one.settings.is_searched]
    done, total = 0, len(searched) + random_count * len(students)

    def scored(name: str, architecture: Architecture) -> float:
        nonlocal done
        mean_iou = score(architecture)
        done += 1
        progress(done, total, name)
        return mean_iou

    scores: dict[str, SubnetScores] = {}
    for contender in contenders:
        name, landing = contender.name, found[contender.name]
        own = scored(name, landing.architecture) if name in searched else None
        randoms, missing = list[ScoredRandom](), ""
        count = random_count if name in students else 0
        try:
            for random, one in _random_like(contender, landing, pricing, seed=seed, count=count):
                randoms.append(ScoredRandom(random.file_name, one, scored(str(random), one)))
        except BudgetError as error:  # where the space is thin; no reason to lose a search
            missing = f"{name}: {error.what}; {error.why}"
        scores[name] = SubnetScores(own, tuple(randoms), missing)
    return scores


def _random_like(
    contender: Contender, landing: Landing, pricing: Pricing, *, seed: int, count: int
) -> Iterator[tuple[RandomName, Architecture]]:
    """Random architectures with the estimated latency of a contender."""
    for number in range(1, count + 1):
        name = RandomName(contender.name, number)
        yield (
            name,
            sample_random(
                name, contender.options, pricing, seed=seed, latency_ms=landing.estimated_ms
            ),
        )
