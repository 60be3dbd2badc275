"""The recipe: everything that describes a run, with its defaults.

The stages are the paper's.  What a recipe does not say is not: modes, spaces, lengths, rates and
losses are those that networks for a processor, a search and two trainings of some hours want
(decision 0028).  The paper's are said in `recipes/paper-cityscapes.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from fasterseg.artifacts import Artifact
from fasterseg.config.batches import BatchSection
from fasterseg.config.budgets import AsFastAs, one_or_several, stated_ms
from fasterseg.config.contenders import (
    OPEN_CONTENDERS,
    USUAL_CONTENDERS,
    Contenders,
    ContenderSettings,
    not_offered,
    one_student_each,
)
from fasterseg.config.pretraining import (
    PretrainingSettings,
    RateShape,
    with_pretraining,
    without_passed_on,
)
from fasterseg.config.roles import as_written, expanded
from fasterseg.config.runtimes import RUNTIMES, Precision
from fasterseg.config.sections import (
    LEAST_SCALE,
    AugmentationSettings,
    ControlSettings,
    DataSettings,
    PenaltySettings,
    ProfileSettings,
    SamplingSettings,
    SelectionSettings,
    TargetSettings,
    TemperatureSettings,
    with_earlier_draws,
)
from fasterseg.foreign.bounds import (
    MOST,
    MOST_AT_ONCE,
    MOST_CLASSES,
    MOST_COUNTED,
    MOST_THREADS,
    Whole,
)
from fasterseg.foreign.names import FileName, as_file_name, first_twice
from fasterseg.space.allowed_paths import leave_something
from fasterseg.space.options import Options
from fasterseg.space.search_space import Role, SearchSpace, Width

# With a profile, scores and measurements they are a night: eight hours.
SEARCH_HOURS, TRAINING_HOURS = 3.0, 2.0
MOST_WARMUP_STEPS, WARMUP_SHARE = 100, 0.1

Promise = Literal["p95", "median"]
"""What of a network's latency is to meet its budget."""


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


MOBILE_SPACE = SearchSpace(preset="mobile")
DENSE_SPACE = SearchSpace(
    layers=10,
    expansions=(2, 4, 6, 8, 10),
    stem_expansions=(3, 4, 6, 8),
    fusion_expansions=(2, 4, 6, 8),
    head_expansions=(2, 4, 6, 8),
)
"""The paper's kinds, in networks that a processor with few cores runs too."""


def usual_space(device: str, backend: str) -> SearchSpace:
    """What a recipe without a space searches, for a target."""
    on_a_gpu = device.startswith("cuda") or (backend in RUNTIMES and RUNTIMES[backend].is_for_gpus)
    return DENSE_SPACE if on_a_gpu else MOBILE_SPACE


def _space_for(known: dict[str, Any]) -> SearchSpace:
    target: TargetSettings = known["target"]
    return usual_space(target.device, target.backend)


def _contenders_for(known: dict[str, Any]) -> Contenders:
    space: SearchSpace = known["space"]
    return OPEN_CONTENDERS if space.is_tied else USUAL_CONTENDERS


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


class Recipe(Artifact):
    """Everything that describes a run.

    `threads` are those that search and training compute with, 0 for all cores; the target has
    its own.  `budget` is milliseconds per image on the target (``8ms``), or images a second
    (``165fps``), or ``halfway`` between the
    measured cheapest and dearest network of the space, or as fast as a model
    (``baseline:fast-scnn``, a file, a bundle; ``2x:MODEL`` twice its time), or several of these,
    joined by commas or in a list; `promise` says what of
    a student's latency is to meet it: the 95th percentile, or the median, which a busy machine can
    tell too.  Several budgets make one student each of the recipe's one (`config.budgets`), and
    what `training` says holds for search, teacher and student, unless their own section says
    otherwise (`config.roles`).  A recipe is stored as it was written, with its defaults; readers
    find students and settings expanded.
    """

    schema_tag: ClassVar[str] = "fasterseg/recipe/2"
    earlier_tags: ClassVar[tuple[str, ...]] = ("fasterseg/recipe/1",)

    name: FileName = "fasterseg"
    seed: Whole = 0
    threads: int = Field(0, ge=0, le=MOST_THREADS)
    budget: str | tuple[str, ...] = "halfway"
    promise: Promise = "p95"
    data: DataSettings = DataSettings()
    target: TargetSettings = TargetSettings()
    space: SearchSpace = Field(default_factory=_space_for)
    profile: ProfileSettings = ProfileSettings()
    written_contenders: Contenders = Field(default_factory=_contenders_for, alias="contenders")
    training: TrainingSettings = TrainingSettings()
    search: SearchSettings = SearchSettings()
    teacher: TrainingSettings = TrainingSettings()
    student: TrainingSettings = TrainingSettings()

    @model_validator(mode="before")
    @classmethod
    def _takes_from_training(cls, given: Any) -> Any:
        return expanded(given) if isinstance(given, Mapping) else given

    def content(self) -> dict[str, Any]:
        """The recipe as it was written, with its defaults, as a JSON value."""
        content = super().content()
        return as_written({**content, "search": without_passed_on(content["search"])})

    @property
    def contenders(self) -> Contenders:
        """The networks being searched: of several budgets, each has its student."""
        return one_student_each(self.written_contenders, self.budgets)

    @model_validator(mode="after")
    def _has_contenders_that_can_be(self) -> Self:
        names = [contender.name for contender in self.written_contenders]
        if not names:
            raise ValueError("there is no contender; a search has a teacher, a student, or both")
        if (twice := first_twice(names)) is not None:
            raise ValueError(f"two contenders have one name: {' and '.join(twice)}")
        for contender in self.contenders:  # of several budgets, each is in a student's name
            as_file_name(contender.name)
        if not any(contender.is_searched for contender in self.written_contenders):
            raise ValueError("there is nothing to search: no contender has architecture: searched")
        for contender in self.written_contenders:
            for stride, offered in self.space.kinds.cells.items():
                taken = offered if contender.operators is None else contender.operators
                if stride <= self.space.coarsest and set(taken).isdisjoint(offered):
                    raise ValueError(
                        f"contender {contender.name!r} may take {', '.join(taken)}, and none of "
                        f"these is among space.kinds.cells at stride {stride}: {', '.join(offered)}"
                    )
        return self

    @model_validator(mode="after")
    def _has_networks_that_keep_its_path_rules(self) -> Self:
        for contender in self.written_contenders:
            if not leave_something(Options.of(self.space, contender)):
                raise ValueError(
                    f"contender {contender.name!r} may take no network that keeps space.paths: "
                    f"{self.space.paths}; offer it more kinds in space.kinds.cells that are no skip"
                )
        return self

    @model_validator(mode="after")
    def _offers_what_contenders_fix(self) -> Self:
        for contender in self.written_contenders:
            for part in ("stem", "fusion", "head"):
                fixed: Width | None = getattr(contender, f"{part}_expansion")
                offered = self._offered_width(part)
                if fixed is not None and fixed not in offered:
                    raise ValueError(not_offered(contender.name, part, fixed, offered))
        return self

    @model_validator(mode="after")
    def _has_a_window_for_its_one_budget(self) -> Self:
        window, students = self.search.control.window_ms, self.students()
        if window is None or not students:
            return self
        told = " to ".join(self.search.control.window or ())
        if len(students) > 1:
            raise ValueError(
                f"search.control.window is {told}, which is a window around one budget; there are "
                f"{len(students)} students: leave it out, or search for one at a time"
            )
        budget = self.budget_of(students[0])
        budget_ms = stated_ms(budget, {})
        if budget_ms is not None and not window[0] <= budget_ms <= window[1]:
            raise ValueError(
                f"search.control.window is {told}, and the budget of {students[0].name}, {budget}, "
                "lies outside of it"
            )
        return self

    def _offered_width(self, part: str) -> tuple[Width, ...]:
        """The options of the one width of stem, fusion or head; none where it is another's."""
        widths, space = self.space.widths, self.space
        stem = () if space.is_tied else widths.stem[0]
        head = () if space.is_summed else widths.head
        return {"stem": stem, "fusion": widths.fusion, "head": head}[part]

    @field_validator("budget", mode="before")
    @classmethod
    def _one_budget_or_several(cls, value: Any) -> Any:
        return one_or_several(value)

    @property
    def budgets(self) -> tuple[str, ...]:
        """The budget, or the several."""
        return (self.budget,) if isinstance(self.budget, str) else self.budget

    def students(self) -> Contenders:
        """The contenders that must meet a budget."""
        return tuple(c for c in self.contenders if c.role == "student")

    def training_of(self, role: Role) -> TrainingSettings:
        """How the networks of a role are trained."""
        return self.teacher if role == "teacher" else self.student

    def learnt_by(self, role: Role) -> tuple[str, ...]:
        """The splits whose images a role's weights learn from, those of the supernet included."""
        begun = self.training_of(role).start == "supernet"
        return (self.data.trained_on, *([self.data.train_split] if begun else []))

    @property
    def search_class_weights(self) -> ClassWeights:
        """What each class counts in the search's loss."""
        wanted = self.search.class_weights
        return self.student.class_weights if wanted == "student" else wanted

    def budget_of(self, contender: ContenderSettings) -> str:
        """A student's own budget, or else the recipe's one."""
        if contender.budget is not None:
            return contender.budget
        (budget,) = self.budgets  # several have been given to a student each
        return budget

    @property
    def models_to_match(self) -> tuple[str, ...]:
        """The models that students' budgets name, each once, in their order."""
        named = (AsFastAs.of(self.budget_of(student)) for student in self.students())
        return tuple(dict.fromkeys(one.model for one in named if one is not None))
