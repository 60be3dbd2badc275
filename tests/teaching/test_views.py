"""Answers averaged over scales, mirror images and teachers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from fasterseg.artifacts import digest_of_value
from fasterseg.datasets.pictures.resampling import resampled
from fasterseg.datasets.sample import Pixels
from fasterseg.network.teacher_facts import TeacherFacts
from fasterseg.teaching.answering import Logits
from fasterseg.teaching.class_map import probabilities
from fasterseg.teaching.teachers import shown_size
from fasterseg.teaching.views import Averaged, Views, mean_of

PICTURE = np.random.default_rng(0).integers(0, 256, (32, 64, 3), dtype=np.uint8)


@dataclass(frozen=True)
class ByEighths:
    """A teacher whose logits are each eighth pixel's colours, times a strength."""

    strength: float = 0.02
    classes: int = 3
    stride: int = 8
    seen: list[tuple[int, int]] = field(default_factory=list)

    @property
    def facts(self) -> TeacherFacts:
        return TeacherFacts(name="by eighths", digest=self.digest)

    @property
    def digest(self) -> str:
        return digest_of_value(self.strength)

    def logits(self, image: Pixels, scale: float = 1.0) -> Logits:
        shown = resampled(image, shown_size((image.shape[0], image.shape[1]), None, scale))
        self.seen.append((shown.shape[0], shown.shape[1]))
        return shown[::8, ::8].transpose(2, 0, 1) * np.float32(self.strength)


def test_one_view_is_what_the_teacher_says_bit_for_bit() -> None:
    teacher = ByEighths()
    views = Views(teacher)
    assert np.array_equal(views.logits(PICTURE), teacher.logits(PICTURE))
    assert views.digest == teacher.digest == Averaged((views,)).digest
    assert (views.classes, views.stride) == (3, 8)


def test_a_mirrored_view_is_the_mirrored_answer_for_the_mirrored_picture() -> None:
    teacher = ByEighths()
    both = probabilities(Views(teacher, flip=True).logits(PICTURE))
    mirrored = teacher.logits(np.ascontiguousarray(PICTURE[:, ::-1]))[..., ::-1]
    by_hand = (probabilities(teacher.logits(PICTURE)) + probabilities(mirrored)) / 2
    np.testing.assert_allclose(both, by_hand, rtol=1e-5)


def test_mirroring_the_picture_mirrors_what_both_views_say_together() -> None:
    views = Views(ByEighths(), (1.0, 2.0), flip=True)
    mirrored = views.logits(np.ascontiguousarray(PICTURE[:, ::-1]))
    np.testing.assert_allclose(mirrored[..., ::-1], views.logits(PICTURE), rtol=1e-4)


def test_several_scales_are_averaged_on_the_finest_grid() -> None:
    teacher = ByEighths()
    found = Views(teacher, (0.5, 2.0)).logits(PICTURE)
    assert teacher.seen == [(32, 32), (64, 128)], "no side is shown smaller than 32"
    assert found.shape == (3, 8, 16)
    np.testing.assert_allclose(np.exp(found).sum(axis=0), 1, atol=1e-5)


def test_two_teachers_are_the_mean_of_their_probabilities() -> None:
    mild, stern = ByEighths(0.01), ByEighths(0.05)
    found = probabilities(Averaged((Views(mild), Views(stern))).logits(PICTURE))
    by_hand = (probabilities(mild.logits(PICTURE)) + probabilities(stern.logits(PICTURE))) / 2
    np.testing.assert_allclose(found, by_hand, rtol=1e-5)


def test_the_mean_is_the_same_in_any_order_and_another_of_other_teachers() -> None:
    mild, stern = Views(ByEighths(0.01)), Views(ByEighths(0.05))
    assert Averaged((mild, stern)).digest == Averaged((stern, mild)).digest
    assert Averaged((mild, stern)).digest != Averaged((mild,)).digest
    assert [one.name for one in Averaged((mild, stern)).facts] == ["by eighths"] * 2


@pytest.mark.parametrize(
    "views", [Views(ByEighths(), (1.0, 1.5)), Views(ByEighths(), flip=True)], ids=["sizes", "flip"]
)
def test_other_views_have_another_digest(views: Views) -> None:
    assert views.digest != ByEighths().digest


def test_a_coarse_answer_is_brought_to_the_grid_of_a_fine_one() -> None:
    coarse, fine = np.zeros((2, 2, 3), np.float32), np.zeros((2, 4, 6), np.float32)
    coarse[0], fine[1] = 9, 9
    found = mean_of([coarse, fine])
    assert found.shape == (2, 4, 6)
    np.testing.assert_allclose(np.exp(found), 0.5, atol=1e-3)
