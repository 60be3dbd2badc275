"""What a short timing measured: the numbers that a forecast is computed from.

Each part is measured in a process of its own, so that no peak of memory hides another's, and comes
back as JSON.  Seconds are medians; a peak is the process's greatest resident set while it worked.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from fasterseg.artifacts import Artifact
from fasterseg.forecasting.pricing import Prices
from fasterseg.space.architecture import Architecture

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Bytes = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    """A part of the timings; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Probe(Artifact):
    """What one process measured.

    `base_bytes` is what it held before it began to work.
    """

    base_bytes: Bytes = 0


AnyProbe = TypeVar("AnyProbe", bound=Probe)


class DataTiming(Probe):
    """Reading the data: `check_seconds` and `sample_seconds` are for one image.

    `train`, `trained_on`, `val` and `test` count the images of the splits that the recipe names,
    `checked` all there are; `val_is_seen` says that `val` is a part of what is trained on.  A
    training keeps samples of `sample_bytes` in memory, up to `kept_bytes`.
    """

    schema_tag: ClassVar[str] = "fasterseg/data-timing/1"

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
    estimate_ms: float
    median_ms: float
    p95_ms: float


class TargetTiming(Probe):
    """The target: prices of blocks, the two ends of the space, and what measuring costs.

    `call_seconds` is opening one block, `open_seconds` one network, `sampling_seconds` drawing one
    network at a latency.  `window_seconds` is how long one measurement of a candidate runs it, and
    `attempts` how often it is made until the machine is quiet; a promise asks for
    `promise_queries`.  `network_bytes` is what one open network holds, `left_bytes` what the
    process still held when all was done.
    """

    schema_tag: ClassVar[str] = "fasterseg/target-timing/1"

    prices: Prices
    timed_blocks: int
    call_seconds: Seconds
    open_seconds: Seconds
    sampling_seconds: Seconds
    lowest: dict[str, NetworkTiming]
    highest: dict[str, NetworkTiming]
    window_seconds: Seconds
    attempts: float = Field(ge=1)
    promise_queries: int
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


class SearchTiming(Probe):
    """The search: its two kinds of step, and what its end is made of.

    `control_seconds` is what a look at the budget adds to a step, `derive_seconds` fitting an
    architecture to a budget.  A subnet of `subnet_macs` settled its statistics after
    `settling_batches` of `batch_seconds` each.
    """

    schema_tag: ClassVar[str] = "fasterseg/search-timing/1"

    setup_seconds: Seconds
    pretraining: StepTiming
    cosearch: StepTiming
    control_seconds: Seconds
    derive_seconds: Seconds
    subnet_macs: float
    batch_seconds: Seconds
    settling_batches: int
    random_subnets: int
    subnets_peak_bytes: Bytes


class TrainingTiming(Probe):
    """Training one network of so many `macs` for each pixel.

    `image_seconds` is scoring one whole image: reading, running, counting.
    """

    schema_tag: ClassVar[str] = "fasterseg/training-timing/1"

    macs: float
    setup_seconds: Seconds
    step: StepTiming
    image_seconds: Seconds
    scoring_peak_bytes: Bytes
    weight_bytes: Bytes


class DeliveryTiming(Probe):
    """Exporting a network of so many blocks whole, reading the file back and asking what it is."""

    schema_tag: ClassVar[str] = "fasterseg/delivery-timing/1"

    blocks: int
    parameters: int
    export_seconds: Seconds
    verified_images: int
    file_bytes: Bytes
    peak_bytes: Bytes


class Timings(Artifact):
    """All that was measured.  `teacher` is None where the recipe has none, and so are students."""

    schema_tag: ClassVar[str] = "fasterseg/timings/1"

    data: DataTiming
    target: TargetTiming
    search: SearchTiming
    teacher: TrainingTiming | None
    narrow: TrainingTiming | None
    wide: TrainingTiming | None
    delivery: DeliveryTiming
