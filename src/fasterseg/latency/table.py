"""The latency table: measured milliseconds for each block spec on one target."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from fasterseg.artifacts import Artifact
from fasterseg.changes import differences
from fasterseg.config import RuntimeName, TailForm, TargetPrecision, TargetSettings
from fasterseg.errors import FileError, UsageError
from fasterseg.foreign.bounds import LONGEST_SIDE, MOST, MOST_CLASSES, MOST_THREADS
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.blocks import BlockSpec, Size

Milliseconds = Annotated[float, Field(ge=0, lt=1e9, allow_inf_nan=False)]
Finite = Annotated[float, Field(ge=-MOST, le=MOST)]

FLOOR_FACTOR = 3.0
"""An entry below so many times the timer's floor says little about its block: it is marked."""

NOISE_FACTOR = 2.0
"""So is one below so many times its own standard error: it may as well be zero."""

MEDIAN_ERROR = 1.8581
"""Standard error of the median of one normal number, in median distances from the median."""


TAILS: Mapping[TailForm, str] = {
    "graph": "tail in the graph",
    "fast": "fast tail",
    "numpy": "tail in NumPy",
}
"""What the tail is called beside a latency."""


class _Values(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Target(_Values):
    """What a latency belongs to; two latencies are comparable only when all of it is equal.

    `transfer` says whether the copies of an image to a GPU and of the labels back are part of a
    whole network's time; of a block's they never are.
    """

    device: str
    backend: RuntimeName
    precision: TargetPrecision
    threads: int = Field(ge=1, le=MOST_THREADS)
    height: int = Field(ge=1, le=LONGEST_SIDE)
    width: int = Field(ge=1, le=LONGEST_SIDE)
    classes: int = Field(ge=1, le=MOST_CLASSES)
    output: Literal["labels"] = "labels"
    tail: TailForm = "graph"
    transfer: bool = True

    @model_serializer(mode="wrap")
    def _as_earlier_tables_have_it(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Transfers are told only where they are left out, so that no digest of before changes."""
        content: dict[str, Any] = dump(self)
        return {key: value for key, value in content.items() if key != "transfer" or not value}

    @classmethod
    def of(cls, settings: TargetSettings, classes: int) -> Self:
        """The target that a recipe names, for so many classes."""
        unsaid = {"host", "max_drop"}  # where it is, and what files may lose, change no latency
        return cls(**settings.model_dump(exclude=unsaid), classes=classes)

    @property
    def geometry(self) -> Geometry:
        """What an architecture needs to know of it."""
        return Geometry(Size(self.height, self.width), self.classes)


class Entry(_Values):
    """What was measured for one block or network; `spread_ms` is that of one run.

    `marked` when too close to the timer's floor or to zero to say much.  `pace` is how many times
    as long everything took while it was measured as in the rest of the profile, where that was not
    the same: both times are corrected by it.  `disturbed` where it was not quiet and nothing is
    corrected.
    """

    median_ms: Milliseconds
    spread_ms: Milliseconds
    runs: int = Field(ge=1)
    marked: bool = False
    pace: float = Field(default=1.0, gt=0, le=MOST)
    disturbed: bool = False

    @model_serializer(mode="wrap")
    def _as_earlier_tables_have_it(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What the machine did is told only where it was not quiet: earlier digests stay."""
        content: dict[str, Any] = dump(self)
        quiet = {"pace": 1.0, "disturbed": False}
        return {k: value for k, value in content.items() if k not in quiet or value != quiet[k]}

    @property
    def error_ms(self) -> float:
        """The standard error of the median, if runs differ as normal numbers do."""
        return MEDIAN_ERROR * self.spread_ms / math.sqrt(self.runs)


class WholeNetwork(_Values):
    """A whole network: its measured latency, and the features that a calibration sees of it."""

    measured_ms: Milliseconds
    blocks_ms: Milliseconds
    blocks: int = Field(ge=1)
    border_bytes: int = Field(ge=0)
    predicted_ms: Milliseconds = 0.0
    held_out: bool = False


class Calibration(_Values):
    """From block times to a whole network's: ``scale * ms + per_block_ms + per_byte_ms * bytes``.

    At most one of the two terms for each block is not zero.  They are fitted on all networks; the
    errors are those of a fit on half of them, on the held-out others, and so are their predictions;
    None where nothing was held out.
    """

    scale: Finite = 1.0
    per_block_ms: Finite = 0.0
    per_byte_ms: Finite = 0.0
    mape: float | None = None
    spearman: float | None = None
    networks: tuple[WholeNetwork, ...] = ()

    def cost_ms(self, median_ms: float, border_bytes: int) -> float:
        """What a block adds to a network's latency; never below zero."""
        corrected = self.per_block_ms + self.per_byte_ms * border_bytes
        return max(0.0, self.scale * median_ms + corrected)


class Reference(_Values):
    """A network that was measured together with the table: it says at what pace the machine ran.

    Measured again beside another network, it tells how that one's time compares with the table's.
    """

    architecture: Architecture
    measured_ms: Milliseconds


class LatencyTable(Artifact):
    """Measured block times on a target, the conditions, and the calibration on whole networks.

    `reference` is None where no whole network was measured.
    """

    schema_tag: ClassVar[str] = "fasterseg/latency-table/1"

    target: Target
    conditions: dict[str, str]
    floor_ms: Milliseconds = 0.0
    entries: dict[str, Entry]
    calibration: Calibration = Calibration()
    reference: Reference | None = None

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if not all(math.isfinite(entry.median_ms) for entry in self.entries.values()):
            raise ValueError("a latency is not finite")
        return self

    def measured_ms(self, spec: BlockSpec) -> float:
        """The block's own median, uncalibrated; 0 for an identity; `FileError` on a miss."""
        return 0.0 if spec.is_identity else self._entry(spec).median_ms

    def cost_ms(self, spec: BlockSpec) -> float:
        """What the block adds to a network's latency; 0 for an identity; `FileError` on a miss."""
        if spec.is_identity:
            return 0.0
        return self.calibration.cost_ms(self._entry(spec).median_ms, spec.border_bytes)

    def estimate_ms(self, specs: Iterable[BlockSpec]) -> float:
        """The latency of a network that consists of these blocks."""
        return sum(self.cost_ms(spec) for spec in specs)

    def _entry(self, spec: BlockSpec) -> Entry:
        entry = self.entries.get(spec.key) or self.entries.get(spec.earlier_key or "")
        if entry is None:
            raise FileError(
                "the latency table does not know a block of this network",
                where=spec.key,
                why=f"it was measured for {describe(self.target)} and another space",
                next_step="run 'fasterseg profile' for this recipe, in a new run folder",
            )
        return entry

    def require_target(self, target: Target) -> None:
        """Raise `UsageError` with the differences when the table is for another target."""
        changes = list(differences(self.target.model_dump(), target.model_dump()))
        if changes:
            raise UsageError(
                "the latency table was measured on another target",
                why="; ".join(changes),
                next_step="run 'fasterseg profile' for this target, in a new run folder",
            )

    def told_target(self) -> str:
        """The target in one line; of another host's with the device, and how that was measured."""
        told, known = describe(self.target), self.conditions
        if "kit" not in known:
            return told
        device = f"{known['device']} ({known['processor']})"
        return f"{told}; measured on {device} by {known['runner']} of a kit"

    def marked(self) -> tuple[str, ...]:
        """The keys of the entries that are too short to say much about their blocks."""
        return tuple(key for key, entry in self.entries.items() if entry.marked)


def describe(target: Target) -> str:
    """A target in one line."""
    threads = f"{target.threads} thread{'s' if target.threads > 1 else ''}"
    return (
        f"{target.backend} on {target.device}, {target.precision}, {threads}, "
        f"{target.height}x{target.width}, {target.classes} classes to {target.output}, "
        f"{TAILS[target.tail]}{'' if target.transfer else ', copies from and to the host left out'}"
    )


def with_marks(entries: Mapping[str, Entry], floor_ms: float) -> dict[str, Entry]:
    """The entries, those marked that the timer's floor or their own noise may hide."""

    def is_hidden(entry: Entry) -> bool:
        limit_ms = max(FLOOR_FACTOR * floor_ms, NOISE_FACTOR * entry.error_ms)
        return entry.median_ms < limit_ms

    return {
        key: entry.model_copy(update={"marked": is_hidden(entry)}) for key, entry in entries.items()
    }
