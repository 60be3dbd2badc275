"""The recipe's smaller parts: data, target, profile, augmentation, penalty, control, sampling,
temperature, selection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from fasterseg.config.budgets import possible_budget, stated_ms
from fasterseg.config.normalising import Normalize
from fasterseg.config.runtimes import RUNTIMES, BlockRuntimeName, TargetPrecision
from fasterseg.errors import UsageError
from fasterseg.foreign.bounds import (
    LONGEST_SIDE,
    MOST,
    MOST_COUNTED,
    MOST_NAMED,
    MOST_THREADS,
)
from fasterseg.foreign.names import FileName
from fasterseg.foreign.strict_json import shortened
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size

OutputForm = Literal["labels", "logits", "low-resolution-logits"]
"""What a graph ends at: class ids, logits at image size, or at the network's own."""
TailForm = Literal["graph", "fast", "numpy"]
"""From low-resolution logits to labels: in the graph, or after it, compiled or in NumPy."""
MOST_WORKERS = 256
"""More take all of a process's files."""
LEAST_SCALE, LONGEST_STREET = 1e-3, 8192
AUTO = "auto"
"""Stands in a recipe for what the data decides, until a run has opened it."""


class Section(BaseModel):
    """A part of the recipe; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class StreetSettings(Section):
    """The built-in data set's size: images per split; other data has its own."""

    height: int = Field(128, ge=16, le=LONGEST_STREET)
    width: int = Field(256, ge=16, le=LONGEST_STREET)
    train: int = Field(400, ge=2, le=MOST_COUNTED)
    val: int = Field(100, ge=1, le=MOST_COUNTED)
    test: int = Field(100, ge=1, le=MOST_COUNTED)


class DataSettings(Section):
    """Which data, and which of its splits serve what.

    The search divides `train_split`; the networks that it found are trained on it too, unless
    `training_split` names another: ``train+val`` for the last training, when nothing is left to be
    chosen by `val_split`.  `test_split` is scored at the end; ``auto`` leaves to the data which it
    is: ``test`` where there is one with published labels, else `val_split`.  `normalize` is what
    networks are fed, ``(image / 255 - mean) / std``: with ``auto`` as the data file says, else by
    ``imagenet``'s numbers or by others, ``[[r, g, b], [r, g, b]]``, in its place.  `outside` lets
    files be read that lie outside of the data's folder, through links or paths in its data file.
    """

    source: str = "street"
    layout: str = "auto"
    outside: bool = False
    train_split: FileName = "train"
    training_split: FileName | None = None
    val_split: FileName = "val"
    test_split: FileName = AUTO
    normalize: Normalize = "auto"
    workers: int = Field(0, ge=0, le=MOST_WORKERS)
    street: StreetSettings = StreetSettings()

    @property
    def trained_on(self) -> str:
        """The split that the networks which were found are trained on."""
        return self.training_split or self.train_split


class TargetSettings(Section):
    """Device, backend, precision, threads, input size and tail: all of it part of every latency.

    Without height and width the images' own size is taken, before a run is begun; without a device
    the one that the backend is for.  ``float16`` is for backends that compute in the types of a
    graph; what is timed, exported and scored is written in it.  On a GPU `transfer` says whether
    the copies of an image to it and of the labels back are part of a network's time, as they are
    unless it is said otherwise.
    """

    backend: BlockRuntimeName = "onnxruntime"
    device: str = "cpu"
    precision: TargetPrecision = "float32"
    threads: int = Field(2, ge=1, le=MOST_THREADS)
    height: int | None = Field(None, ge=8, le=LONGEST_SIDE)
    width: int | None = Field(None, ge=8, le=LONGEST_SIDE)
    tail: TailForm = "graph"
    transfer: bool = True

    @model_validator(mode="before")
    @classmethod
    def _takes_the_device_of_its_backend(cls, given: Any) -> Any:
        named = given.get("backend") if isinstance(given, Mapping) else None
        if not isinstance(named, str) or named not in RUNTIMES:
            return given
        return {"device": RUNTIMES[named].usual_device, **given}

    @model_validator(mode="after")
    def _computes_in_what_its_backend_can(self) -> Self:
        can = RUNTIMES[self.backend].times_in
        if self.precision not in can:
            able = [row.name for row in RUNTIMES.values() if self.precision in row.times_in]
            raise ValueError(
                f"{self.backend} is timed in {' and '.join(can)} only; for {self.precision} take "
                f"the backend {' or '.join(able)}"
            )
        return self

    @model_validator(mode="after")
    def _leaves_no_copy_out_that_its_tail_needs(self) -> Self:
        if not self.transfer and self.tail != "graph":
            raise ValueError(
                f"transfer false leaves copies out, and the {self.tail} tail reads what is copied; "
                "take the tail graph"
            )
        return self

    @model_validator(mode="after")
    def _has_both_sides_or_none(self) -> Self:
        if (self.height is None) != (self.width is None):
            given, other = ("height", "width") if self.width is None else ("width", "height")
            raise ValueError(
                f"there is a {given} and no {other}; give both, or leave both out: then the "
                "images' own size is taken"
            )
        return self

    @property
    def size(self) -> Size:
        """Height and width in pixels; raises `UsageError` where they are not known yet."""
        if self.height is None or self.width is None:
            raise UsageError(
                "the target's size is not known",
                where="target.height, target.width",
                why="the recipe names none, and no images were asked",
                next_step="say both: --set target.height=720 --set target.width=1280",
            )
        return Size(self.height, self.width)

    def geometry(self, classes: int) -> Geometry:
        """What an architecture needs to know of the target; raises `UsageError` as `size` does."""
        return Geometry(self.size, classes)


class ProfileSettings(Section):
    """How blocks and whole networks are timed."""

    warmup_runs: int = Field(3, ge=1, le=MOST_COUNTED)
    runs: int = Field(15, ge=3, le=MOST_COUNTED)
    seconds_per_block: float = Field(0.15, gt=0, le=MOST)
    calibration_networks: int = Field(20, ge=4, le=MOST_COUNTED)
    latency_tolerance: float = Field(0.02, gt=0, le=MOST)


Factor = Annotated[float, Field(ge=LEAST_SCALE, le=1 / LEAST_SCALE)]


class AugmentationSettings(Section):
    """Joint transforms of image and labels.

    A side of the crops that is left out follows from the images' size, before a run is begun.
    Images are scaled by a factor between `scale_low` and `scale_high`, or by one of `scales`, all
    equally likely.
    """

    crop_height: int | None = Field(None, ge=8, le=LONGEST_SIDE)
    crop_width: int | None = Field(None, ge=8, le=LONGEST_SIDE)
    scale_low: float = Field(0.5, ge=LEAST_SCALE, le=1 / LEAST_SCALE)
    scale_high: float = Field(2.0, ge=LEAST_SCALE, le=1 / LEAST_SCALE)
    scales: tuple[Factor, ...] = Field((), max_length=MOST_NAMED)
    flip: bool = True
    colour: float = Field(0.2, ge=0, le=MOST)

    @property
    def crop(self) -> tuple[int, int]:
        """Height and width in pixels; raises `UsageError` where they are not known yet."""
        if self.crop_height is None or self.crop_width is None:
            raise UsageError(
                "the size of the crops is not known",
                where="augmentation.crop_height, augmentation.crop_width",
                why="the recipe names none, and no images were asked",
                next_step="say both: --set search.augmentation.crop_height=192 and the like",
            )
        return self.crop_height, self.crop_width


class PenaltySettings(Section):
    """Weights of the penalty's three terms (*latency regularisation with finer granularity*).

    `balanced` sets them in inverse proportion to the measured response of the latency to each kind
    of choice, which is how the paper chose its own; who names a weight has it as it is.  The
    values here are the paper's; the authors' code has 0.002, 0.994 and 0.004.  `decoupled: false`
    has one term for all, for comparison.

    In a term the `others`, the choices of the two other kinds, are as they are at ``present``, or,
    as in the authors' code, ``uniform``: kinds and paths even, widths the largest.  A term is the
    latency `per` ``budget``, or per ``ms``: the authors' strength is 0.01 a millisecond.
    """

    operators: float = Field(0.001, ge=0, le=MOST)
    paths: float = Field(0.997, ge=0, le=MOST)
    widths: float = Field(0.002, ge=0, le=MOST)
    decoupled: bool = True
    balanced: bool = True
    others: Literal["present", "uniform"] = "present"
    per: Literal["budget", "ms"] = "budget"

    @model_validator(mode="before")
    @classmethod
    def _takes_weights_as_they_are(cls, given: Any) -> Any:
        terms = {"operators", "paths", "widths"}
        if not isinstance(given, Mapping) or given.get("decoupled") is False:
            return given
        return {"balanced": False, **given} if terms & given.keys() else given


class ControlSettings(Section):
    """How the penalty's strength follows a student's latency.

    Without a `window` it moves in proportion to how far the expected latency lies outside of what
    keeps the budget (`search.control_gain`).  With one, as in the authors' code, it is the derived
    network's latency that counts: at the window's fast end or beyond it the strength is divided by
    `factor`, at its slow end or beyond it multiplied.  A window is two latencies, each in ``ms`` or
    ``fps``.  The authors look once an epoch: `search.control_every` is so many steps.
    """

    window: tuple[str, str] | None = None
    factor: float = Field(2.0, gt=1, le=MOST)

    @field_validator("window")
    @classmethod
    def _has_two_ends(cls, window: tuple[str, str] | None) -> tuple[str, str] | None:
        if window is not None and len({_end_ms(end) for end in window}) < 2:
            raise ValueError(f"both ends of the window are {window[0]}; say two latencies")
        return window

    @property
    def window_ms(self) -> tuple[float, float] | None:
        """The fast and the slow end in milliseconds; None without a window."""
        if self.window is None:
            return None
        fast, slow = sorted(map(_end_ms, self.window))
        return fast, slow


def _end_ms(latency: str) -> float:
    known = stated_ms(possible_budget(latency) or "", {})
    if known is None:
        raise ValueError(f"{shortened(latency)!r} is no latency; write it like 6.5ms")
    return known


class SamplingSettings(Section):
    """How many options of a choice a pass of a sampled search runs.

    ``one`` and ``two`` are sampled by the contender's probabilities; two are run as something
    between both, all as the weighted sum that an exact search runs.  Weight steps take one parent
    of each fork and one width of each feature; `weight_updates` says whether their passes are an
    update each, on a batch of its own, or one together, by the mean gradient on one batch.

    `weight_kinds` says how weight steps sample kinds: ``even``, each that a contender may take
    alike; ``probable``, by its probabilities; ``even-until-decided``, evenly until its kinds are
    decided beyond what noise alone does, and by its probabilities from then on (decision 0051).
    """

    weight_operators: Literal["one", "two"] = "two"
    weight_kinds: Literal["even", "probable", "even-until-decided"] = "even-until-decided"
    weight_updates: Literal["each", "together"] = "each"
    architecture_operators: Literal["one", "two", "all"] = "all"
    architecture_parents: Literal["one", "two", "all"] = "two"
    architecture_widths: Literal["one", "two"] = "two"


class TemperatureSettings(Section):
    """Gumbel-softmax temperature: geometric from `start` to `end`; the paper keeps 1.

    That of an exact search's widths that learn straight through, and of choices that a sampled
    search takes as ``one``.
    """

    start: float = Field(1.0, gt=0, le=MOST)
    end: float = Field(1.0, gt=0, le=MOST)


class SelectionSettings(Section):
    """Selection at the exact budget, after the search: networks fitted to it, told apart by score.

    `candidates` networks are scored for each student; 1 is the paper's, the most probable network.
    Without a number the search's hours decide: a tenth of them (`usual_candidates` where its steps
    are given).  A share of them is sampled as the parameters find them `probable`, a share drawn
    `even`; the rest are children of the best `population` so far, by `crossover` of two or else by
    mutation of one.  The best `finalists` are scored again, on more images.  A score is the mean
    IoU of a subnet on `images` of the half that the weights were not trained on, its statistics
    measured on `calibration_images` of the other half.
    """

    usual_candidates: ClassVar[int] = 64

    candidates: int | None = Field(None, ge=1, le=MOST_COUNTED)
    probable: float = Field(0.25, ge=0, le=1)
    even: float = Field(0.25, ge=0, le=1)
    population: int = Field(16, ge=1, le=MOST_COUNTED)
    crossover: float = Field(0.5, ge=0, le=1)
    finalists: int = Field(8, ge=1, le=MOST_COUNTED)
    images: int = Field(32, ge=1, le=MOST_COUNTED)
    calibration_images: int = Field(32, ge=1, le=MOST_COUNTED)

    @model_validator(mode="after")
    def _has_shares_of_one_whole(self) -> Self:
        if self.probable + self.even > 1:
            raise ValueError("probable and even are shares of the candidates: 1 together at most")
        return self

    @property
    def count(self) -> int:
        """How many networks are scored for each student, where no hours decide."""
        return self.usual_candidates if self.candidates is None else self.candidates


def with_earlier_draws(given: Mapping[str, Any]) -> dict[str, Any]:
    """A search's settings with the `draws` of earlier recipes: a selection without evolution."""
    rest = {key: value for key, value in given.items() if key != "draws"}
    if "draws" not in given:
        return rest
    selection = rest.get("selection", {})
    known = selection.model_dump() if isinstance(selection, SelectionSettings) else selection
    if not isinstance(known, Mapping):
        return rest  # told where the selection is read
    drawn = {} if given["draws"] == 1 else {"probable": 1.0, "even": 0.0}
    return {**rest, "selection": {**known, "candidates": given["draws"], **drawn}}
