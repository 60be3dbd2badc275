"""Whom a network learned from, as its card says: the teachers, what was asked of them, their lead.

A teacher that is hardly ahead has little to teach: `told_lead` says so where both were scored on
the same images.
"""

from __future__ import annotations

from typing import Literal

from fasterseg.amounts import number_of
from fasterseg.artifacts import short_digest
from fasterseg.network.scores import Facts, Score, on_the_same_images

LITTLE_LEAD_POINTS = 7.0
"""A teacher that scored less than this above its student brought nothing in our studies, or harm:
6 points ahead it took one from its student, 14 ahead it brought none (docs/studies/teachers.md)."""


class TeacherFacts(Facts):
    """One teacher: what it is called, and the digest of its weights or of its file.

    `data` are the images that it learned from and `pretrained` is what its first weights had
    learned, both empty where that is not known.  `score` is its own, None where its card has none.
    """

    name: str
    digest: str
    data: str = ""
    pretrained: str = ""
    score: Score | None = None

    def describe(self) -> str:
        """Its name, its score, and what it learned from, in a few words."""
        score = self.score
        told = [f"{self.name} ({short_digest(self.digest)})"]
        if score is not None:
            told.append(f"mIoU {100 * score.mean_iou:.2f} % on {score.data}/{score.split}")
        told += [f"trained on {self.data}"] if self.data else []
        told += [self.pretrained] if self.pretrained else []
        return ", ".join(told)


class UnlabelledFacts(Facts):
    """Images without labels that a student learned from: `places` of each of its batches."""

    images: int
    digest: str
    places: int

    def describe(self) -> str:
        """How many, which, and how many of a batch."""
        return (
            f"{number_of(self.images, 'image')} without labels ({short_digest(self.digest)}), "
            f"{self.places} of each batch"
        )


class TaughtFacts(Facts):
    """What a student was taught by: several `teachers` are averaged.

    Their `answers` were kept before the first step, or computed ``live`` at each.  Kept ones are
    averaged over `scales` of the image, and with `flip` over its mirror image too; `unlabelled`
    images had no labels, and were learned from by the answers alone.
    """

    teachers: tuple[TeacherFacts, ...]
    answers: Literal["kept", "live"] = "live"
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    temperature: float = 1.0
    weight: float = 1.0
    divided_by_classes: bool = False
    schedule: str = "constant"
    pairwise_weight: float = 0.0
    unlabelled: UnlabelledFacts | None = None

    def describe(self) -> str:
        """The teachers and what was asked of them, in one line."""
        who = "; and ".join(one.describe() for one in self.teachers)
        mean = "the mean of " if len(self.teachers) > 1 else ""
        return f"taught by {mean}{who}: {self._how}"

    @property
    def _how(self) -> str:
        told = [f"answers {self.answers}"]
        if self.scales != (1.0,):
            told.append(f"at scales {', '.join(f'{scale:g}' for scale in self.scales)}")
        told += ["mirrored too"] if self.flip else []
        divided = ", divided by the number of classes" if self.divided_by_classes else ""
        told.append(f"weight {self.weight:g} {self.schedule}{divided}")
        told.append(f"temperature {self.temperature:g}")
        told += [f"pairwise weight {self.pairwise_weight:g}"] if self.pairwise_weight else []
        told += [self.unlabelled.describe()] if self.unlabelled is not None else []
        return ", ".join(told)

    def lead_over(self, own: Score) -> float | None:
        """By how much the best teacher's mean IoU is above a student's, as a share of one.

        None where no teacher was scored on the very images of the student's score, or where either
        was trained on them.
        """
        leads = [
            one.score.mean_iou - own.mean_iou
            for one in self.teachers
            if one.score is not None and _on_the_same(one.score, own)
        ]
        return max(leads, default=None)


def _on_the_same(one: Score, other: Score) -> bool:
    """Whether two scores can be compared: the same images, which neither network learned from."""
    return not one.seen and not other.seen and on_the_same_images(one, other)


def told_lead(lead: float) -> str:
    """By how many points a teacher is ahead of its student."""
    points = round(100 * lead, 1)
    return f"{abs(points):.1f} points {'behind' if points < 0 else 'ahead of'} its student"


def little_lead(lead: float | None) -> str:
    """What to know of a teacher that is hardly ahead, or behind; empty for a good one.

    Nothing is said where the `lead` was not measured.
    """
    if lead is None or round(100 * lead, 1) >= LITTLE_LEAD_POINTS:
        return ""
    only = "only " if lead >= 0 else ""
    return (
        f"the teacher is {only}{told_lead(lead)}: in our studies such a teacher brings nothing; "
        "train it longer, or name another (--teacher)"
    )
