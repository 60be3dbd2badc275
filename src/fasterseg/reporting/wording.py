"""Numbers and lists as sentences have them."""

from __future__ import annotations

from collections.abc import Sequence

_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def percent(share: float, digits: int = 1) -> str:
    """A share of one in percent: ``46.0 %``."""
    return f"{100 * share:.{digits}f} %"


def several(count: int) -> str:
    """A small number in words."""
    return _WORDS[count] if count < len(_WORDS) else str(count)


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def of_several(scores: Sequence[float]) -> str:
    """Shares of one: the one there is, or their mean and both ends."""
    if len(scores) == 1:
        return percent(scores[0])
    mean = sum(scores) / len(scores)
    return f"{percent(mean)} on average ({100 * min(scores):.1f} to {percent(max(scores))})"


def told_apart(first: float, second: float) -> tuple[str, str]:
    """Two numbers with two decimals, or with as many as tell them apart, six at most."""
    for digits in range(2, 7):
        told = f"{first:.{digits}f}", f"{second:.{digits}f}"
        if told[0] != told[1] or first == second:
            break
    return told
