"""What a card says of whom its network learned from, and what is said of a teacher's lead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from fasterseg.network.card import Score, TrainingFacts
from fasterseg.network.teacher_facts import (
    TaughtFacts,
    TeacherFacts,
    UnlabelledFacts,
    little_lead,
    told_lead,
)

FACTS: Mapping[str, Any] = {
    "data": "street",
    "data_digest": "sha256:1",
    "split": "train",
    "images": 8,
    "terms": "",
    "resolution": "32x32",
    "steps": 4,
    "batch_size": 2,
    "seed": 0,
    "precision": "float32",
}


def scored(mean_iou: float, **changes: Any) -> Score:
    """A score on the validation split."""
    known = {
        "mean_iou": mean_iou,
        "pixel_accuracy": 0.9,
        "classes_in_mean": 9,
        "data": "street",
        "data_digest": "sha256:2",
        "split": "val",
        "images": 2,
        "resolution": "32x64",
        "step": 4,
    }
    return Score.model_validate({**known, **changes})


def taught(*scores: Score | None, **changes: Any) -> TaughtFacts:
    """A student's teachers, one for each score."""
    teachers = tuple(
        TeacherFacts(name=f"t{number}", digest="sha256:abcdef", score=score)
        for number, score in enumerate(scores)
    )
    return TaughtFacts(teachers=teachers, **changes)


def test_facts_without_a_teacher_are_what_they_always_were() -> None:
    facts = TrainingFacts.model_validate(FACTS)
    assert "taught_by" not in facts.model_dump()
    assert "taught_by" not in facts.model_dump(mode="json")


def test_facts_with_a_teacher_come_back_as_they_were() -> None:
    facts = TrainingFacts.model_validate({**FACTS, "taught_by": taught(scored(0.5), flip=True)})
    assert TrainingFacts.model_validate(facts.model_dump(mode="json")) == facts


def test_what_was_asked_of_the_teachers_is_told_in_one_line() -> None:
    facts = taught(
        scored(0.512),
        None,
        answers="kept",
        scales=(0.75, 1.0, 1.25),
        flip=True,
        temperature=2.0,
        schedule="falling",
        unlabelled=UnlabelledFacts(images=900, digest="sha256:0123456789abcdef", places=4),
    )
    told = facts.describe()
    assert "\n" not in told
    assert told.startswith("taught by the mean of t0 (abcdef), mIoU 51.20 % on street/val; and t1")
    for part in (
        "answers kept, at scales 0.75, 1, 1.25, mirrored too",
        "weight 1 falling, temperature 2",
        "900 images without labels (0123456789ab), 4 of each batch",
    ):
        assert part in told


def test_the_lead_is_that_of_the_best_teacher_on_the_same_images() -> None:
    facts = taught(scored(0.5), scored(0.53), scored(0.9, split="test"))
    assert facts.lead_over(scored(0.49)) == pytest.approx(0.04)


@pytest.mark.parametrize(
    "other",
    [{"data_digest": "sha256:3"}, {"images": 1}, {"resolution": "16x32"}, {"seen": True}],
)
def test_a_teacher_that_was_scored_on_others_has_no_lead(other: dict[str, Any]) -> None:
    assert taught(scored(0.9, **other)).lead_over(scored(0.1)) is None
    assert taught(None).lead_over(scored(0.1)) is None
    assert little_lead(None) == ""


@pytest.mark.parametrize(
    ("lead", "told"),
    [
        (0.061, "only 6.1 points ahead of its student"),
        (0.008, "only 0.8 points ahead of its student"),
        (0.0, "only 0.0 points ahead of its student"),
        (-0.012, "1.2 points behind its student"),
    ],
)
def test_a_teacher_that_is_hardly_ahead_is_spoken_of(lead: float, told: str) -> None:
    said = little_lead(lead)
    assert told in said
    assert "--teacher" in said
    assert told.removeprefix("only ") == told_lead(lead)


@pytest.mark.parametrize("lead", [0.0696, 0.07, 0.2])
def test_of_a_teacher_far_enough_ahead_nothing_is_said(lead: float) -> None:
    assert little_lead(lead) == ""
