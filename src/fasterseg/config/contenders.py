"""The networks of one search: a teacher, and a student for each budget.

A recipe with several budgets has one student, which stands for one of each: they are named after
their budgets, ``student-8ms``, ``student-25pct``.  Whoever asks a recipe for its contenders sees
these, each with a budget of its own; its file keeps the one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, field_validator, model_validator

from fasterseg.config.budgets import budget_label, possible_budget, same_budget
from fasterseg.config.sections import Section
from fasterseg.errors import UsageError
from fasterseg.foreign.bounds import MOST_NAMED
from fasterseg.foreign.names import FileName, on_disk
from fasterseg.space.kinds import OPERATORS
from fasterseg.space.search_space import Operator, Role
from fasterseg.space.widest import Found
from fasterseg.space.width import Width

# What a budget looks like, loosely: which paths and names are models, the reader knows.
_ONE = (
    r"(halfway|[0-9]+(\.[0-9]+)?\s*(ms|fps|FPS|%)"
    r"|[^,]*[/\\:][^,]*|[^,]*\.[A-Za-z][^,]*|[A-Za-z][^,]*-[^,]+)"
)
Budget = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": rf"^\s*{_ONE}(\s*,\s*{_ONE})*\s*$"})
]
"""One budget, or in a recipe several joined by commas."""

HandMade = Literal[
    "baseline:fast-scnn",
    "baseline:bisenet-v2",
    "baseline:ddrnet-23-slim",
    "baseline:enet",
    "baseline:efficientnet-lite0",
    "baseline:efficientnet-lite2",
]
"""The baselines, as a model is named (`baselines.catalogue`)."""
BASELINE = "baseline:"
ENCODERS: tuple[HandMade, ...] = ("baseline:efficientnet-lite0", "baseline:efficientnet-lite2")
"""Those of them whose encoder may begin with learned weights."""

TAKEN_NAMES = ("allowance", "began", "measured", "plan", "position", "summary")
"""What a run's folder has beside files that are called after contenders."""
_TAKEN_STARTS = ("random-", "position-")


class ContenderSettings(Section):
    """One network being searched.

    Where a width is not fixed, a student searches among what the space offers, and a teacher takes
    the largest.
    """

    name: FileName
    """What the network is called, in files, logs and commands."""
    role: Role
    """`teacher`, searched for accuracy alone, or `student`, which must meet a budget."""
    stem_expansion: Width | None = None
    """Fixes the stem's width: channels per pixel of output stride, or a count in words (`64
    channels`). The paper's teacher has 12, its student 8."""
    fusion_expansion: Width | None = None
    """Fixes the fusion's width, likewise."""
    head_expansion: Width | None = None
    """Fixes the head's width, likewise.  The paper's teacher has 12, its student 8."""
    budget: Annotated[Budget | None, AfterValidator(possible_budget)] = None
    """A student's own budget, in place of the recipe's."""
    operators: tuple[Operator, ...] | None = None
    """What it may take in cells, of what the space has there; without it all.  The paper's teacher
    takes no skip."""
    architecture: Found | HandMade = "searched"
    """`searched`, or, for a teacher, the `widest` network that these settings allow, by
    multiply-adds, or a baseline (`baseline:efficientnet-lite2`): neither takes part in the search,
    and each is trained, measured and shipped as it is."""

    @field_validator("name")
    @classmethod
    def _is_no_name_of_the_runs(cls, name: str) -> str:
        if on_disk(name) in TAKEN_NAMES or on_disk(name).startswith(_TAKEN_STARTS):
            raise ValueError(f"{name!r} is what a run calls a file of its own: name it otherwise")
        return name

    @model_validator(mode="after")
    def _is_searched_for_its_budget(self) -> Self:
        if self.role == "student" and not self.is_searched:
            raise ValueError(
                f"{self.name} is a student, which is searched for its budget; a teacher alone may "
                f"have architecture: {self.architecture}"
            )
        return self

    @model_validator(mode="after")
    def _is_whole_as_it_is_where_it_is_hand_made(self) -> Self:
        fixed = ("stem_expansion", "fusion_expansion", "head_expansion", "operators")
        said = [key for key in fixed if getattr(self, key) is not None]
        if self.baseline and said:
            raise ValueError(
                f"{self.name} is {self.architecture}, one network whole as it is: leave out "
                f"{', '.join(said)}"
            )
        return self

    @property
    def baseline(self) -> str:
        """The name of the baseline that it is; empty for a network of the space."""
        _, _, name = self.architecture.partition(BASELINE)
        return name

    @property
    def is_searched(self) -> bool:
        """Whether a search finds its architecture."""
        return self.architecture == "searched"


WITHOUT_SKIP = tuple(name for name in OPERATORS if name != "skip")
# Two searches with skip among the operators took it in more than half of the cells.
USUAL_CONTENDERS = (
    ContenderSettings(name="teacher", role="teacher", operators=WITHOUT_SKIP),
    ContenderSettings(name="student", role="student", operators=WITHOUT_SKIP),
)
OPEN_CONTENDERS = (
    ContenderSettings(name="teacher", role="teacher"),
    ContenderSettings(name="student", role="student"),
)
"""For a space with tied widths, where a skip is a layer less."""
PAPER_CONTENDERS = (
    ContenderSettings(
        name="teacher",
        role="teacher",
        stem_expansion=12,
        head_expansion=12,
        operators=WITHOUT_SKIP,
    ),
    ContenderSettings(name="student", role="student", stem_expansion=8, head_expansion=8),
)
"""The paper's, for its space, which is `SearchSpace` with nothing said."""

Contenders = Annotated[tuple[ContenderSettings, ...], Field(max_length=MOST_NAMED)]


def one_student_each(contenders: Contenders, budgets: Sequence[str]) -> Contenders:
    """The contenders with the one student once for each of several budgets.

    As they are with one budget, and where students have budgets of their own.
    """
    students = [one for one in contenders if one.role == "student"]
    if len(budgets) == 1 or len(students) != 1 or students[0].budget is not None:
        return contenders
    found: list[ContenderSettings] = []
    for contender in contenders:
        found += _each(contender, budgets) if contender is students[0] else (contender,)
    return tuple(found)


def _each(student: ContenderSettings, budgets: Sequence[str]) -> Contenders:
    return tuple(
        student.model_copy(
            update={"name": f"{student.name}-{budget_label(budget)}", "budget": budget}
        )
        for budget in budgets
    )


def require_student_for(contenders: Contenders, budgets: tuple[str, ...], *, where: str) -> None:
    """Raise `UsageError` for several budgets that do not belong to one student, or are one."""
    students = [one for one in contenders if one.role == "student"]
    if len(budgets) == 1 or [one.budget for one in students] == list(budgets):
        return
    _require_distinct(budgets, where)
    _require_one(students, budgets, where)


def _require_distinct(budgets: tuple[str, ...], where: str) -> None:
    for one, other in combinations(budgets, 2):
        if same_budget(one, other):
            raise UsageError(
                "the same budget is asked for twice",
                where=where,
                why=f"{one} and {other} are one budget, and each has a student",
                next_step="name each budget once",
            )
        _refuse_same_name(one, other, where)


def _refuse_same_name(one: str, other: str, where: str) -> None:
    """Raise `UsageError` where two models are called alike, and so their students would be."""
    if on_disk(budget_label(one)) != on_disk(budget_label(other)):
        return
    raise UsageError(
        "two budgets would give their students one name",
        where=where,
        why=f"{one} and {other} both make student-{budget_label(other)}",
        next_step="give one of the models' files another name",
    )


def _require_one(students: Sequence[ContenderSettings], budgets: Sequence[str], where: str) -> None:
    asked = ", ".join(budgets)
    if len(students) != 1:
        names = ", ".join(student.name for student in students) or "none"
        raise UsageError(
            f"several budgets ({asked}) need exactly one student without a budget of its own",
            where=where,
            why=f"several budgets make one student each of the recipe's student, and its students "
            f"are: {names}",
            next_step="leave one student among the contenders, or write each student's own budget "
            "beside its name",
        )
    if students[0].budget is not None:
        raise UsageError(
            f"{students[0].name} has a budget of its own",
            where=where,
            why=f"its own is {students[0].budget}, the recipe's are {asked}",
            next_step=f"leave out the budget beside {students[0].name}, or those of the recipe",
        )


def not_offered(contender: str, part: str, fixed: Width, offered: tuple[Width, ...]) -> str:
    """Why a contender cannot have an outer width that the space does not offer."""
    told = f"contender {contender!r} fixes {part}_expansion: {fixed}"
    if part == "fusion" and not offered:
        return (
            f"{told}, but this space ties the fusion to the head; leave it out, or offer "
            "space.widths.fusion"
        )
    if not offered:
        return f"{told}, but in this space the {part} has no width of its own; leave it out"
    return f"{told}, which is not among space.widths.{part}: {list(offered)}"
