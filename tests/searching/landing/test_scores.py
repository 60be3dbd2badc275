"""Scores on images drawn anew: means are those of the matrix, and differences are paired."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from fasterseg.errors import DataError
from fasterseg.evaluation import ConfusionMatrix
from fasterseg.searching.landing.scores import (
    RESAMPLES,
    ResampledScore,
    lead,
    resampled_score,
    whole_mean_iou,
)

CLASSES, IGNORE = 4, 255


def matrix(dice: Random, right: float) -> ConfusionMatrix:
    """An image of which a network gets so large a share of the pixels right."""
    one = ConfusionMatrix(CLASSES)
    labels = np.array([[dice.randrange(CLASSES) for _ in range(20)]], dtype=np.uint8)
    wrong = (labels + 1) % CLASSES
    hit = np.array([[dice.random() < right for _ in range(20)]])
    one.update(np.where(hit, labels, wrong), labels, ignore=IGNORE)
    return one


def network(right: float, *, seed: int = 0, images: int = 30) -> list[ConfusionMatrix]:
    dice = Random(seed)
    return [matrix(dice, right) for _ in range(images)]


def test_the_mean_is_that_of_one_matrix_over_all_images() -> None:
    images, whole = network(0.7), ConfusionMatrix(CLASSES)
    for one in images:
        whole.merge(one)
    found = resampled_score(images, seed=0)
    assert found.mean_iou == whole.mean_iou()
    assert len(found.resamples) == RESAMPLES
    assert abs(np.mean(found.resamples) - found.mean_iou) < 0.01


def test_no_image_has_no_score() -> None:
    with pytest.raises(DataError):
        resampled_score([], seed=0)


def test_a_class_that_no_image_shows_does_not_count() -> None:
    one = ConfusionMatrix(CLASSES)
    one.update(np.array([[0, 1, 1, 1]]), np.array([[0, 1, 1, 0]]), ignore=IGNORE)
    found = resampled_score([one], seed=0)
    assert found.mean_iou == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert found.resamples == pytest.approx((found.mean_iou,) * RESAMPLES)


def test_a_network_leads_itself_by_nothing_and_there_is_no_error() -> None:
    one = resampled_score(network(0.7), seed=0)
    assert lead(one, one).difference == lead(one, one).error == 0


def test_what_two_networks_have_in_common_is_no_error_of_their_difference() -> None:
    hard = Random(1)
    rights = [hard.uniform(0.2, 1.0) for _ in range(40)]
    dice = Random(2)
    worse = [matrix(dice, right) for right in rights]
    better = []
    for one in worse:  # the same mistakes, a tenth of them mended
        mended = ConfusionMatrix(CLASSES)
        mended.counts = one.counts.copy()
        wrong = np.argwhere((one.counts > 0) & ~np.eye(CLASSES, dtype=bool))
        if len(wrong):
            row, column = wrong[0]
            mended.counts[row, column] -= 1
            mended.counts[row, row] += 1
        better.append(mended)
    first, second = resampled_score(better, seed=0), resampled_score(worse, seed=0)
    found = lead(first, second)
    assert found.difference > 3 * found.error > 0
    assert found.error < 0.3 * float(np.std(first.resamples))


def test_the_error_is_what_other_images_would_have_shown() -> None:
    """Against many networks scored on images of their own: the spread of the differences."""
    leads = [
        lead(
            resampled_score(network(0.75, seed=2 * seed), seed=0),
            resampled_score(network(0.70, seed=2 * seed + 1), seed=0),
        )
        for seed in range(60)
    ]
    spread = float(np.std([one.difference for one in leads]))
    assert 0.7 < float(np.mean([one.error for one in leads])) / spread < 1.4


def test_scores_without_redrawn_images_have_no_error() -> None:
    assert lead(ResampledScore(0.5), ResampledScore(0.25)).difference == 0.25
    assert lead(ResampledScore(0.5), ResampledScore(0.25)).error == 0.0


def test_images_without_a_labelled_pixel_are_refused() -> None:
    with pytest.raises(DataError, match="no labelled pixel"):
        whole_mean_iou([ConfusionMatrix(CLASSES)])
