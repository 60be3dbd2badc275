"""What the networks of a search are worth: their subnets' scores, beside those of random ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fasterseg.errors import BudgetError
from fasterseg.events import Progress
from fasterseg.searching.landing.on_budget import Landing
from fasterseg.searching.landing.scores import ResampledScore, ScoreResampled
from fasterseg.searching.selecting.choosing import Choice
from fasterseg.searching.selecting.randoms import RandomName, sample_random
from fasterseg.searching.steps.contenders import Contender
from fasterseg.space.architecture import Architecture
from fasterseg.space.pricing import Pricing

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

    `rivals` are those that a student was selected before, in their order.  `missing` says why there
    are fewer random ones than were asked for.  A network that was not searched is no subnet and has
    no score.
    """

    own: ResampledScore | None
    randoms: tuple[ScoredRandom, ...] = ()
    missing: str = ""
    rivals: tuple[ResampledScore, ...] = ()


def score_all(
    contenders: Sequence[Contender],
    choices: Mapping[str, Choice],
    score: ScoreResampled,
    *,
    pricing: Pricing,
    seed: int,
    random_count: int,
    progress: Progress,
    apart: bool = False,
) -> dict[str, SubnetScores]:
    """The subnets' scores by contender, a student's beside its rivals' and random ones'.

    What contenders have in common is scored once, unless they are `apart`.
    """
    students = [one.name for one in contenders if one.settings.role == "student"]
    total = subnets_of(contenders, choices) + random_count * len(students)
    known: dict[tuple[Architecture, str], ResampledScore] = {}
    done = 0

    def scored(name: str, architecture: Architecture, told: str = "") -> ResampledScore:
        nonlocal done
        key = architecture, name if apart else ""
        if key not in known:
            known[key] = score(architecture, name)
        done += 1
        progress(done, total, told or name)
        return known[key]

    scores: dict[str, SubnetScores] = {}
    for contender in contenders:
        name, choice = contender.name, choices[contender.name]
        searched, architecture = contender.settings.is_searched, choice.landing.architecture
        own = scored(name, architecture) if searched else None
        randoms, missing = list[ScoredRandom](), ""
        rivals = tuple(scored(name, one.candidate.architecture) for one in choice.rivals.values())
        count = random_count if name in students else 0
        try:
            for random, one in _random_like(
                contender, choice.landing, pricing, seed=seed, count=count
            ):
                mean_iou = scored(name, one, str(random)).mean_iou
                randoms.append(ScoredRandom(random.file_name, one, mean_iou))
        except BudgetError as error:  # where the space is thin; no reason to lose a search
            missing = f"{name}: {error.what}; {error.why}"
        scores[name] = SubnetScores(own, tuple(randoms), missing, rivals)
    return scores


def subnets_of(contenders: Sequence[Contender], choices: Mapping[str, Choice]) -> int:
    """How many subnets the contenders that were searched and their rivals are."""
    return sum(one.settings.is_searched + len(choices[one.name].rivals) for one in contenders)


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
