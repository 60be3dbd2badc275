"""What pre-training of the supernet has of its own: its batches and its rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from fasterseg.config.augmentation import AugmentationSettings
from fasterseg.config.roles import differences, merged
from fasterseg.config.sections import Section
from fasterseg.foreign.bounds import MOST, MOST_AT_ONCE, MOST_COUNTED

RateShape = Literal["poly", "paper", "constant"]
"""How a learning rate goes down: to zero, by a factor after each epoch, or not at all."""

PASSED_ON = ("batch_size", "lr", "augmentation")
"""What pre-training takes from the search unless it says otherwise."""


class PretrainingSettings(Section):
    """Pre-training, where it differs from the search behind it; its length is `pretrain_steps`.

    Batch size, rate and each transform that it does not name are the search's.
    """

    batch_size: int = Field(4, ge=1, le=MOST_AT_ONCE)
    """Images of a step; the search's unless said.  The authors have 3."""
    lr: float = Field(0.05, gt=0, le=MOST)
    """The learning rate of the supernet's weights; the search's unless said.  The authors have
    0.02."""
    schedule: RateShape = "constant"
    """How the rate goes down: `poly`, to zero at the end; `paper`, by `epoch_decay` after each
    `steps_per_epoch` steps; or not at all, `constant`."""
    epoch_decay: float = Field(0.978, gt=0, le=1)
    """Factor on the rate after each epoch, in schedule `paper`; the authors'."""
    steps_per_epoch: int = Field(495, ge=1, le=MOST_COUNTED)
    """Steps of an epoch in schedule `paper`; the authors' for Cityscapes, half of its 2,975
    training images in batches of 3."""
    augmentation: AugmentationSettings = AugmentationSettings()
    """The transforms of what it learns from; each that it does not name is the search's."""


def with_pretraining(search: Mapping[str, Any]) -> dict[str, Any]:
    """A search's settings as written with all that pre-training takes from them in its section."""
    own = search.get("pretraining", {})
    if not isinstance(own, Mapping):
        return dict(search)
    return {**search, "pretraining": merged(_passed_on(search), own)}


def without_passed_on(search: Mapping[str, Any]) -> dict[str, Any]:
    """The way back: pre-training's section cut down to what it says itself."""
    return {**search, "pretraining": differences(search["pretraining"], _passed_on(search))}


def _passed_on(search: Mapping[str, Any]) -> dict[str, Any]:
    known = {key: search[key] for key in PASSED_ON if key in search}
    given = known.get("augmentation")
    if isinstance(given, AugmentationSettings):
        known["augmentation"] = given.model_dump()
    return known
