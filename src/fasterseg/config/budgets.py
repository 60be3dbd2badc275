"""Budgets as they are written: milliseconds, a share of the space's range, or halfway."""

from __future__ import annotations

import math
import re

# Milliseconds, or how far from the fastest (0 %) to the slowest (100 %) network of the space.
BUDGET_PATTERN = r"^(halfway|\d+(\.\d+)?\s*(ms|%))$"


def possible_budget(budget: str | None) -> str | None:
    """Return a budget of the right form; raises ValueError for one that no network can meet."""
    number = float(re.sub(r"[^\d.]", "", budget or "") or 1)
    if budget and budget.endswith("ms") and not number:
        raise ValueError(f"{budget!r} is no time that a network could take")
    if budget and budget.endswith("%") and number > 100:
        raise ValueError(
            f"{budget!r}: from the fastest (0%) to the slowest network of the space are 100%"
        )
    return budget


def budget_label(budget: str) -> str:
    """A budget as part of a file's name: ``8ms``, ``12.5ms``, ``25pct``, ``halfway``."""
    text = budget.replace(" ", "")
    for unit, word in (("ms", "ms"), ("%", "pct")):
        if text.endswith(unit):
            return f"{float(text.removesuffix(unit)):.10g}{word}"
    return text


def budget_option(ms: float) -> str:
    """The words that ask for a budget of at least so many milliseconds, as they are typed."""
    digits = max(0, 2 - math.floor(math.log10(ms)))
    return f"--budget {math.ceil(ms * 10**digits) / 10**digits:.{digits}f}ms"


def budget_in_ms(budget: str, *, fastest_ms: float, slowest_ms: float) -> float:
    """A budget in milliseconds, given the two ends of the space."""
    text = "50%" if budget == "halfway" else budget.replace(" ", "")
    if text.endswith("%"):
        return fastest_ms + float(text.removesuffix("%")) / 100 * (slowest_ms - fastest_ms)
    return float(text.removesuffix("ms"))
