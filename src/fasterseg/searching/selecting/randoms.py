"""Random architectures to hold a student against: sampled at its latency, by number, and kept.

``random:student-12ms:1`` is the first one of that student.  Whoever asks for it, the search that
scores it in the supernet or a training, gets the same one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import Self

from fasterseg.config import ContenderSettings, Recipe
from fasterseg.errors import FileError, UsageError
from fasterseg.latency.table import LatencyTable
from fasterseg.runs import RunFolder, random_name
from fasterseg.runtime import derived_seed
from fasterseg.searching.summaries.summary import SearchSummary
from fasterseg.space.architecture import Architecture
from fasterseg.space.options import Options
from fasterseg.space.pricing import Pricing
from fasterseg.space.sampling import architectures_near

PREFIX = "random:"
TOLERANCE = 0.02
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class RandomName:
    """Which random architecture: whose latency it has, and its number from 1."""

    student: str
    number: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """``random:STUDENT:NUMBER``, or None for another name; raises `UsageError` for half of it.

        A student alone stands for its first one.
        """
        if not text.startswith(PREFIX):
            return None
        student, _, number = text.removeprefix(PREFIX).partition(":")
        if not student or _NUMBER.fullmatch(number or "1") is None:
            raise UsageError(
                f"cannot read {text!r}",
                where=text,
                why=f"a random architecture is {PREFIX}STUDENT:NUMBER, counted from 1",
                next_step=f"write it like {PREFIX}{student or 'student'}:1",
            )
        return cls(student, int(number or "1"))

    @property
    def file_name(self) -> str:
        """What it is called in the run's folders."""
        return random_name(self.student, self.number)

    def __str__(self) -> str:
        return f"{PREFIX}{self.student}:{self.number}"


def sample_random(
    name: RandomName, options: Options, pricing: Pricing, *, seed: int, latency_ms: float
) -> Architecture:
    """A random architecture that the named student may take, within 2 % of an estimated latency.

    It depends on the run's seed, the student's name and the number alone.
    """
    (found,) = architectures_near(
        options,
        latency_ms,
        estimate_ms=pricing,
        generator=Random(derived_seed(seed, "random", name.student, name.number)),
        count=1,
        tolerance=TOLERANCE,
    )
    return found


def random_architecture_of(recipe: Recipe, run: RunFolder, name: RandomName) -> Architecture:
    """The run's random architecture of that name, sampled and kept when it is first asked for.

    Raises `UsageError` for an unknown student, `FileError` before the search came to its end.
    """
    student = student_named(recipe, name)
    path = run.architecture(name.file_name)
    if not path.exists():
        latency_ms, options = _estimated_ms(run, name), Options.of(recipe.space, student)
        found = sample_random(
            name, options, pricing_of(run), seed=recipe.seed, latency_ms=latency_ms
        )
        found.save(path)
    return Architecture.load(path)


def student_named(recipe: Recipe, name: RandomName) -> ContenderSettings:
    """The student whose latency it has; raises `UsageError` naming those there are."""
    students = {student.name: student for student in recipe.students()}
    if name.student not in students:
        known = ", ".join(students) or "none"
        raise UsageError(
            f"there is no student {name.student!r}",
            where=str(name),
            why=f"the recipe's students are: {known}",
            next_step=f"name one of them: {PREFIX}{next(iter(students), 'student')}:{name.number}",
        )
    return students[name.student]


def pricing_of(run: RunFolder) -> Pricing:
    """The estimates of the run's latency table."""
    table = LatencyTable.load(run.latency_table)
    return Pricing(table.target.geometry, table.cost_ms)


def _estimated_ms(run: RunFolder, name: RandomName) -> float:
    path = run.search_summary
    found = SearchSummary.load(path).contender(name.student) if path.exists() else None
    if found is None:
        raise FileError(
            f"the latency of {name.student} is not known yet",
            where=str(path),
            why="the search of this run has not come to its end",
            next_step=f"fasterseg search --run {run.root}",
        )
    return found.estimated_ms
