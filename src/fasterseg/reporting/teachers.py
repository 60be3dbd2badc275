"""Whom the students of a run learned from, and by how much these are ahead of them."""

from __future__ import annotations

from dataclasses import dataclass

from fasterseg.network.card import TrainingFacts
from fasterseg.network.scores import on_the_same_images
from fasterseg.network.teacher_facts import told_lead
from fasterseg.reporting.facts import NetworkFacts, RunFacts
from fasterseg.reporting.wording import listed


@dataclass(frozen=True, slots=True)
class Taught:
    """A student's teachers, the best one's mean IoU, and its `lead` over the student.

    Both are shares of one, taken on the same images: those of `split`.
    """

    names: tuple[str, ...]
    mean_iou: float
    lead: float
    split: str

    def describe(self) -> str:
        """The score and the lead as a sentence."""
        who = " ".join(dict.fromkeys(["Its", "teacher", self.names[0]]))
        if len(self.names) > 1:
            who = f"The best of its teachers {listed(self.names)}"
        score = f"{100 * self.mean_iou:.1f} % on {self.split}"
        return f"{who} has {score}, {told_lead(self.lead)}."


def taught_of(student: NetworkFacts, facts: RunFacts) -> Taught | None:
    """Whom a student learned from, where both were scored on the same images; else None.

    The split that a run scores in the end comes before the one that weights were chosen by.
    """
    card = student.cards.get("best")
    if card is None:
        return None
    own = tuple(one for one in facts.teachers if _taught(one, card.training, facts))
    return _as_evaluated(student, own) or _as_chosen(student)


def leads_of(teacher: NetworkFacts, facts: RunFacts) -> list[str]:
    """By how much a teacher is ahead of each student that it taught, in the recipe's order."""
    found = []
    for student in facts.students:
        taught = taught_of(student, facts)
        if taught is not None and taught.names == (teacher.name,):
            whose = told_lead(taught.lead).removesuffix("its student")
            found.append(f"{whose.rstrip()} {student.name} on {taught.split}")
    return found


def _taught(teacher: NetworkFacts, training: TrainingFacts, facts: RunFacts) -> bool:
    """Whether a training learned from this very network of its run."""
    asked = {training.teacher}
    if training.taught_by is not None:
        asked |= {one.digest for one in training.taught_by.teachers}
    weights = facts.run.training(teacher.name).bundle("best").weights
    path = weights.relative_to(facts.run.root).as_posix()
    return any(file.path == path and file.digest in asked for file in facts.files)


def _as_evaluated(student: NetworkFacts, teachers: tuple[NetworkFacts, ...]) -> Taught | None:
    """By the scores on the split that the run ends with."""
    own = student.evaluation
    if own is None:
        return None
    scored = [
        (one.evaluation.mean_iou, one.name)
        for one in teachers
        if one.evaluation is not None and on_the_same_images(one.evaluation, own)
    ]
    if not scored:
        return None
    best, _ = max(scored)
    names = tuple(name for _, name in scored)
    return Taught(names, best, best - own.mean_iou, own.split)


def _as_chosen(student: NetworkFacts) -> Taught | None:
    """By the scores that stand on the cards, of the weights that were kept."""
    card = student.cards["best"]
    taught_by = card.training.taught_by
    if taught_by is None:
        return None
    for own in card.scores:
        lead = taught_by.lead_over(own)
        if lead is not None:
            names = tuple(one.name for one in taught_by.teachers)
            return Taught(names, own.mean_iou + lead, lead, own.split)
    return None
