"""The sections of a recipe that learn: the search with its pre-training, and a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from fasterseg.config.batches import BatchSection
from fasterseg.config.pretraining import PretrainingSettings, RateShape, with_pretraining
from fasterseg.config.runtimes import Precision
from fasterseg.config.sections import (
    LEAST_SCALE,
    AugmentationSettings,
    ControlSettings,
    PenaltySettings,
    SamplingSettings,
    SelectionSettings,
    TemperatureSettings,
    with_earlier_draws,
)
from fasterseg.foreign.bounds import MOST, MOST_AT_ONCE, MOST_CLASSES, MOST_COUNTED

# With a profile, scores and measurements they are a night: eight hours.
SEARCH_HOURS, TRAINING_HOURS = 3.0, 2.0
MOST_WARMUP_STEPS, WARMUP_SHARE = 100, 0.1

ClassWeights = (
    Literal["data", "none", "auto"]
    | Annotated[tuple[Annotated[float, Field(gt=0, le=MOST)], ...], Field(max_length=MOST_CLASSES)]
)
"""What each class counts in a loss: what the data say, all the same, rare ones more, numbers."""


class LongSection(BatchSection):
    """A part that learns: for as many steps as it names, or as many as fit into its hours.

    Its first weights are Kaiming's normal numbers, by the outputs that an input reaches
    (``fan-out``), or by the inputs that an output has (``fan-in``, the authors').
    """

    usual_hours: ClassVar[float]
    numbers_of_steps: ClassVar[tuple[str, ...]] = ("steps",)

    initialisation: Literal["fan-out", "fan-in"] = "fan-out"

    @model_validator(mode="before")
    @classmethod
    def _gives_hard_pixels_the_papers_other_half(cls, given: Any) -> Any:
        """Plain cross-entropy, unless one of its two settings says otherwise."""
        if not isinstance(given, Mapping):
            return given
        papers = {"ohem_threshold": 0.7, "ohem_kept_fraction": 1 / 16}
        meant = any(given.get(key, 1) != 1 for key in papers)
        return {**papers, **given} if meant else given

    @model_validator(mode="before")
    @classmethod
    def _takes_the_usual_hours_unless_told(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or any(name in given for name in cls.numbers_of_steps):
            return given
        return {"hours": cls.usual_hours, **given}


EARLIER_NAMES: Mapping[str, str] = {"weight_lr": "lr", "weight_momentum": "momentum"}
"""Keys of the search in earlier recipes, and what they are called now."""


class SearchSettings(LongSection):
    """Pre-training of the supernet and the search in it (*teacher/student co-searching*).

    `mode` is ``sampled``: each pass samples operators and paths, or ``exact``: each runs all of
    them, as the paper does.  With `precision` ``auto`` an exact search computes in float32, a
    sampled one in bfloat16 where the device has it.  With `hours`, active time for pre-training
    and search together, the two numbers of steps say only how it is shared; who names neither
    hours nor steps gets `usual_hours`.  Without an `architecture_lr` it follows from the number
    of steps (`fasterseg.searching.noise_floor`).  In an exact search the widths inside the lattice
    learn by the losses of two draws (``two-draws``), or ``straight-through`` a weight at their
    features, as in the paper (`fasterseg.searching.compared_widths`).  Which network a student is,
    `selection` decides.  Classes count in the loss as they do in the ``student``'s training, unless
    `class_weights` says otherwise.  `lr`, `momentum` and `weight_decay` are those of the supernet's
    weights; the rate follows `schedule`, where ``paper`` multiplies it by `epoch_decay` after each
    `steps_per_epoch` steps, the authors' for Cityscapes.  Where a weight step's `passes` are one
    update, it is by their mean, or, as in the authors' code, by their sum, which is a rate so many
    times as high under a norm clipped so much earlier.  `pretraining` has what differs before the
    search.

    With an `image_scale` below 1 everything that the search reads is made smaller first: what it
    learns from, what subnets are calibrated on, and what they are scored on, labels included.
    With a `label_stride` the loss holds the network's small logits against one label in so many
    along each side (`fasterseg.datasets.transforms.strided`), in place of upsampling them.

    A pass has ``one`` of the `heads`, with auxiliary ones, or ``all``, as the authors' do: one for
    each set of branches on offer and one for each branch alone, whose losses are added up.
    Contenders have ``all`` blocks `shared`, or, as in the authors' code, the ``cells`` alone: stem,
    fusion and heads are then each one's own.
    """

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
    heads: Literal["one", "all"] = "one"
    shared: Literal["all", "cells"] = "all"
    sampling: SamplingSettings = SamplingSettings()
    exact_widths: Literal["two-draws", "straight-through"] = "two-draws"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    hours: float | None = Field(None, gt=0, le=MOST)
    pretrain_steps: int = Field(600, ge=0, le=MOST_COUNTED)
    steps: int = Field(300, ge=0, le=MOST_COUNTED)
    batch_size: int = Field(4, ge=1, le=MOST_AT_ONCE)
    lr: float = Field(0.05, gt=0, le=MOST)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(5e-4, ge=0, le=MOST)
    schedule: RateShape = "poly"
    epoch_decay: float = Field(0.978, gt=0, le=1)
    # Half of Cityscapes' 2,975 training images in batches of 2.
    steps_per_epoch: int = Field(743, ge=1, le=MOST_COUNTED)
    architecture_lr: float | None = Field(None, gt=0, le=MOST)
    architecture_weight_decay: float = Field(0.0, ge=0, le=MOST)
    clip_norm: float = Field(5.0, gt=0, le=MOST)
    passes: Literal["mean", "sum"] = "mean"
    auxiliary_weight: float = Field(0.2, ge=0, le=MOST)
    ohem_threshold: float = Field(1.0, gt=0, le=1)
    ohem_kept_fraction: float = Field(1.0, gt=0, le=1)
    class_weights: Literal["student"] | ClassWeights = "student"
    penalty: PenaltySettings = PenaltySettings()
    # At the start; steered within two decades on either side, by the budget or by a window.
    penalty_strength: float = Field(0.1, ge=0, le=MOST)
    temperature: TemperatureSettings = TemperatureSettings()
    image_scale: float = Field(1.0, ge=LEAST_SCALE, le=1)
    label_stride: Literal[1, 2, 4, 8] = 1
    augmentation: AugmentationSettings = AugmentationSettings()
    pretraining: PretrainingSettings = PretrainingSettings()
    random_widths: int = Field(2, ge=1, le=MOST_COUNTED)
    control_every: int = Field(10, ge=1, le=MOST_COUNTED)
    control_gain: float = Field(1.0, ge=0, le=MOST)
    control: ControlSettings = ControlSettings()
    checkpoint_every: int = Field(50, ge=1, le=MOST_COUNTED)
    calibration_batches: int = Field(100, ge=1, le=MOST_COUNTED)
    validation_images: int = Field(100, ge=1, le=MOST_COUNTED)
    selection: SelectionSettings = SelectionSettings()

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


StartingWeights = Literal["fresh", "supernet"]
"""What a training begins with: random weights, or what the run's search has learned already."""


class TrainingSettings(LongSection):
    """Training of one network, with or without a teacher.

    `hours` of active time take the place of `steps`; who names neither gets `usual_hours`.
    Without `evaluate_every`, it follows from the sizes of the two splits
    (`fasterseg.training.scoring`); without `warmup_steps`, they are a tenth, 100 at most.
    `class_weights` say what each class counts in the loss: what the ``data`` say, ``none``,
    ``auto`` (rare classes count for more), or a number each.  An `ohem_threshold` of 1 is plain
    cross-entropy: in a training of hours, hard pixels alone (the paper's 0.7) teach late.  `start`
    says which weights the first step meets: ``fresh`` ones, as in the paper, or the ``supernet``'s
    slices of the architecture.
    """

    usual_hours: ClassVar[float] = TRAINING_HOURS

    start: StartingWeights = "fresh"

    steps: int = Field(1000, ge=1, le=MOST_COUNTED)
    hours: float | None = Field(None, gt=0, le=MOST)
    batch_size: int = Field(8, ge=1, le=MOST_AT_ONCE)
    lr: float = Field(0.05, gt=0, le=MOST)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(5e-4, ge=0, le=MOST)
    # The authors decay batch norms and biases too.
    decay_normalisation: bool = False
    schedule: RateShape = "poly"
    poly_power: float = Field(0.9, gt=0, le=MOST)
    epoch_decay: float = Field(0.992, gt=0, le=1)
    # The authors' epoch: so many steps, however many images there are.
    steps_per_epoch: int = Field(1000, ge=1, le=MOST_COUNTED)
    warmup_steps: int | None = Field(None, ge=0, le=MOST_COUNTED)
    clip_norm: float = Field(0.0, ge=0, le=MOST)
    auxiliary_weight: float = Field(0.2, ge=0, le=MOST)
    ohem_threshold: float = Field(1.0, gt=0, le=1)
    ohem_kept_fraction: float = Field(1.0, gt=0, le=1)
    class_weights: ClassWeights = "data"
    distillation_weight: float = Field(1.0, ge=0, le=MOST)
    # The authors' loss is smaller by the number of classes.
    distillation_divided_by_classes: bool = False
    ema_decay: float = Field(0.99, ge=0, lt=1)
    precision: Literal["auto", Precision] = "auto"
    channels_last: bool = True
    augmentation: AugmentationSettings = AugmentationSettings()
    evaluate_every: int | None = Field(None, ge=1, le=MOST_COUNTED)
    checkpoint_every: int = Field(100, ge=1, le=MOST_COUNTED)

    @property
    def warmup(self) -> int:
        """How many steps the rate rises for."""
        usual = min(MOST_WARMUP_STEPS, int(WARMUP_SHARE * self.steps))
        return usual if self.warmup_steps is None else self.warmup_steps
