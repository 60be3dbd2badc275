"""The latency penalty, split by kind of choice so that none of them collapses.

The expected latency answers very unequally to choices of kinds, of paths and of widths.  Each of
these sections gets a term of its own, the same latency but with a gradient to that section alone,
and a weight of its own.  (*latency regularisation with finer granularity*)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from fasterseg.config import PenaltySettings
from fasterseg.space.choices import SECTIONS, Section
from fasterseg.space.options import Options
from fasterseg.supernet.relaxation import Relaxation, one_hot, uniform, widest

Latency = Callable[[Relaxation], Tensor]


def only(relaxation: Relaxation, section: Section) -> Relaxation:
    """The same weights, with a gradient to one section's choices alone."""
    return relaxation.detached() | relaxation.section(section)


def latency_terms(
    latency: Latency, relaxation: Relaxation, *, others: Relaxation | None = None
) -> dict[Section, Tensor]:
    """The expected latency in milliseconds three times, each for one section's choices.

    All other choices are as in `others`; without it as they are.
    """
    return {
        section: latency(
            only(relaxation, section) if others is None else others | relaxation.section(section)
        )
        for section in SECTIONS
    }


def latency_penalty(
    latency: Latency,
    relaxation: Relaxation,
    *,
    unit_ms: float,
    weights: Mapping[Section, float],
    others: Relaxation | None = None,
) -> Tensor:
    """The weighted sum of the terms, in units of so many milliseconds; see `latency_terms`."""
    terms = latency_terms(latency, relaxation, others=others)
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum() / unit_ms


def joint_penalty(latency: Latency, relaxation: Relaxation, *, unit_ms: float) -> Tensor:
    """The latency as one term for all choices, in such units: what the split replaces."""
    return latency(relaxation) / unit_ms


def even_others(options: Options) -> Relaxation:
    """What a term is computed at in the authors' code: kinds and paths even, widths the largest."""
    return widest(options, uniform(options))


@dataclass(frozen=True, slots=True)
class Response:
    """How far one section's choices alone move the supernet's latency, in milliseconds."""

    section: Section
    lowest_ms: float
    highest_ms: float

    @property
    def range_ms(self) -> float:
        """From the lowest to the highest."""
        return self.highest_ms - self.lowest_ms


def responses(latency: Latency, start: Relaxation) -> tuple[Response, ...]:
    """The table behind the penalty's weights: the latency's range under each section's choices.

    They are set, one after the other, to what lowers (raises) the latency most, all else staying
    as in `start`; only options that carry weight there are taken.
    """
    return tuple(
        Response(
            section,
            _extreme(latency, start, section, sign=1.0),
            _extreme(latency, start, section, sign=-1.0),
        )
        for section in SECTIONS
    )


def _extreme(latency: Latency, start: Relaxation, section: Section, *, sign: float) -> float:
    """Descend on the exact gradient: the latency is linear in each single choice."""
    relaxation = start
    # Kinds at different places do not see each other, so all of them may move at once.
    steps = 2 if section == "kinds" else len(start.section(section))
    for _ in range(steps):
        answers = _best_answers(latency, relaxation, start.section(section), sign=sign)
        if not answers:
            break
        best = max(answers.items(), key=lambda answer: answer[1].gain)
        moved = answers if section == "kinds" else dict([best])
        relaxation = relaxation | {name: answer.weights for name, answer in moved.items()}
    return float(latency(relaxation).detach())


@dataclass(frozen=True, slots=True)
class _Answer:
    """A choice's best single option, and by how much less it costs than the weights now."""

    weights: Tensor
    gain: float


def _best_answers(
    latency: Latency, relaxation: Relaxation, start: Mapping[str, Tensor], *, sign: float
) -> dict[str, _Answer]:
    """For each choice that gains by moving: the option, of those in `start`, that gains most."""
    leaves = {name: relaxation[name].detach().requires_grad_() for name in start}
    if not leaves:
        return {}
    value = sign * latency(relaxation | leaves)
    gradients = torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
    answers = {}
    for (name, weights), gradient in zip(leaves.items(), gradients, strict=True):
        if gradient is not None:
            allowed = gradient.masked_fill(start[name] <= 0, torch.inf)
            best = one_hot(int(allowed.argmin()), len(weights))
            answers[name] = _Answer(best, float((gradient * (weights.detach() - best)).sum()))
    return {name: answer for name, answer in answers.items() if answer.gain > 1e-12}


def penalty_weights(
    settings: PenaltySettings, answers: tuple[Response, ...]
) -> dict[Section, float]:
    """The terms' weights: as set, or in inverse proportion to the measured responses.

    The latter is how the paper chose its own; they sum to one.
    """
    if not settings.balanced:
        return {"kinds": settings.operators, "paths": settings.paths, "widths": settings.widths}
    inverse = {answer.section: 1.0 / max(answer.range_ms, 1e-3) for answer in answers}
    total = sum(inverse.values())
    return {section: value / total for section, value in inverse.items()}
