"""What a training tells beside its steps: the scores that some of them took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fasterseg.callbacks import Scored, StageTeller
from fasterseg.network.card import Score

_WEIGHTS = {"val": "live", "val_ema": "ema"}
"""Whose score a step's line has under which key."""


@dataclass(frozen=True, slots=True)
class TrainingTeller(StageTeller):
    """Tells of a network's training, and of each score as one."""

    name: str = ""

    def stepped(self, step: int, steps: int, values: Mapping[str, Any]) -> None:
        """One more step is done, and what was scored behind it."""
        StageTeller.stepped(self, step, steps, values)
        for key, which in _WEIGHTS.items():
            if key in values:
                score = Score.model_validate(values[key])
                self.hear(
                    Scored(
                        name=self.name,
                        which=which,
                        split=score.split,
                        mean_iou=score.mean_iou,
                        pixel_accuracy=score.pixel_accuracy,
                        images=score.images,
                        step=step,
                    )
                )
