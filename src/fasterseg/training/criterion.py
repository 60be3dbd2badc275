"""What a training makes small, from its settings, step by step."""

from __future__ import annotations

from fasterseg.config import TrainingSettings
from fasterseg.datasets.labels import LabelSpace
from fasterseg.learning.batch_loss import Criterion
from fasterseg.learning.losses import OhemSettings
from fasterseg.learning.schedules import weight_share

TEACHER_WEIGHT = "distillation_weight"
"""Under this name an event has what a teacher's word weighs in its step."""


def criterion_of(
    settings: TrainingSettings, space: LabelSpace, class_weights: tuple[float, ...]
) -> Criterion:
    """What a training makes small; the authors' divergence is smaller by the number of classes."""
    divided = space.classes if settings.distillation_divided_by_classes else 1
    weight, distillation = settings.distillation_weight, settings.distillation
    return Criterion(
        space.ignore,
        OhemSettings(settings.ohem_threshold, settings.ohem_kept_fraction, class_weights),
        settings.auxiliary_weight,
        weight / divided,
        distillation.temperature,
        weight * distillation.pairwise_weight,
        distillation.every,
    )


def teaching_share(settings: TrainingSettings, step: int) -> float:
    """How much of its weight a teacher's word has in a step."""
    return weight_share(settings.distillation.schedule, step, settings.steps)
