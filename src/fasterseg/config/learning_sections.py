"""The sections of a recipe that learn: what they have in common, and a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from fasterseg.config.augmentation import AugmentationSettings
from fasterseg.config.batches import BatchSection
from fasterseg.config.distilling import DistillationSettings
from fasterseg.config.pretraining import RateShape
from fasterseg.config.runtimes import FloatPrecision
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
    """A part that learns: for as many steps as it names, or as many as fit into its hours."""

    usual_hours: ClassVar[float]
    numbers_of_steps: ClassVar[tuple[str, ...]] = ("steps",)

    initialisation: Literal["fan-out", "fan-in"] = "fan-out"
    """The scale of the first weights, Kaiming's normal numbers: by the outputs that an input
    reaches (`fan-out`), or by the inputs that an output has (`fan-in`, the authors')."""

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


StartingWeights = Literal["fresh", "supernet"]
"""What a training begins with: random weights, or what the run's search has learned already."""

LearnedWeights = Literal["imagenet", "none"]
"""What an encoder begins with of which there are learned weights."""


class TrainingSettings(LongSection):
    """Training of one network, with or without a teacher; who names neither `steps` nor `hours`
    gets the usual hours."""

    usual_hours: ClassVar[float] = TRAINING_HOURS

    start: StartingWeights = "fresh"
    """The weights that the first step meets: `fresh` ones, as in the paper, or the `supernet`'s
    slices of the architecture."""
    pretrained: LearnedWeights = "imagenet"
    """The first weights of a baseline's encoder: `imagenet`, from the extra `pretrained`
    (`efficientnet-lite0` and `efficientnet-lite2` have such), or `none`, random ones.  Other
    networks, the authors' among them, begin with nothing pre-trained."""
    steps: int = Field(1000, ge=1, le=MOST_COUNTED)
    """Steps of the training, a batch each; without steps, two hours.  The authors have 600,000."""
    hours: float | None = Field(None, gt=0, le=MOST)
    """Active hours in place of `steps`: as many steps as fit, counted once from timed ones; 2 where
    neither is named, which makes a night of a whole run."""
    batch_size: int = Field(8, ge=1, le=MOST_AT_ONCE)
    """Images of a step, on all processes together; the authors have 12."""
    lr: float = Field(0.05, gt=0, le=MOST)
    """The highest learning rate of SGD; the authors have 0.01."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Momentum of SGD; the authors'."""
    weight_decay: float = Field(5e-4, ge=0, le=MOST)
    """L2 decay of the convolutions' weights; the authors'."""
    # The authors decay batch norms and biases too.
    decay_normalisation: bool = False
    """Whether batch norms and biases decay too, as in the authors' code."""
    schedule: RateShape = "poly"
    """How the rate goes down: `poly`, to zero at the end; `paper`, by `epoch_decay` after each
    `steps_per_epoch` steps; or not at all, `constant`."""
    poly_power: float = Field(0.9, gt=0, le=MOST)
    """Exponent of schedule `poly`: the rate is (1 - share of the steps done) to this power."""
    epoch_decay: float = Field(0.992, gt=0, le=1)
    """Factor on the rate after each epoch, in schedule `paper`; the authors'."""
    steps_per_epoch: int = Field(1000, ge=1, le=MOST_COUNTED)
    """Steps of an epoch in schedule `paper`; the authors', however many images there are."""
    warmup_steps: int | None = Field(None, ge=0, le=MOST_COUNTED)
    """Steps in which the rate rises to `lr`; left out, a tenth of all, 100 at most.  The authors
    have none."""
    clip_norm: float = Field(0.0, ge=0, le=MOST)
    """The largest norm of a step's gradients, which are scaled down to it; 0 leaves them as they
    are."""
    auxiliary_weight: float = Field(0.2, ge=0, le=MOST)
    """Weight of the losses of the auxiliary heads, which the finished network has no more; the
    authors'."""
    ohem_threshold: float = Field(1.0, gt=0, le=1)
    """Pixels whose true class is less probable than this count in the loss, the hard ones; 1 is
    plain cross-entropy.  The authors have 0.7, which teaches late in a training of hours."""
    ohem_kept_fraction: float = Field(1.0, gt=0, le=1)
    """Share of the labelled pixels that count at least, however easy they are; 1 is all.  The
    authors have a sixteenth."""
    class_weights: ClassWeights = "data"
    """What each class counts in the loss: what the `data` say, all the same (`none`), rare ones
    more (`auto`), or a number for each class in order."""
    distillation_weight: float = Field(1.0, ge=0, le=MOST)
    """Weight of the divergence from the teacher's logits; 0 trains without a teacher.  1 is the
    authors'."""
    # The authors' loss is smaller by the number of classes.
    distillation_divided_by_classes: bool = False
    """Whether that divergence is divided by the number of classes, as in the authors' code."""
    distillation: DistillationSettings = DistillationSettings()
    """How a student learns from its teacher; a teacher learns from nobody, and takes none of it."""
    ema_decay: float = Field(0.99, ge=0, lt=1)
    """Decay of the averaged weights, which are handed over beside the last and the best; 0 averages
    nothing, as the authors do."""
    precision: Literal["auto", FloatPrecision] = "auto"
    """What a training computes in.  `auto` is bfloat16 where the device computes in it, float16 on
    an older GPU, else float32."""
    channels_last: bool = True
    """Whether tensors lie in memory with the channels last, which most devices compute faster
    with."""
    augmentation: AugmentationSettings = AugmentationSettings()
    """The transforms of what is trained on."""
    evaluate_every: int | None = Field(None, ge=1, le=MOST_COUNTED)
    """Steps between two scores on the validation split; left out, it follows from the sizes of the
    two splits, so that scores take about 5 % of the time."""
    checkpoint_every: int = Field(100, ge=1, le=MOST_COUNTED)
    """Steps between two checkpoints: so many are lost at most when a training is killed."""

    @property
    def warmup(self) -> int:
        """How many steps the rate rises for."""
        usual = min(MOST_WARMUP_STEPS, int(WARMUP_SHARE * self.steps))
        return usual if self.warmup_steps is None else self.warmup_steps
