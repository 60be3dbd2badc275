"""How often a training is scored follows from its data, unless the recipe says it."""

import pytest

from fasterseg.config import TrainingSettings
from fasterseg.training.scoring import scoring_interval


def interval(
    steps: int, *, train: int, scored: int, every: int | None = None, batch: int = 8
) -> int:
    settings = TrainingSettings(steps=steps, batch_size=batch, evaluate_every=every)
    return scoring_interval(settings, train_images=train, scored_images=scored)


@pytest.mark.parametrize(("train", "scored"), [(367, 101), (2975, 500), (7000, 1000), (60, 60)])
def test_it_is_whole_epochs_with_eight_trained_images_for_each_scored_one(
    train: int, scored: int
) -> None:
    found = interval(10**6, train=train, scored=scored)
    epoch = -(-train // 8)
    assert found % epoch == 0
    assert 8 * found >= 8 * scored
    assert 8 * (found - epoch) < 8 * scored


def test_a_training_short_in_epochs_is_scored_ten_times_and_no_oftener() -> None:
    assert interval(1000, train=100_000, scored=100) == 100
    assert interval(100, train=100_000, scored=100) == 100


def test_images_that_are_trained_on_are_scored_at_the_end_only() -> None:
    settings = TrainingSettings(steps=1000, evaluate_every=7)
    assert scoring_interval(settings, train_images=468, scored_images=101, seen=True) == 1000


def test_what_the_recipe_says_holds() -> None:
    assert interval(1000, train=367, scored=101, every=7) == 7
