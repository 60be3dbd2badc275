"""What a run came to in words: pure functions from a student's facts to sentences.

A sentence says what was found, against what, and how sure that is.  Nothing is called good or bad
that was held against nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from fasterseg.network.teacher_facts import little_lead
from fasterseg.reporting.facts import RunFacts
from fasterseg.reporting.recommendations import what_would_help
from fasterseg.reporting.results import Verdict
from fasterseg.reporting.sentences import (
    lead_over,
    told_accuracy,
    told_beside,
    told_classes,
    told_search,
    told_speed,
    told_sure,
    weak_classes,
)
from fasterseg.reporting.standing import Accuracy, Searched, Speed, Standing, standings
from fasterseg.reporting.wording import listed, percent, told_apart


def verdicts_of(facts: RunFacts) -> list[Verdict]:
    """The verdicts on the students of a run, in the recipe's order."""
    return [verdict_on(standing) for standing in standings(facts)]


def verdict_on(standing: Standing) -> Verdict:
    """The verdict on a student; the same facts give the same sentences."""
    accuracy = standing.accuracy
    weak = () if accuracy is None else weak_classes(accuracy)
    return Verdict(
        student=standing.name,
        fast_enough=_is_fast(standing.speed),
        speed=told_speed(standing.speed),
        sure=told_sure(standing.speed),
        accuracy=told_accuracy(accuracy),
        beside=told_beside(accuracy),
        weak_classes=tuple(one.name for one in weak),
        classes="" if accuracy is None else told_classes(accuracy, weak),
        search=told_search(standing.searched, accuracy),
        help=f"What would help most: {what_would_help(standing, weak)}.",
        warnings=tuple(_warnings(standing)),
    )


def _is_fast(speed: Speed | None) -> bool | None:
    if speed is None or (speed.keeps_budget and not speed.quiet):
        return None
    return speed.keeps_budget


def _warnings(standing: Standing) -> Iterator[str]:
    if standing.accuracy is not None:
        yield from _accuracy_warnings(standing.accuracy)
    if standing.searched is not None:
        yield from _search_warnings(standing.searched, standing.accuracy)
    if standing.speed is not None:
        yield from _speed_warnings(standing.speed)


def _accuracy_warnings(accuracy: Accuracy) -> Iterator[str]:
    position = accuracy.position
    if position is not None and accuracy.mean_iou <= position:
        yield (
            f"below position alone: {percent(accuracy.mean_iou)} is no more than the "
            f"{percent(position)} of a guess without the image, so it has learned nothing of use"
        )
    randoms = accuracy.randoms
    if randoms and accuracy.mean_iou < sum(randoms) / len(randoms):
        yield f"below the random networks: {lead_over(accuracy.mean_iou, randoms)}"
    if accuracy.taught is not None and (little := little_lead(accuracy.taught.lead)):
        yield little


def _search_warnings(searched: Searched, accuracy: Accuracy | None) -> Iterator[str]:
    subnet, others = searched.subnet, searched.random_subnets
    trained = accuracy is not None and accuracy.randoms
    if subnet is not None and others and not trained and subnet < sum(others) / len(others):
        yield f"below the random networks: in the supernet {lead_over(subnet, others)}"
    if searched.decided_nothing:
        how = (
            f"; the student was chosen by scoring {searched.candidates} candidates instead"
            if searched.candidates
            else ""
        )
        yield (
            f"the search decided nothing: the {listed(searched.undecided)} ended as undecided as "
            f"noise alone leaves them{how}"
        )


def _speed_warnings(speed: Speed) -> Iterator[str]:
    if not speed.quiet:
        yield "a noisy machine: too few windows of the measurement were quiet to promise a latency"
    if speed.promise == "median" and speed.keeps_budget and speed.p95_ms > speed.budget_ms:
        found, budget = told_apart(speed.p95_ms, speed.budget_ms)
        yield (
            f"one image in twenty takes longer than the budget: the 95th percentile is {found} ms, "
            f"the budget {budget} ms, and this recipe promises the median only (promise: median)"
        )
