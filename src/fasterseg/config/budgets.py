"""Budgets as they are written: milliseconds, images a second, a share of the range, or a model.

``165fps`` means the time in which so many images pass one after the other, 1000 / 165 ms.  A budget
that names a model means as fast as that on the target, ``2x:MODEL`` twice its time; it becomes
milliseconds where the model has been measured there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from fasterseg.foreign.bounds import MOST, MOST_NAMED
from fasterseg.foreign.strict_json import shortened

# Milliseconds, images a second, or how far from the fastest (0 %) to the slowest (100 %) network.
_NUMBER = re.compile(r"halfway|(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|fps|FPS|%)")
_WORDS = {"ms": "ms", "fps": "fps", "%": "pct"}
_TIMES = re.compile(r"(\d+(?:\.\d+)?)x[:\s]\s*(\S.*)")
# A baseline; what lies in some folder; a file by its suffix; a name of more than one word.
_MODEL = re.compile(
    r"baseline:\S*|\S?.*[/\\].*|[^\s-].*\.(?!ms$)[A-Za-z]\w*|[A-Za-z]\w*(-[\w.]+)+", re.DOTALL
)
_LONGEST = 4096
"""Characters: a path has no more."""
_BASELINE = "baseline:"
WEIGHTS_NAMES = ("best", "last", "ema")
"""A bundle of one of these names is called after the folder above it, its training's."""


@dataclass(frozen=True, slots=True)
class AsFastAs:
    """A budget of so many times what a model takes; `model` is as users name models."""

    model: str
    times: float = 1.0

    @classmethod
    def of(cls, budget: str) -> AsFastAs | None:
        """The model of a budget that names one; None for a number, and for what is no budget."""
        if _NUMBER.fullmatch(budget):
            return None
        found = _TIMES.fullmatch(budget)
        model = found[2] if found else budget
        return cls(model, float(found[1]) if found else 1.0) if _MODEL.fullmatch(model) else None

    def describe(self) -> str:
        """``as fast as baseline:fast-scnn``, ``2 times what baseline:fast-scnn takes``."""
        if self.times == 1:
            return f"as fast as {self.model}"
        return f"{self.times:g} times what {self.model} takes"

    def renamed(self, model: str) -> str:
        """The budget with its model named otherwise."""
        return model if self.times == 1 else f"{self.times:g}x:{model}"

    @property
    def label(self) -> str:
        """As a part of a file's name: ``fast-scnn``, ``2x-fast-scnn``."""
        path = PurePath(self.model.removeprefix(_BASELINE))
        named = path.parent if path.name in WEIGHTS_NAMES and path.parent.name else path
        without_suffix = re.sub(r"\.(?!ms$)[A-Za-z]\w*$", "", named.name)
        name = re.sub(r"[^\w.-]+", "-", without_suffix) or "model"
        return name if self.times == 1 else f"{self.times:g}x-{name}"


def split_budgets(text: str) -> list[str]:
    """The budgets in a text that joins several by commas."""
    return [one.strip() for one in text.split(",")]


def possible_budget(budget: str | None) -> str | None:
    """Return a budget of the right form; raises ValueError for one that no network can meet."""
    if budget is None:
        return None
    if len(budget) > _LONGEST:
        raise ValueError(f"{shortened(budget)!r} has more than {_LONGEST:,} characters")
    model = AsFastAs.of(budget)
    if model is not None:
        if not 0 < model.times <= MOST:
            raise ValueError(f"{shortened(budget)!r} is no time that a network could take")
        return budget
    if not _NUMBER.fullmatch(budget):
        raise ValueError(_no_budget(budget))
    number, unit = _parts(budget)
    if unit != "%" and not 1 / MOST <= number <= MOST:
        raise ValueError(f"{shortened(budget)!r} is no time that a network could take")
    if unit == "%" and number > 100:
        raise ValueError(
            f"{shortened(budget)!r}: from the fastest (0%) to the slowest network of the space are "
            "100%"
        )
    return budget


def _parts(budget: str) -> tuple[float, str]:
    """The number and the unit of a budget that is a number: ``ms``, ``fps`` or ``%``."""
    found = _NUMBER.fullmatch("50%" if budget == "halfway" else budget)
    assert found is not None, "a budget of the right form that names no model"
    return float(found["number"]), found["unit"].lower()


def _ms_of_number(budget: str) -> float | None:
    """The milliseconds of a number that says them, as such or by images a second."""
    number, unit = _parts(budget)
    return {"ms": number, "fps": 1000 / number if number else None}.get(unit)


def _no_budget(given: Any) -> str:
    return f"{shortened(str(given))!r} is none of halfway, 12ms, 80fps and 40%, and names no model"


def one_or_several(value: Any) -> str | tuple[str, ...]:
    """The budget, or the several, of a recipe's value; raises ValueError for what is none."""
    joined = split_budgets(value) if isinstance(value, str) else (value,)
    several = value if isinstance(value, list | tuple) else joined
    if len(several) > MOST_NAMED:
        raise ValueError(f"these are {len(several):,} budgets, and {MOST_NAMED} are the most")
    for one in several:
        if not isinstance(one, str):
            raise ValueError(_no_budget(one))
        possible_budget(one)
    if not several:
        raise ValueError(
            "an empty list; say one of halfway, 12ms, 80fps and 40%, a model, or several"
        )
    return several[0] if len(several) == 1 else tuple(several)


def budget_label(budget: str) -> str:
    """A budget as part of a file's name: ``8ms``, ``80fps``, ``25pct``, ``fast-scnn``."""
    if (model := AsFastAs.of(budget)) is not None:
        return model.label
    if budget == "halfway":
        return budget
    number, unit = _parts(budget)
    return f"{number:.10g}{_WORDS[unit]}"


def same_budget(one: str, other: str) -> bool:
    """Whether two budgets mean the same, however they are written: 100fps is 10ms."""
    named = AsFastAs.of(one), AsFastAs.of(other)
    if any(named):
        return named[0] == named[1]
    stated = _ms_of_number(one), _ms_of_number(other)
    return stated[0] == stated[1] if any(stated) else _parts(one) == _parts(other)


def budget_option(ms: float) -> str:
    """The words that ask for a budget of at least so many milliseconds, as they are typed."""
    digits = max(0, 2 - math.floor(math.log10(ms)))
    return f"--budget {math.ceil(ms * 10**digits) / 10**digits:.{digits}f}ms"


def budget_in_ms(
    budget: str, *, fastest_ms: float, slowest_ms: float, models_ms: Mapping[str, float]
) -> float:
    """A budget in milliseconds, given the two ends of the space, and what each model takes."""
    if (model := AsFastAs.of(budget)) is not None:
        return model.times * models_ms[model.model]
    if (stated := _ms_of_number(budget)) is not None:
        return stated
    return fastest_ms + _parts(budget)[0] / 100 * (slowest_ms - fastest_ms)


def told_besides(budget: str) -> str:
    """What a budget is beside its milliseconds: a model's time, images a second; else nothing."""
    if (model := AsFastAs.of(budget)) is not None:
        return model.describe()
    number, unit = _parts(budget)
    return f"{number:g} images a second" if unit == "fps" else ""


def stated_ms(budget: str, models_ms: Mapping[str, float]) -> float | None:
    """The milliseconds of a budget that says them, or whose model's are known; None for others."""
    if (model := AsFastAs.of(budget)) is not None:
        known_ms = models_ms.get(model.model)
        return None if known_ms is None else model.times * known_ms
    return _ms_of_number(budget)
