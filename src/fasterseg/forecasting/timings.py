"""What a short timing measured: the numbers that a forecast is computed from.

Each part is measured in a process of its own.  A peak is that process's greatest resident set while
it worked, `base_bytes` what it held before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self, TypeVar

from pydantic import BaseModel, Field

from fasterseg.config import Promise
from fasterseg.forecasting.pricing import Prices
from fasterseg.space.architecture import Architecture

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Bytes = Annotated[int, Field(ge=0)]


class Part(BaseModel, frozen=True, extra="forbid"):
    """A part of the timings or of a forecast; an unknown key is an error."""


AnyPart = TypeVar("AnyPart", bound=Part)


class DataTiming(Part):
    """Reading the data: `check_seconds` and `sample_seconds` are for one image.

    `train`, `trained_on`, `val` and `test` count the images of the splits that the recipe names,
    `checked` all there are; `val_is_seen` says that `val` is a part of what is trained on.  `asked`
    are the images that a teacher is asked about.  A training keeps samples of `sample_bytes` in
    memory, up to `kept_bytes`.
    """

    classes: int
    train: int
    trained_on: int
    asked: int = 0
    val: int
    val_is_seen: bool
    test: int
    checked: int
    check_seconds: Seconds
    sample_seconds: Seconds
    digest_seconds: Seconds
    sample_bytes: Bytes
    kept_bytes: Bytes
    peak_bytes: Bytes


class NetworkTiming(Part):
    """A whole network, exported and measured on the target with random weights.

    `quiet` says whether the machine let that be measured undisturbed.
    """

    architecture: Architecture
    macs: int
    estimate_ms: float
    median_ms: float
    p95_ms: float
    quiet: bool = True


Ends = tuple[NetworkTiming, NetworkTiming]
"""The fastest and the slowest network of a student's options."""


class ModelTiming(Part):
    """A model that a budget names, measured on the target."""

    median_ms: float
    p95_ms: float

    def promised_ms(self, promise: Promise) -> float:
        """The figure that becomes a budget."""
        return self.p95_ms if promise == "p95" else self.median_ms


class TargetTiming(Part):
    """The target: prices of blocks, each student's ends, models of budgets, what measuring costs.

    `call_seconds` is opening one block, `open_seconds` one network, `sampling_seconds` sampling one
    at a latency.  A measurement is made `attempts` times until the machine is quiet.
    `network_bytes` is what one open network holds, `left_bytes` what the process held in the end.
    """

    base_bytes: Bytes
    prices: Prices
    call_seconds: Seconds
    open_seconds: Seconds
    sampling_seconds: Seconds
    ends: dict[str, Ends]
    models: dict[str, ModelTiming] = Field(default_factory=dict)
    attempts: float = Field(ge=1)
    network_bytes: Bytes
    peak_bytes: Bytes
    left_bytes: Bytes


class StepTiming(Part):
    """One kind of step: its seconds, the memory it needed, and its stage's checkpoint."""

    seconds: Seconds
    timed: int
    peak_bytes: Bytes
    save_seconds: Seconds
    checkpoint_bytes: Bytes

    @classmethod
    def of(cls, measured: object) -> Self:
        """What was measured of a stage, from its attributes of these names."""
        return cls.model_validate(measured, from_attributes=True)


class SearchTiming(Part):
    """The search: its two kinds of step, and what its end is made of.

    `control_seconds` is what a look at the budget adds to a step, `derive_seconds` fitting an
    architecture to a budget.  A subnet of `subnet_macs` settled its statistics after
    `settling_batches` of `batch_seconds` each, images read anew.  As a candidate, whose images are
    kept, it takes `calibrated_seconds` and `scored_seconds` for each of those that calibrate it and
    score it.
    """

    base_bytes: Bytes
    setup_seconds: Seconds
    pretraining: StepTiming
    cosearch: StepTiming
    control_seconds: Seconds
    derive_seconds: Seconds
    subnet_macs: float
    batch_seconds: Seconds
    settling_batches: int
    calibrated_seconds: Seconds
    scored_seconds: Seconds
    subnets_peak_bytes: Bytes


class TrainingTiming(Part):
    """Training one network of so many `macs` for each pixel.

    `image_seconds` is scoring one whole image: reading, running, counting.
    """

    base_bytes: Bytes
    macs: float
    setup_seconds: Seconds
    step: StepTiming
    image_seconds: Seconds
    scoring_peak_bytes: Bytes
    weight_bytes: Bytes


class AnswersTiming(Part):
    """Asking the students' teacher about one whole image, at all that it is to see of it.

    `image_seconds` are for asking and keeping; `image_bytes` is what is kept of an image.
    """

    image_seconds: Seconds
    image_bytes: Bytes
    peak_bytes: Bytes


class DeliveryTiming(Part):
    """Exporting a network whole, reading the file back and running it."""

    export_seconds: Seconds
    verified_images: int
    file_bytes: Bytes
    peak_bytes: Bytes


@dataclass(frozen=True, slots=True)
class Timings:
    """All that was measured; of a teacher or of students only where the recipe has them.

    `answers` are there where the teacher is asked before the students' first steps.
    `blocks` and `parameters` are those of the network that was handed over.  Steps were timed with
    what one of so many `ranks` has of a batch.
    """

    data: DataTiming
    target: TargetTiming
    search: SearchTiming
    teacher: TrainingTiming | None
    narrow: TrainingTiming | None
    wide: TrainingTiming | None
    delivery: DeliveryTiming
    blocks: float
    parameters: float
    ranks: int = 1
    answers: AnswersTiming | None = None

    def reading_seconds(self, images: int, *, most: int) -> float:
        """Reading images for the first time; from then on they are in memory."""
        return min(images, most) * self.data.sample_seconds

    def kept_bytes(self, images: int) -> int:
        """Samples of so many images in memory, as far as they are kept there."""
        return min(images * self.data.sample_bytes, self.data.kept_bytes)

    def after_export(self, peak: int) -> int:
        """A run is one process: what profiling left in it stays there."""
        return peak + max(0, self.target.left_bytes - self.search.base_bytes)

    @property
    def trainings(self) -> list[TrainingTiming]:
        """Those that were timed, the cheapest network first."""
        found = [one for one in (self.narrow, self.wide, self.teacher) if one is not None]
        return sorted(found, key=lambda one: one.macs)

    def scoring_seconds(self, images: int, macs: float, *, area: float = 1.0) -> float:
        """Scoring so many images, of which each rank has its share, made smaller to that area."""
        each = max(self.data.sample_seconds, area * self.image_seconds(macs))
        return -(-images // self.ranks) * each

    def image_seconds(self, macs: float) -> float:
        """Scoring one whole image with a network of that cost: reading, running, counting."""
        low, high = self.trainings[0], self.trainings[-1]
        share = (macs - low.macs) / (high.macs - low.macs) if high.macs > low.macs else 0.0
        seconds = low.image_seconds + share * (high.image_seconds - low.image_seconds)
        return max(self.data.sample_seconds, seconds)
