"""The recipe's latency penalty, and how its strength is steered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from fasterseg.config.budgets import possible_budget, stated_ms
from fasterseg.config.sections import Section
from fasterseg.foreign.bounds import MOST
from fasterseg.foreign.strict_json import shortened


class PenaltySettings(Section):
    """Weights of the penalty's three terms (*latency regularisation with finer granularity*)."""

    operators: float = Field(0.001, ge=0, le=MOST)
    """Weight of the term for operators.  The paper's; the authors' code has 0.002."""
    paths: float = Field(0.997, ge=0, le=MOST)
    """Weight of the term for paths, where branches go down.  The paper's; the authors' code has
    0.994."""
    widths: float = Field(0.002, ge=0, le=MOST)
    """Weight of the term for widths.  The paper's; the authors' code has 0.004."""
    decoupled: bool = True
    """Whether each kind of choice has a term of its own, as in the paper; false makes one term of
    all, for comparison."""
    balanced: bool = True
    """Whether the three weights follow from how far each kind of choice moves the measured latency,
    in inverse proportion, which is how the paper chose its own; false where a recipe names a
    weight."""
    others: Literal["present", "uniform"] = "present"
    """In a term, what holds of choices of the other kinds: their `present` probabilities, or, as in
    the authors' code, `uniform`: kinds and paths even, widths the largest."""
    per: Literal["budget", "ms"] = "budget"
    """The unit of a term: the latency per `budget`, so that a strength means the same for any, or
    per `ms`, the authors'."""

    @model_validator(mode="before")
    @classmethod
    def _takes_weights_as_they_are(cls, given: Any) -> Any:
        terms = {"operators", "paths", "widths"}
        if not isinstance(given, Mapping) or given.get("decoupled") is False:
            return given
        return {"balanced": False, **given} if terms & given.keys() else given


class ControlSettings(Section):
    """How the penalty's strength follows a student's latency.

    Without a `window` it moves by how far the expected latency lies outside of what keeps the
    budget (`search.control_gain` says how hard).  With one, as in the authors' code, it is the
    derived network's latency that counts, once in `search.control_every` steps.
    """

    window: tuple[str, str] | None = None
    """Two latencies, each in ms or fps: at the fast end or beyond it the strength is divided by
    `factor`, at the slow end or beyond it multiplied.  The authors have 155fps and 175fps."""
    factor: float = Field(2.0, gt=1, le=MOST)
    """By how much the strength is multiplied or divided at an end of the window; 2 is the
    authors'."""

    @field_validator("window")
    @classmethod
    def _has_two_ends(cls, window: tuple[str, str] | None) -> tuple[str, str] | None:
        if window is not None and len({_end_ms(end) for end in window}) < 2:
            raise ValueError(f"both ends of the window are {window[0]}; say two latencies")
        return window

    @property
    def window_ms(self) -> tuple[float, float] | None:
        """The fast and the slow end in milliseconds; None without a window."""
        if self.window is None:
            return None
        fast, slow = sorted(map(_end_ms, self.window))
        return fast, slow


def _end_ms(latency: str) -> float:
    known = stated_ms(possible_budget(latency) or "", {})
    if known is None:
        raise ValueError(f"{shortened(latency)!r} is no latency; write it like 6.5ms")
    return known
