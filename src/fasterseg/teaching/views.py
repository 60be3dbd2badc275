"""Answers averaged: of one teacher over several sizes of a picture and its mirror image, of several
teachers.

Probabilities are averaged, each map brought to the grid of the finest; what is given back are their
logarithms.  One view of one teacher is what that teacher says, untouched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fasterseg.artifacts import digest_of_value
from fasterseg.datasets.sample import Pixels
from fasterseg.network.teacher_facts import TeacherFacts
from fasterseg.teaching.answering import Answering, Logits
from fasterseg.teaching.class_map import logarithms, probabilities
from fasterseg.teaching.grids import averaged


class Scalable(Answering, Protocol):
    """A teacher that can be shown a picture larger or smaller than it is used to."""

    @property
    def facts(self) -> TeacherFacts:
        """What a student's card says of it."""
        ...

    def logits(self, image: Pixels, scale: float = 1.0) -> Logits:
        """Return the answer for a picture that it sees `scale` times as large as usual."""
        ...


@dataclass(frozen=True)
class Views:
    """A teacher that sees each picture at several scales, and with `flip` mirrored too."""

    teacher: Scalable
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False

    @property
    def classes(self) -> int:
        """See `Answering`."""
        return self.teacher.classes

    @property
    def stride(self) -> int:
        """See `Answering`."""
        return self.teacher.stride

    @property
    def digest(self) -> str:
        """See `Answering`."""
        if self._is_one:
            return self.teacher.digest
        views = {"of": self.teacher.digest, "scales": [*self.scales], "flip": self.flip}
        return digest_of_value(views)

    def logits(self, image: Pixels) -> Logits:
        """See `Answering`."""
        found = [self.teacher.logits(image, scale) for scale in self.scales]
        if self.flip:
            mirrored = np.ascontiguousarray(image[:, ::-1])
            found += [self.teacher.logits(mirrored, scale)[..., ::-1] for scale in self.scales]
        return mean_of(found)

    @property
    def _is_one(self) -> bool:
        return self.scales == (1.0,) and not self.flip


@dataclass(frozen=True)
class Averaged:
    """Several teachers of the same classes as one."""

    teachers: tuple[Views, ...]

    @property
    def facts(self) -> tuple[TeacherFacts, ...]:
        """What a student's card says of each."""
        return tuple(one.teacher.facts for one in self.teachers)

    @property
    def classes(self) -> int:
        """See `Answering`."""
        return self.teachers[0].classes

    @property
    def stride(self) -> int:
        """See `Answering`."""
        return min(teacher.stride for teacher in self.teachers)

    @property
    def digest(self) -> str:
        """See `Answering`; the order of the teachers means nothing."""
        digests = sorted(teacher.digest for teacher in self.teachers)
        return digests[0] if len(digests) == 1 else digest_of_value({"mean of": digests})

    def logits(self, image: Pixels) -> Logits:
        """See `Answering`."""
        return mean_of([teacher.logits(image) for teacher in self.teachers])


def mean_of(answers: Sequence[Logits]) -> Logits:
    """The logarithms of the mean probabilities, on the finest grid; a single answer as it is."""
    if len(answers) == 1:
        return answers[0]
    size = (max(one.shape[1] for one in answers), max(one.shape[2] for one in answers))
    total = sum(averaged(probabilities(one), size) for one in answers)
    return logarithms(np.asarray(total, dtype=np.float32) / np.float32(len(answers)))
