"""The sentences of a verdict: how fast and how accurate it is, and what the search did for it."""

from __future__ import annotations

from collections.abc import Sequence

from fasterseg.reporting.results import PACE_WORTH_A_WORD
from fasterseg.reporting.standing import Accuracy, ClassScore, Searched, Speed
from fasterseg.reporting.wording import listed, of_several, percent, several, told_apart
from fasterseg.searching.summaries.selection_summary import RivalSummary

CLEAR_LEAD = 0.05
"""By less than this, five points of mean IoU, better than position alone is hardly better."""
WEAK_SHARE = 0.5
"""A class is weak below this share of the mean IoU."""
NAMED = 5


def told_speed(speed: Speed | None) -> str:
    """Whether it is fast enough."""
    if speed is None:
        return "Fast enough? Not known: it has not been measured."
    word = "Fast enough" if speed.keeps_budget else "Too slow"
    if speed.keeps_budget and not speed.quiet:
        word = "Perhaps fast enough"
    found, budget = told_apart(speed.promised_ms, speed.budget_ms)
    statistic = "95th percentile" if speed.promise == "p95" else "median"
    size = f" for images of {speed.size}" if speed.size else ""
    return f"{word}: its {statistic} is {found} ms{size}, the budget {budget} ms."


def told_sure(speed: Speed | None) -> str:
    """On what that was measured, and how sure it is."""
    if speed is None:
        return ""
    on = f"Measured on the exported file: {speed.target}. " if speed.target else ""
    return f"{on}{_sure(speed)}"


def _sure(speed: Speed) -> str:
    """How sure that is: the margin, beside what two measurements of one network differ by."""
    margin = abs(speed.promised_ms / speed.budget_ms - 1)
    side = "below" if speed.keeps_budget else "above"
    noise = percent(PACE_WORTH_A_WORD, 0)
    if not speed.quiet:
        sure = "How sure: not sure, the machine was too noisy."
    elif margin < PACE_WORTH_A_WORD:
        sure = (
            f"How sure: not very, it is {percent(margin)} {side} the budget, and two measurements "
            f"of one network may differ by {noise}."
        )
    else:
        sure = (
            f"How sure: it is {percent(margin)} {side} the budget, more than the {noise} that two "
            "measurements of one network may differ by."
        )
    return sure + _pace(speed)


def _pace(speed: Speed) -> str:
    if abs(speed.pace - 1) < PACE_WORTH_A_WORD:
        return ""
    changed = "slower" if speed.pace > 1 else "faster"
    by = speed.pace - 1 if speed.pace > 1 else 1 / speed.pace - 1
    return (
        f" The machine ran {percent(by, 0)} {changed} than when its latency table was made; that "
        f"is taken out, by the clock it was {speed.promised_ms * speed.pace:.2f} ms."
    )


def told_accuracy(accuracy: Accuracy | None) -> str:
    """Whether it sees more than position alone tells."""
    if accuracy is None:
        return "Accurate enough? Not known: it has not been scored."
    own = f"mean IoU {percent(accuracy.mean_iou)} on {accuracy.on}"
    return f"{_against_position(accuracy, own)}."


def told_beside(accuracy: Accuracy | None) -> str:
    """What the other networks of the run have."""
    if accuracy is None:
        return ""
    parts = []
    if accuracy.randoms:
        parts.append(f"{_randoms(accuracy.randoms)}.")
    parts += [f"The baseline {name} has {percent(score)}." for name, score in accuracy.baselines]
    if accuracy.taught is not None:
        parts.append(accuracy.taught.describe())
    elif accuracy.teacher is not None:
        parts.append(f"Its teacher has {percent(accuracy.teacher)}.")
    return " ".join(parts)


def _against_position(accuracy: Accuracy, own: str) -> str:
    position = accuracy.position
    if position is None:
        return f"Held against nothing: {own}; what position alone would score is not known"
    lead = accuracy.mean_iou - position
    word = "Better" if lead >= CLEAR_LEAD else "Hardly better" if lead > 0 else "No better"
    return (
        f"{word} than position alone: {own}; a guess from where a pixel lies, without the image, "
        f"has {percent(position)}"
    )


def _randoms(scores: Sequence[float]) -> str:
    """What random networks of its latency score that were trained as it was."""
    if len(scores) == 1:
        return f"A random network of its latency, trained as it was, has {percent(scores[0])}"
    return (
        f"{several(len(scores)).capitalize()} random networks of its latency, trained as it was, "
        f"have {of_several(scores)}"
    )


def weak_classes(accuracy: Accuracy) -> tuple[ClassScore, ...]:
    """The classes at less than half of the mean IoU, the weakest first."""
    low = [one for one in accuracy.classes if one.iou < WEAK_SHARE * accuracy.mean_iou]
    return tuple(sorted(low, key=lambda one: (one.iou, one.name)))


def told_classes(accuracy: Accuracy, weak: Sequence[ClassScore]) -> str:
    """The weak classes by name, or that there is none."""
    if not accuracy.classes:
        return ""
    if not weak:
        lowest = min(accuracy.classes, key=lambda one: (one.iou, one.name))
        return f"No class is weak: the lowest is {lowest.name} with {percent(lowest.iou)}."
    named = [
        f"{one.name} ({percent(one.iou)}, {percent(one.share)} of the pixels)"
        for one in weak[:NAMED]
    ]
    rest = len(weak) - NAMED
    named += [f"{rest} more"] if rest > 0 else []
    each = "each of them " if len(weak) > 1 else ""
    return f"Weak: {listed(named)}, {each}below half of the mean IoU."


def told_search(searched: Searched | None, accuracy: Accuracy | None) -> str:
    """Whether the search was worth it, and what it left to noise."""
    if searched is None:
        return "Was the search worth it? Not known: it has not come to its end."
    if searched.widest:
        return "There was no search for it: it is the widest network of the space."
    return f"{_worth(searched, accuracy)}{_what_it_left_open(searched)}"


def _worth(searched: Searched, accuracy: Accuracy | None) -> str:
    """By the best evidence there is: trained networks, else subnets, else the selection."""
    if accuracy is not None and accuracy.randoms:
        worth = _among(accuracy.mean_iou, accuracy.randoms, "The search was")
        return f"{worth}: {lead_over(accuracy.mean_iou, accuracy.randoms)}, trained as it was."
    if searched.subnet is not None and searched.random_subnets:
        worth = _among(searched.subnet, searched.random_subnets, "The search was probably")
        return (
            f"{worth}: as a subnet of the supernet it had {percent(searched.subnet)}, "
            f"{_counted(searched.random_subnets)} {of_several(searched.random_subnets)}; none of "
            "these was trained by itself."
        )
    if searched.rival is not None:
        return _against(searched.rival)
    return "Was the search worth it? Not known: no random network of its latency was scored."


def _against(rival: RivalSummary) -> str:
    """By the lead over another candidate of the selection: once both were trained, if they were."""
    trained = rival.trained is not None
    lead = rival.lead if trained else rival.validation_lead
    whose, when = ("it", ", both trained for a while") if trained else ("its subnet", "")
    if lead.is_behind:
        return (
            f"The search was probably not worth it: {rival.name} leads {whose} by "
            f"{lead.reversed.points} points{when}."
        )
    if lead.is_seen:
        return (
            f"The search was probably worth it: {whose} leads {rival.name} by {lead.points} "
            f"points{when}."
        )
    return f"The search was not shown to be worth it: no more than noise before {rival.name}."


def _among(own: float, others: Sequence[float], begin: str) -> str:
    if own > max(others):
        return f"{begin} worth it"
    lost = own < sum(others) / len(others)
    return f"{begin} not worth it" if lost else "The search was not shown to be worth it"


def lead_over(own: float, others: Sequence[float]) -> str:
    """By how much it is better, or worse, than random networks."""
    points = 100 * (own - sum(others) / len(others))
    side = "better" if points >= 0 else "worse"
    return f"it is {abs(points):.1f} points {side} than {_counted(others, mean=True)}"


def _counted(scores: Sequence[float], *, mean: bool = False) -> str:
    if len(scores) == 1:
        return "a random network of its latency"
    who = f"{several(len(scores))} random networks of its latency"
    return f"the mean of {who}" if mean else who


def _what_it_left_open(searched: Searched) -> str:
    if not searched.undecided or searched.decided_nothing:
        return ""
    return f" It did not decide the {listed(searched.undecided)}: noise did."
