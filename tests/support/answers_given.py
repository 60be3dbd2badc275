"""Answers to four images, kept one after the other: what a test kills."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fasterseg.teaching.answers import Answers, AnswersFacts

FACTS_OF_FOUR = AnswersFacts(
    teacher="sha256:1",
    teachers=("teacher",),
    data="sha256:2",
    split="train",
    images=4,
    classes=3,
    stride=8,
)


def give_answers(folder: Path) -> Answers:
    """Keep what is missing."""
    answers = Answers.of(folder, FACTS_OF_FOUR)
    for index in answers.missing():
        answers.keep(index, np.full((3, 5, 6), index, dtype=np.float32))
    return answers.finish()
