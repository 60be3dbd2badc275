"""How often a training is scored."""

from __future__ import annotations

from math import ceil

from fasterseg.config import TrainingSettings

# To score an image, a forward pass in float32, costs some two fifths of training on it: scored
# so seldom, scores take about 5 % of the time.
TRAINED_PER_SCORED = 8
SCORES_OF_A_SHORT_TRAINING = 10


def scoring_interval(
    settings: TrainingSettings, *, train_images: int, scored_images: int, seen: bool = False
) -> int:
    """Steps between two scores: `evaluate_every`, or what the sizes of the splits suggest.

    Images that are `seen` in training are scored at its end only: nothing can be chosen by them.
    That is as many whole epochs as it takes to train on eight images for each that is scored; a
    training that is short in epochs is scored ten times, but no oftener than that.
    """
    if seen:
        return settings.steps
    if settings.evaluate_every is not None:
        return settings.evaluate_every
    least = ceil(TRAINED_PER_SCORED * scored_images / settings.batch_size)
    epoch = ceil(train_images / settings.batch_size)
    whole = epoch * ceil(least / epoch)
    return min(whole, max(least, ceil(settings.steps / SCORES_OF_A_SHORT_TRAINING)))
