"""The latency penalty, split by kind of choice so that none of them collapses.

The expected latency answers very unequally to operators, paths and widths.  Each kind gets a term
of its own, the same latency but with a gradient to that kind alone, and a weight of its own.
(*latency regularisation with finer granularity*)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from fasterseg.config import PenaltySettings
from fasterseg.supernet.relaxation import Relaxation, one_hot

ChoiceKind = Literal["operators", "paths", "widths"]
CHOICE_KINDS: tuple[ChoiceKind, ...] = ("operators", "paths", "widths")
Latency = Callable[[Relaxation], Tensor]


def only(relaxation: Relaxation, kind: ChoiceKind) -> Relaxation:
    """The same weights, with a gradient to one kind of choice alone."""
    parts: dict[ChoiceKind, Mapping[object, Tensor]] = {
        "operators": relaxation.operators,  # type: ignore[dict-item]
        "paths": relaxation.paths,  # type: ignore[dict-item]
        "widths": relaxation.widths,  # type: ignore[dict-item]
    }
    kept = {
        name: dict(part) if name == kind else {key: t.detach() for key, t in part.items()}
        for name, part in parts.items()
    }
    return Relaxation(kept["operators"], kept["paths"], kept["widths"])  # type: ignore[arg-type]


def latency_terms(latency: Latency, relaxation: Relaxation) -> dict[ChoiceKind, Tensor]:
    """The expected latency in milliseconds three times, each for one kind of choice."""
    return {kind: latency(only(relaxation, kind)) for kind in CHOICE_KINDS}


def latency_penalty(
    latency: Latency,
    relaxation: Relaxation,
    *,
    budget_ms: float,
    weights: Mapping[ChoiceKind, float],
) -> Tensor:
    """The weighted sum of the terms, in units of the budget."""
    terms = latency_terms(latency, relaxation)
    return torch.stack([weights[kind] * term for kind, term in terms.items()]).sum() / budget_ms


def joint_penalty(latency: Latency, relaxation: Relaxation, *, budget_ms: float) -> Tensor:
    """The latency as one term for all choices, in units of the budget: what the split replaces."""
    return latency(relaxation) / budget_ms


@dataclass(frozen=True, slots=True)
class Response:
    """How far one kind of choice alone moves the supernet's latency, in milliseconds."""

    kind: ChoiceKind
    lowest_ms: float
    highest_ms: float

    @property
    def range_ms(self) -> float:
        """From the lowest to the highest."""
        return self.highest_ms - self.lowest_ms


def responses(latency: Latency, start: Relaxation) -> tuple[Response, ...]:
    """The table behind the penalty's weights: the latency's range under each kind of choice.

    One kind's choices are set, one after the other, to what lowers (raises) the latency most,
    all else staying as in `start`; only options that carry weight there are taken.
    """
    return tuple(
        Response(
            kind,
            _extreme(latency, start, kind, sign=1.0),
            _extreme(latency, start, kind, sign=-1.0),
        )
        for kind in CHOICE_KINDS
    )


def _extreme(latency: Latency, start: Relaxation, kind: ChoiceKind, *, sign: float) -> float:
    """Descend on the exact gradient: the latency is linear in each single choice."""
    relaxation = start
    excluded = {key: weights <= 0 for key, weights in _part(start, kind).items()}
    for _ in range(2 if kind == "operators" else len(excluded)):
        found = _best_answers(latency, relaxation, kind, sign, excluded)
        if found is None:
            break
        relaxation = found
    return float(latency(relaxation).detach())


def _best_answers(
    latency: Latency,
    relaxation: Relaxation,
    kind: ChoiceKind,
    sign: float,
    excluded: Mapping[object, Tensor],
) -> Relaxation | None:
    """One choice (all of them, for operators) moved to where the gradient is best; None at rest."""
    weights = {key: w.detach().requires_grad_() for key, w in _part(relaxation, kind).items()}
    if not weights:
        return None
    value = latency(_replaced(relaxation, kind, weights))
    gradients: tuple[Tensor | None, ...] = torch.autograd.grad(
        sign * value, list(weights.values()), allow_unused=True
    )
    answers: dict[object, tuple[float, Tensor]] = {}
    for (key, weight), gradient in zip(weights.items(), gradients, strict=True):
        if gradient is None:
            continue
        allowed = gradient.masked_fill(excluded[key], torch.inf)
        best = one_hot(int(allowed.argmin()), len(weight))
        gain = float((gradient * (weight.detach() - best)).sum())
        if gain > 1e-12:
            answers[key] = (gain, best)
    if not answers:
        return None
    chosen = answers if kind == "operators" else dict([max(answers.items(), key=lambda i: i[1][0])])
    merged = {**_part(relaxation, kind), **{key: best for key, (_, best) in chosen.items()}}
    return _replaced(relaxation, kind, merged)


def _part(relaxation: Relaxation, kind: ChoiceKind) -> Mapping[object, Tensor]:
    return getattr(relaxation, kind)  # type: ignore[no-any-return]


def _replaced(
    relaxation: Relaxation, kind: ChoiceKind, weights: Mapping[object, Tensor]
) -> Relaxation:
    parts = {name: _part(relaxation, name) for name in CHOICE_KINDS}
    parts[kind] = weights
    return Relaxation(parts["operators"], parts["paths"], parts["widths"])  # type: ignore[arg-type]


def penalty_weights(
    settings: PenaltySettings, answers: tuple[Response, ...]
) -> dict[ChoiceKind, float]:
    """The terms' weights: as set, or in inverse proportion to the measured responses.

    The latter is how the paper chose its own; they sum to one.
    """
    if not settings.balanced:
        return {"operators": settings.operators, "paths": settings.paths, "widths": settings.widths}
    inverse = {answer.kind: 1.0 / max(answer.range_ms, 1e-3) for answer in answers}
    total = sum(inverse.values())
    return {kind: value / total for kind, value in inverse.items()}
