"""Whether the students of a recipe learn from a teacher, and how that is asked."""

from __future__ import annotations

from fasterseg.config.recipe import Recipe


def is_taught(recipe: Recipe) -> bool:
    """Whether there are students, and a teacher that they learn from."""
    teachers = any(one.role == "teacher" for one in recipe.contenders)
    named = bool(recipe.student.distillation.teachers)
    wanted = recipe.student.distillation_weight > 0
    return wanted and (teachers or named) and bool(recipe.students())


def keeps_answers(recipe: Recipe) -> bool:
    """Whether that teacher is asked once about each image, before a student's first step."""
    return is_taught(recipe) and recipe.student.distillation.answers == "kept"
