"""What would help a student most: the first that its facts ask for, in the order of their gain."""

from __future__ import annotations

from collections.abc import Sequence

from fasterseg.config import budget_option
from fasterseg.reporting.results import PACE_WORTH_A_WORD
from fasterseg.reporting.standing import ClassScore, Searched, Speed, Standing
from fasterseg.reporting.wording import listed, percent

LITTLE_LEAD = 0.05
"""With less than these five points before position alone, training comes before all else."""
STILL_RISING = 0.02
RARE = 0.01
"""A class on less than this share of the pixels is rare."""
AHEAD = 0.05
ROOM = 1.05
"""A budget of so many times what was measured leaves room for noise."""
NAMED = 3


def what_would_help(standing: Standing, weak: Sequence[ClassScore]) -> str:
    """A clause with what to do: `weak` are the weak classes, the weakest first."""
    return (
        _for_speed(standing.speed)
        or _to_be_run(standing)
        or _for_training(standing)
        or _for_search(standing)
        or _for_classes(standing, weak)
    )


def _for_speed(speed: Speed | None) -> str:
    if speed is None or (speed.keeps_budget and speed.quiet):
        return ""
    again = "measuring again on a quieter machine (the same command does)"
    if speed.keeps_budget:
        return again if speed.promise == "p95" else "a benchmark on a quieter machine"
    larger = f"a new run with {budget_option(ROOM * speed.promised_ms)}"
    near = speed.promised_ms / speed.budget_ms - 1 < PACE_WORTH_A_WORD
    return f"{again}, else {larger}" if near or not speed.quiet else f"{larger}, or smaller images"


def _to_be_run(standing: Standing) -> str:
    done = (standing.searched, standing.accuracy, standing.speed)
    return "" if all(one is not None for one in done) else "letting the run come to its end"


def _for_training(standing: Standing) -> str:
    accuracy, steps = standing.accuracy, f"student.steps, now {standing.steps:,}"
    if accuracy is None:
        return ""
    if accuracy.position is not None and accuracy.mean_iou < accuracy.position + LITTLE_LEAD:
        return (
            f"longer training ({steps}), and a look at the labels: so far it knows little more "
            "than where things usually lie"
        )
    gain = standing.late_gain
    if gain is not None and gain >= STILL_RISING:
        return (
            f"longer training ({steps}): in its last quarter the validation score still rose by "
            f"{100 * gain:.1f} points"
        )
    return ""


def _for_search(standing: Standing) -> str:
    searched, accuracy = standing.searched, standing.accuracy
    if searched is None or searched.widest:
        return ""
    randoms = () if accuracy is None else accuracy.randoms
    lost = (
        accuracy is not None and randoms and accuracy.mean_iou < sum(randoms) / len(randoms)
    ) or _lost_as_subnet(searched, trained=bool(randoms))
    if lost or searched.decided_nothing:
        return (
            f"a longer search (search.steps, now {standing.search_steps:,}, or search.hours): this "
            f"one {'found less than chance does' if lost else 'decided nothing'}"
        )
    return ""


def _lost_as_subnet(searched: Searched, *, trained: bool) -> bool:
    others, own = searched.random_subnets, searched.subnet
    return not trained and bool(others) and own is not None and own < sum(others) / len(others)


def _for_classes(standing: Standing, weak: Sequence[ClassScore]) -> str:
    rare = [one for one in weak if one.share < RARE][:NAMED]
    if rare:
        share = percent(sum(one.share for one in rare), 2)
        verb = "it has" if len(rare) == 1 else "together they have"
        names = listed([one.name for one in rare])
        return f"more labelled images with {names}: {verb} {share} of the pixels"
    accuracy = standing.accuracy
    teacher = None if accuracy is None else accuracy.teacher
    if accuracy is not None and teacher is not None and teacher >= accuracy.mean_iou + AHEAD:
        return f"a larger budget: the teacher, which has none, has {percent(teacher)}"
    if weak:
        worst = weak[0]
        taken = f", which is mostly taken for {worst.taken_for}" if worst.taken_for else ""
        return f"more labelled images with {worst.name}{taken}"
    return "more labelled images: nothing that was measured here points elsewhere"
