"""What a short timing measured: the numbers that a forecast is computed from.

Each part is measured in a process of its own, so that no peak of memory hides another's, and comes
back as JSON.  Seconds are medians; a peak is the process's greatest resident set while it worked,
`base_bytes` what it held before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from fasterseg.forecasting.pricing import Prices
from fasterseg.space.architecture import Architecture

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Bytes = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    """A part of the timings or of a forecast; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


AnyPart = TypeVar("AnyPart", bound=Part)


class DataTiming(Part):
    """Reading the data: `check_seconds` and `sample_seconds` are for one image.

    `train`, `trained_on`, `val` and `test` count the images of the splits that the recipe names,
    `checked` all there are; `val_is_seen` says that `val` is a part of what is trained on.  A
    training keeps samples of `sample_bytes` in memory, up to `kept_bytes`.
    """

    classes: int
    train: int
    trained_on: int
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
    """A whole network, exported and measured on the target with random weights."""

    architecture: Architecture
    macs: int
    estimate_ms: float
    median_ms: float
    p95_ms: float


class EndsTiming(Part):
    """The fastest and the slowest network of a student's options."""

    fastest: NetworkTiming
    slowest: NetworkTiming


class TargetTiming(Part):
    """The target: prices of blocks, each student's ends, and what measuring costs.

    `call_seconds` is opening one block, `open_seconds` one network, `sampling_seconds` drawing one
    network at a latency.  `window_seconds` is how long one measurement of a candidate runs it, and
    `attempts` how often it is made until the machine is quiet.  `network_bytes` is what one open
    network holds, and `left_bytes` what the process still held when all was done.
    """

    base_bytes: Bytes
    prices: Prices
    call_seconds: Seconds
    open_seconds: Seconds
    sampling_seconds: Seconds
    ends: dict[str, EndsTiming]
    window_seconds: Seconds
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


class SearchTiming(Part):
    """The search: its two kinds of step, and what its end is made of.

    `control_seconds` is what a look at the budget adds to a step, `derive_seconds` fitting an
    architecture to a budget.  A subnet of `subnet_macs` settled its statistics after
    `settling_batches` of `batch_seconds` each.
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


class DeliveryTiming(Part):
    """Exporting a network of so many blocks whole, reading the file back and asking what it is."""

    blocks: float
    parameters: float
    export_seconds: Seconds
    verified_images: int
    file_bytes: Bytes
    peak_bytes: Bytes


@dataclass(frozen=True, slots=True)
class Timings:
    """All that was measured.  `teacher` is None where the recipe has none, and so are students."""

    data: DataTiming
    target: TargetTiming
    search: SearchTiming
    teacher: TrainingTiming | None
    narrow: TrainingTiming | None
    wide: TrainingTiming | None
    delivery: DeliveryTiming

    @property
    def trainings(self) -> tuple[TrainingTiming, ...]:
        """Those that were timed."""
        return tuple(one for one in (self.narrow, self.wide, self.teacher) if one is not None)
