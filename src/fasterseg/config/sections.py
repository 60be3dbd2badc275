"""The base of a recipe's sections, and three of them: data, target, profile.

The docstring under a key is its description, and the only one: the reference pages, ``fasterseg
recipe`` and the JSON Schema take it from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from fasterseg.config.host_names import HostName
from fasterseg.config.hosts import BY_HAND, HERE
from fasterseg.config.normalising import Normalize
from fasterseg.config.runtime_names import BlockRuntimeName
from fasterseg.config.runtimes import RUNTIMES, TailForm, TargetPrecision
from fasterseg.config.working_size import WorkingSize
from fasterseg.errors import UsageError
from fasterseg.foreign.booleans import TrueIsNoNumber
from fasterseg.foreign.bounds import (
    LONGEST_SIDE,
    MOST,
    MOST_COUNTED,
    MOST_NAMED,
    MOST_THREADS,
)
from fasterseg.foreign.names import FileName
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size

MOST_WORKERS = 256
"""More take all of a process's files."""
LEAST_SCALE, LONGEST_STREET = 1e-3, 8192
LONGEST_PATH = 4096
AUTO = "auto"
"""Stands in a recipe for what the data decides, until a run has opened it."""


def _several(given: Any) -> Any:
    """One place, or several: ``frames``, ``[frames, drive.mp4]``."""
    return (given,) if isinstance(given, str) else given


UnlabelledPlaces = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=LONGEST_PATH)], ...],
    Field(max_length=MOST_NAMED),
    BeforeValidator(_several, json_schema_input_type=str | list[str]),
]


class Section(TrueIsNoNumber):
    """A part of the recipe; an unknown key is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )


class StreetSettings(Section):
    """The built-in data set's size: images per split; other data has its own."""

    height: int = Field(128, ge=16, le=LONGEST_STREET)
    """Height of every scene in pixels; the default is small enough for a demo of minutes."""
    width: int = Field(256, ge=16, le=LONGEST_STREET)
    """Width of every scene in pixels; twice the height, as in Cityscapes."""
    train: int = Field(400, ge=2, le=MOST_COUNTED)
    """Scenes to search and train on; each is generated when it is asked for."""
    val: int = Field(100, ge=1, le=MOST_COUNTED)
    """Scenes by which networks are chosen."""
    test: int = Field(100, ge=1, le=MOST_COUNTED)
    """Scenes that are scored once, at the end."""
    unlabelled: int = Field(0, ge=0, le=MOST_COUNTED)
    """Scenes whose labels are thrown away: a student learns from them by its teacher's answers
    alone."""
    light: Literal["any", "daylight"] = "any"
    """`any` hour, weather and camera, or by `daylight`, an easier set: clear days, a steady camera,
    poles that stand near."""


class DataSettings(Section):
    """Which data, and which of its splits serve what."""

    source: str = "street"
    """The data: a folder, a data.yaml, or `street`, the built-in scenes; `--data` goes before
    it."""
    layout: str = "auto"
    """How the data lies in its folder, by the name of a layout; `auto` finds it."""
    outside: bool = False
    """Whether files may be read that lie outside of the data's folder, through links or paths in
    its data file.  A recipe's file cannot allow it to itself: `--set data.outside=true` does."""
    train_split: FileName = "train"
    """The split that a search divides in two halves, and whose images networks are trained on."""
    training_split: FileName | None = None
    """The split of the last trainings, where it is another: `train+val`, when nothing is left to be
    chosen by the validation images.  Without it, `train_split`."""
    val_split: FileName = "val"
    """The split by whose scores a training's best weights are chosen."""
    test_split: FileName = AUTO
    """The split that is scored at the end.  `auto` is `test` where there is one with published
    labels, else `val_split`."""
    size: WorkingSize = None
    """Height and width in pixels, as in `[360, 640]` or `360x640`, that images and labels are
    brought to for training and search, and that networks run at; scores keep the labels' own size.
    Without it all keep their own."""
    normalize: Normalize = "auto"
    """What networks are fed, (image / 255 - mean) / std: `auto` as the data file says, `imagenet`
    for ImageNet's numbers, or two lists of three, [[mean of r, g, b], [std of r, g, b]]."""
    unlabelled: UnlabelledPlaces = ()
    """Images without labels beside those that the data file names: folders, lists of images, or
    videos, as seen from the current folder.  A student learns from them by its teacher's answers
    alone."""
    unlabelled_every: int = Field(10, ge=1, le=MOST_COUNTED)
    """Of a video under `unlabelled`, one frame in so many is taken: neighbours show nearly the
    same."""
    workers: int = Field(0, ge=0, le=MOST_WORKERS)
    """Processes that read and transform images; 0 reads in the process that trains.  No result
    depends on it."""
    street: StreetSettings = StreetSettings()
    """The size of the built-in scenes; passed over where other data is named."""

    @property
    def trained_on(self) -> str:
        """The split that the networks which were found are trained on."""
        return self.training_split or self.train_split


def without_unlabelled(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a recipe's data without those keys of images without labels that are usual."""
    usual = DataSettings().model_dump(mode="json")
    street = {
        key: value
        for key, value in content["street"].items()
        if key != "unlabelled" or value != usual["street"][key]
    }
    told = {
        key: value
        for key, value in content.items()
        if not key.startswith("unlabelled") or value != usual[key]
    }
    return {**told, "street": street}


class TargetSettings(Section):
    """Device, backend, precision, threads, input size and tail: all of it part of every latency."""

    host: HostName = HERE
    """Where the device is: `here`, this machine; `kit`, anywhere: a zip is written that you carry
    there and whose answer you bring back; or `ssh://user@host:port`, which is sent the kit."""
    backend: BlockRuntimeName = "onnxruntime"
    """The runtime that blocks and networks are timed in, and files are exported for;
    `onnxruntime-web` is a browser's, for the host `kit`."""
    device: str = "cpu"
    """Where the network is to run: cpu, cuda or cuda:N; without it, where its backend runs."""
    precision: TargetPrecision = "float32"
    """What is timed, exported and scored computes in it: `int8` with onnxruntime and, by NNCF,
    openvino; `bfloat16` with openvino, where the processor has it; `float16` with onnxruntime-cuda,
    tensorrt and openvino.  A runtime that cannot here is refused, never run in another."""
    max_drop: float = Field(0.5, ge=0, le=100)
    """Points of mIoU that a network in int8 may lose against itself in float32; one that loses more
    is not exported (exit code 6)."""
    threads: int = Field(2, ge=1, le=MOST_THREADS)
    """Threads of the runtime, on a processor: as many cores as the device has to spare."""
    height: int | None = Field(None, ge=8, le=LONGEST_SIDE)
    """Height in pixels of the images that the budget is for; without height and width, the images'
    own size."""
    width: int | None = Field(None, ge=8, le=LONGEST_SIDE)
    """Width in pixels of the images that the budget is for; goes with `height`."""
    tail: TailForm = "graph"
    """What makes full-size labels of low-resolution logits: `graph`, operators of the exported
    file; after it `fast`, compiled by Numba, or the same in `numpy`.  The default needs nothing
    beside the runtime; `fast` takes less time on a processor."""
    transfer: bool = True
    """Whether on a GPU the copies of an image to it and of the labels back count; the authors leave
    them out."""

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
    def _can_be_timed_where_it_is(self) -> Self:
        row = RUNTIMES[self.backend]
        if row.is_web and self.host != BY_HAND:
            raise ValueError(
                f"{self.backend} runs in a browser, and host {self.host} has none that could be "
                "asked; take the host kit, whose page you open there"
            )
        if self.is_here:
            return self
        if not row.in_kits:
            able = [one.name for one in RUNTIMES.values() if one.in_kits]
            raise ValueError(
                f"{self.backend} is timed on this machine only; on the host {self.host} take the "
                f"backend {' or '.join(able)}"
            )
        if self.tail != "graph" or not self.transfer:
            told = "transfer false" if self.tail == "graph" else f"the tail {self.tail}"
            raise ValueError(
                f"{told} is timed on this machine only; on the host {self.host} the whole job is "
                "in the graph: take the tail graph, and leave transfer out"
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
    def is_here(self) -> bool:
        """Whether the device is this machine."""
        return self.host == HERE

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
    """Calls of each block before any is timed; the authors have 10."""
    runs: int = Field(15, ge=3, le=MOST_COUNTED)
    """Timed calls of each block at least; its price is their median."""
    seconds_per_block: float = Field(0.15, gt=0, le=MOST)
    """Seconds for which each block is timed at least: hundreds of blocks then take a minute or
    two."""
    calibration_networks: int = Field(20, ge=4, le=MOST_COUNTED)
    """Random whole networks that are measured beside the blocks: half of them fit a small
    correction of the table, the others judge it."""
    latency_tolerance: float = Field(0.02, gt=0, le=MOST)
    """How near to evenly spread latencies those networks are sampled, as a share of the latency."""
