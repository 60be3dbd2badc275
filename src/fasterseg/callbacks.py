"""What a run tells while it works: typed events, for functions of Python and for trackers.

    from fasterseg.callbacks import RunEvent, Scored, StepDone

    def on_event(event: RunEvent) -> None:
        match event:
            case StepDone(stage="train/student", step=step, values=values):
                print(step, values["loss"])
            case Scored(name=name, split=split, mean_iou=mean_iou):
                print(f"{name}: {100 * mean_iou:.2f} % on {split}")

    fasterseg.run(recipe="photos.yaml", callbacks=[on_event])

A callback is called between two steps, in the process that leads the run.  Stages are called as in
``stages.json``: ``search``, and its parts ``search/pretraining`` and ``search/cosearch``;
``train/NAME`` is the training of one network, and ``train/answers/NAME`` the asking of its teacher
before the first step.  An exception that a callback raises stops the run,
which the same call resumes from the last checkpoint.  A resumed run tells the steps behind its
checkpoint anew, after `StageResumed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from fasterseg.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Picture: TypeAlias = npt.NDArray[np.uint8]
else:
    Picture = Any  # the command line reads this module, and numpy takes its time


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage, or a part of one, begins or is resumed."""

    stage: str


@dataclass(frozen=True, slots=True)
class StageEnded:
    """It ended after so many seconds of this session; not `finished` where something stopped it."""

    stage: str
    seconds: float
    finished: bool


@dataclass(frozen=True, slots=True)
class StageResumed:
    """Of a stage in steps `step` are done, 0 when it is new; what they told stands in `log`."""

    stage: str
    step: int
    log: Path


@dataclass(frozen=True, slots=True)
class StepDone:
    """The step was done, from 1 to `steps`; `values` is its line of the stage's events.jsonl."""

    stage: str
    step: int
    steps: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CheckpointSaved:
    """All up to a step is saved in a folder: these steps are never done again."""

    stage: str
    step: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Scored:
    """A network was scored on a split.  Values are shares of one.

    `which` of its weights: ``live``, ``best``, ``last`` or ``ema``; empty for a file.  `step` is
    that of its training, None when that is over; `iou` is by class, None for a class that the
    split lacks, and empty where only the mean was kept.
    """

    name: str
    which: str
    split: str
    mean_iou: float
    pixel_accuracy: float
    images: int
    step: int | None = None
    iou: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """A network's latencies in milliseconds on the target, beside its budget (None without one).

    `found` is the search's candidate with random weights, `delivered` the trained network as it
    was exported.
    """

    name: str
    what: str
    median_ms: float
    p95_ms: float | None
    predicted_ms: float | None
    budget_ms: float | None


@dataclass(frozen=True, slots=True)
class AnswersKept:
    """A teacher was asked about all images of a split, and its answers are kept in a folder.

    `images` were asked about in this session, in so many `seconds`; `size_bytes` is what all take.
    """

    teachers: tuple[str, ...]
    split: str
    images: int
    seconds: float
    size_bytes: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Predicted:
    """A network can show some images of a split: the image, its labels and its own labels.

    `pictures` computes them when it is called: by the images' names, each (height, width, 3) RGB.
    """

    name: str
    split: str
    pictures: Callable[[], Mapping[str, Picture]]


RunEvent = (
    StageStarted
    | StageEnded
    | StageResumed
    | StepDone
    | CheckpointSaved
    | Scored
    | Measured
    | AnswersKept
    | Predicted
)
Callback = Callable[[RunEvent], object]
"""A function of Python that is told; what it returns is not looked at."""

Listener = Callable[[RunEvent], None]
"""What the package itself tells."""


def ignore_event(_event: RunEvent) -> None:
    """Nobody listens."""


def notifying_all(listeners: Iterable[Listener]) -> Listener:
    """Tell each of them, in order."""
    told = tuple(listeners)

    def tell(event: RunEvent) -> None:
        for hear in told:
            hear(event)

    return tell if told else ignore_event


def require_callbacks(callbacks: Iterable[Any]) -> None:
    """Raise `UsageError` for what cannot be called."""
    for callback in callbacks:
        if not callable(callback):
            raise UsageError(
                "a callback is no function",
                where=f"callbacks: {callback!r}",
                why="each is called with one event",
                next_step="give a list of functions, as in callbacks=[on_event]",
            )


def by_name(callback: Callback) -> Listener:
    """The callback, whose exceptions are raised as a `UsageError` that names it."""

    def hear(event: RunEvent) -> None:
        try:
            callback(event)
        except Exception as error:
            raise UsageError(
                f"the callback {_name_of(callback)} failed, so the run was stopped",
                where=f"{_place_of(callback)}, told of {type(event).__name__}",
                why=f"{type(error).__name__}: {error}",
                next_step="mend it or leave it out: the same call resumes from the last checkpoint",
            ) from error

    return hear


def _name_of(callback: Callback) -> str:
    return getattr(callback, "__qualname__", "") or type(callback).__qualname__


def _place_of(callback: Callback) -> str:
    function = callback if hasattr(callback, "__code__") else vars(type(callback)).get("__call__")
    code = getattr(function, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else type(callback).__module__


@dataclass(frozen=True, slots=True)
class StageTeller:
    """Tells what a stage in steps does."""

    stage: str = ""
    hear: Listener = ignore_event

    def resumed(self, step: int, log: Path) -> None:
        """So many steps are done when the others begin."""
        self.hear(StageResumed(self.stage, step, log))

    def stepped(self, step: int, steps: int, values: Mapping[str, Any]) -> None:
        """One more is done."""
        self.hear(StepDone(self.stage, step, steps, values))

    def saved(self, step: int, folder: Path) -> None:
        """All up to here is saved."""
        self.hear(CheckpointSaved(self.stage, step, folder))


NOBODY = StageTeller()
