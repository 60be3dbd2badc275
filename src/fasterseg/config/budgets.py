"""Several budgets, one search: a recipe with several is given one student for each of them.

They are named after their budgets: ``student-8ms``, ``student-25pct``.  Whoever reads a resolved
recipe sees contenders, each with a budget of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fasterseg.config.recipe import ContenderSettings, Recipe
from fasterseg.errors import UsageError


def budget_label(budget: str) -> str:
    """A budget as part of a file's name: ``8ms``, ``12.5ms``, ``25pct``, ``halfway``."""
    text = budget.replace(" ", "")
    for unit, word in (("ms", "ms"), ("%", "pct")):
        if text.endswith(unit):
            return f"{float(text.removesuffix(unit)):.10g}{word}"
    return text


def one_student_each(recipe: Recipe, *, where: str) -> Recipe:
    """The recipe with its one student once for each budget; itself when it has one budget.

    Raises `UsageError` for a budget that comes twice, and for several budgets that do not belong
    to one student.
    """
    if len(recipe.budgets) == 1:
        return recipe
    _require_distinct(recipe.budgets, where)
    student = _only_student(recipe, where)
    each = tuple(
        student.model_copy(
            update={"name": f"{student.name}-{budget_label(budget)}", "budget": budget}
        )
        for budget in recipe.budgets
    )
    found: list[ContenderSettings] = []
    for contender in recipe.contenders:
        found += each if contender is student else (contender,)
    return recipe.model_copy(update={"contenders": tuple(found)})


def as_written(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a resolved recipe before `one_student_each`: the way back."""
    budgets, contenders = content.get("budget", ""), content.get("contenders", ())
    students = [one for one in contenders if one["role"] == "student"]
    if isinstance(budgets, str) or [one["budget"] for one in students] != list(budgets):
        return dict(content)
    first = students[0]
    name = first["name"].removesuffix(f"-{budget_label(budgets[0])}")
    written: list[dict[str, Any]] = []
    for one in contenders:
        if one is first:
            written.append({**first, "name": name, "budget": None})
        elif one["role"] != "student":
            written.append(one)
    return {**content, "contenders": written}


def _require_distinct(budgets: tuple[str, ...], where: str) -> None:
    # Halfway is half of the way.
    known = [budget_label("50%" if budget == "halfway" else budget) for budget in budgets]
    for index, label in enumerate(known):
        first = known.index(label)
        if first < index:
            raise UsageError(
                "the same budget is asked for twice",
                where=where,
                why=f"{budgets[first]} and {budgets[index]} are one budget, and each has a student",
                next_step="name each budget once",
            )


def _only_student(recipe: Recipe, where: str) -> ContenderSettings:
    students, budgets = recipe.students(), ", ".join(recipe.budgets)
    if len(students) != 1:
        names = ", ".join(student.name for student in students) or "none"
        raise UsageError(
            f"whose budgets are {budgets}?",
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
            why=f"its own is {students[0].budget}, the recipe's are {budgets}",
            next_step=f"leave out the budget beside {students[0].name}, or those of the recipe",
        )
    return students[0]
