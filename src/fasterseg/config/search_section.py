"""The recipe's section of the search, its pre-training included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from fasterseg.config.augmentation import AugmentationSettings
from fasterseg.config.learning_sections import SEARCH_HOURS, ClassWeights, LongSection
from fasterseg.config.penalty import ControlSettings, PenaltySettings
from fasterseg.config.pretraining import PretrainingSettings, RateShape, with_pretraining
from fasterseg.config.sampling import SamplingSettings, TemperatureSettings
from fasterseg.config.sections import LEAST_SCALE
from fasterseg.config.selection import SelectionSettings, with_earlier_draws
from fasterseg.foreign.bounds import MOST, MOST_AT_ONCE, MOST_COUNTED

EARLIER_NAMES: Mapping[str, str] = {"weight_lr": "lr", "weight_momentum": "momentum"}
"""Keys of the search in earlier recipes, and what they are called now."""


class SearchSettings(LongSection):
    """Pre-training of the supernet and the search in it (*teacher/student co-searching*); who names
    neither hours nor steps gets the usual hours."""

    usual_hours: ClassVar[float] = SEARCH_HOURS
    numbers_of_steps: ClassVar[tuple[str, ...]] = ("pretrain_steps", "steps")

    @model_validator(mode="before")
    @classmethod
    def _reads_earlier_names(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        renamed = {EARLIER_NAMES[key]: given[key] for key in given.keys() & EARLIER_NAMES.keys()}
        rest = {k: v for k, v in given.items() if k not in EARLIER_NAMES}
        return with_pretraining(with_earlier_draws({**rest, **renamed}))

    mode: Literal["sampled", "exact"] = "sampled"
    """Whether a pass samples operators and paths (`sampled`, which costs about what a network
    costs), or runs all of them (`exact`, as the paper does)."""
    heads: Literal["one", "all"] = "one"
    """The heads of a pass: `one`, with auxiliary ones, or `all`, as in the authors' code: one for
    each set of branches on offer and one for each branch alone, whose losses are added up."""
    shared: Literal["all", "cells"] = "all"
    """The blocks that contenders share: `all`, or, as in the authors' code, the `cells` alone;
    stem, fusion and heads are then each one's own."""
    sampling: SamplingSettings = SamplingSettings()
    """What a pass of a sampled search runs."""
    exact_widths: Literal["two-draws", "straight-through"] = "two-draws"
    """How the widths inside the lattice learn in an exact search: by the losses of two draws, or
    `straight-through` a weight at their features, the paper's, which gets little
    gradient from the task's loss."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """What the search computes in; with `auto` an exact search float32, a sampled one bfloat16
    where the device has it."""
    hours: float | None = Field(None, gt=0, le=MOST)
    """Active hours of pre-training and search together; the two numbers of steps then say only how
    they are shared.  3 where neither is named, which makes a night of a whole run."""
    pretrain_steps: int = Field(600, ge=0, le=MOST_COUNTED)
    """Steps in which the supernet's weights alone learn, before the search; two thirds of all by
    default.  The authors have 20 epochs."""
    steps: int = Field(300, ge=0, le=MOST_COUNTED)
    """Steps of the search, in each of which weights and architectures learn by turns.  The authors
    have 30 epochs."""
    batch_size: int = Field(4, ge=1, le=MOST_AT_ONCE)
    """Images of a step, on all processes together; the authors have 2."""
    lr: float = Field(0.05, gt=0, le=MOST)
    """The highest learning rate of the supernet's weights; the authors have 0.01."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Momentum of the supernet's weights; the authors'."""
    weight_decay: float = Field(5e-4, ge=0, le=MOST)
    """L2 decay of the supernet's weights; the authors'."""
    schedule: RateShape = "poly"
    """How the weights' rate goes down: `poly`, to zero at the end; `paper`, by `epoch_decay` after
    each `steps_per_epoch` steps; or not at all, `constant`."""
    epoch_decay: float = Field(0.978, gt=0, le=1)
    """Factor on the rate after each epoch, in schedule `paper`; the authors'."""
    steps_per_epoch: int = Field(743, ge=1, le=MOST_COUNTED)
    """Steps of an epoch in schedule `paper`; the authors' for Cityscapes, half of its 2,975
    training images in batches of 2."""
    architecture_lr: float | None = Field(None, gt=0, le=MOST)
    """Adam's learning rate of the architecture parameters; left out, it follows from the number of
    steps, so that noise alone decides a tenth at most.  The authors have 0.0003."""
    architecture_weight_decay: float = Field(0.0, ge=0, le=MOST)
    """Decay of the architecture parameters; 0 is the authors'."""
    clip_norm: float = Field(5.0, gt=0, le=MOST)
    """The largest norm of a weight step's gradients, which are scaled down to it; the authors'."""
    passes: Literal["mean", "sum"] = "mean"
    """How the gradients of a weight step's passes are combined: by their `mean`, or by their
    `sum` as in the authors' code, which equals a higher rate under a smaller `clip_norm`."""
    auxiliary_weight: float = Field(0.2, ge=0, le=MOST)
    """Weight of the losses of the auxiliary heads."""
    ohem_threshold: float = Field(1.0, gt=0, le=1)
    """Pixels whose true class is less probable than this count in the loss, the hard ones; 1 is
    plain cross-entropy.  The authors have 0.7."""
    ohem_kept_fraction: float = Field(1.0, gt=0, le=1)
    """Share of the labelled pixels that count at least, however easy they are; 1 is all.  The
    authors have a sixteenth."""
    class_weights: Literal["student"] | ClassWeights = "student"
    """What each class counts in the search's loss: as in the `student`'s training, what the `data`
    say, all the same (`none`), rare ones more (`auto`), or a number for each class in order."""
    penalty: PenaltySettings = PenaltySettings()
    """The latency penalty's terms."""
    penalty_strength: float = Field(0.1, ge=0, le=MOST)
    """Strength of the latency penalty at the start, steered within two decades on either side, by
    the budget or by a window; 0 searches without a penalty.  The authors have 0.01 a
    millisecond."""
    temperature: TemperatureSettings = TemperatureSettings()
    """The temperature of the samples."""
    image_scale: float = Field(1.0, ge=LEAST_SCALE, le=1)
    """Factor by which all that the search reads is made smaller first, labels included: what it
    learns from, and what subnets are calibrated and scored on.  Their scores are told with it: they
    are not those of labels at their own size, as all other scores are.  The authors have 0.5."""
    label_stride: Literal[1, 2, 4, 8] = 1
    """Holds the network's small logits against one label in so many pixels along each side, in
    place of upsampling them.  The authors have 8."""
    augmentation: AugmentationSettings = AugmentationSettings()
    """The transforms of what the search learns from."""
    pretraining: PretrainingSettings = PretrainingSettings()
    """What differs in pre-training."""
    random_widths: int = Field(2, ge=1, le=MOST_COUNTED)
    """Passes of random widths that a student has in each step of pre-training, beside the widest
    and the narrowest; 2 is the authors'."""
    control_every: int = Field(10, ge=1, le=MOST_COUNTED)
    """Steps between two looks at the latency, which move the penalty's strength; the authors look
    once an epoch, 743 steps."""
    control_gain: float = Field(1.0, ge=0, le=MOST)
    """Gain of the controller: a look multiplies the strength by (latency / nearest allowed
    latency) to the power of four times this, halving or doubling it at most; 0 never moves it."""
    control: ControlSettings = ControlSettings()
    """What the strength follows."""
    checkpoint_every: int = Field(50, ge=1, le=MOST_COUNTED)
    """Steps between two checkpoints: so many are lost at most when a search is killed."""
    calibration_batches: int = Field(100, ge=1, le=MOST_COUNTED)
    """Batches on which a subnet's batch-norm statistics are measured at most, until three in a row
    hardly move them."""
    validation_images: int = Field(100, ge=1, le=MOST_COUNTED)
    """Images of the validation split that the found subnets are scored on."""
    selection: SelectionSettings = SelectionSettings()
    """How the student is selected at its budget."""

    @model_validator(mode="after")
    def _has_an_image_for_every_part_of_pretraining(self) -> Self:
        if self.accumulate > self.pretraining.batch_size:
            raise ValueError(
                f"a batch of {self.pretraining.batch_size} images, pretraining's, cannot go "
                f"through in {self.accumulate} parts; lower accumulate, or raise "
                "pretraining.batch_size"
            )
        return self

    @model_validator(mode="after")
    def _has_crops_in_whole_strides(self) -> Self:
        for where, one in (
            ("", self.augmentation),
            ("pretraining.", self.pretraining.augmentation),
        ):
            for side in ("crop_height", "crop_width"):
                pixels = getattr(one, side)
                if pixels is not None and pixels % self.label_stride:
                    raise ValueError(
                        f"label_stride {self.label_stride} takes crops in whole multiples of it, "
                        f"and {where}augmentation.{side} is {pixels}"
                    )
        return self
