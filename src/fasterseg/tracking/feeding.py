"""From a run's events to a tracker: told once, and never what is done again.

A tracker cannot forget, and a resumed run does the steps behind its last checkpoint again.  So
steps are told when a checkpoint has saved them: until then they wait here.  What a killed session
had saved and not told yet is told from the stage's log on resume.

A tracker that fails is told of once, and left alone: no run ends for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from fasterseg.artifacts import digest_of_value
from fasterseg.callbacks import (
    AnswersKept,
    CheckpointSaved,
    Measured,
    Predicted,
    RunEvent,
    Scored,
    StageResumed,
    StepDone,
)
from fasterseg.events import EventLog, Warn
from fasterseg.tracking.tracker import Opening, Tracker, as_name, numbers_in

OpenTracker = Callable[[Opening], Tracker]

_LONGEST_REASON = 300


class Feed:
    """Feeds one tracker with a run's events.  It raises nothing of what the tracker raises."""

    def __init__(
        self, open_tracker: OpenTracker, opening: Opening, *, title: str, warn: Warn
    ) -> None:
        self._told = opening.told
        self._title = title
        self._place = opening.place
        self._warn = warn
        self._waiting: dict[str, list[StepDone]] = {}
        self._tracker: Tracker | None = None
        with self._heeding():
            self._tracker = open_tracker(opening)
            self._keep(identity=self._tracker.identity)

    def __call__(self, event: RunEvent) -> None:
        """Tell the tracker, now or when it is safe to."""
        if self._tracker is not None:
            with self._heeding():
                self._take(event, self._tracker)

    def close(self, *, finished: bool) -> None:
        """End the tracker's session; what waits for a checkpoint is not told."""
        if self._tracker is not None:
            with self._heeding():
                self._tracker.close(finished=finished)

    @contextmanager
    def _heeding(self) -> Iterator[None]:
        try:
            yield
        except (Exception, SystemExit) as error:  # trackers raise what they like
            self._tracker = None
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST_REASON]
            self._warn(
                f"{self._title} failed and is told no more of this run, which is not disturbed: "
                f"{reason}"
            )

    def _take(self, event: RunEvent, tracker: Tracker) -> None:
        match event:
            case StageResumed():
                self._catch_up(event, tracker)
            case StepDone() if event.step > self._told.step_of(event.stage):
                self._waiting.setdefault(event.stage, []).append(event)
            case CheckpointSaved():
                waited = self._waiting.pop(event.stage, [])
                self._tell(event.stage, [(one.step, one.values) for one in waited], tracker)
            case Scored(step=None):
                group = "/".join(filter(None, ("score", event.name, event.which, event.split)))
                shares = {f"iou/{name}": iou for name, iou in event.iou.items()}
                whole = {"mean_iou": event.mean_iou, "pixel_accuracy": event.pixel_accuracy}
                self._tell_result(group, {**whole, **shares}, tracker)
            case Measured():
                group = f"latency/{event.name}/{event.what}"
                names = ("median_ms", "p95_ms", "predicted_ms", "budget_ms")
                self._tell_result(group, {name: getattr(event, name) for name in names}, tracker)
            case AnswersKept():
                took = {"images": event.images, "seconds": event.seconds}
                whole = {**took, "size_bytes": event.size_bytes}
                self._tell_result(f"answers/{event.split}", whole, tracker)
            case Predicted():
                self._tell_pictures(event, tracker)
            case _:
                pass

    def _catch_up(self, event: StageResumed, tracker: Tracker) -> None:
        """Tell what was saved and not told: by a session that was killed, or had no tracker."""
        self._waiting.pop(event.stage, None)
        last = self._told.step_of(event.stage)
        if event.step > last:
            lines = EventLog(event.log).events()
            missing = [(one["step"], one) for one in lines if last < one["step"] <= event.step]
            self._tell(event.stage, missing, tracker)

    def _tell(
        self, stage: str, steps: Sequence[tuple[int, Mapping[str, Any]]], tracker: Tracker
    ) -> None:
        if not steps:
            return
        line = self._told.lines
        for step, values in steps:
            numbers = dict(numbers_in({key: one for key, one in values.items() if key != "step"}))
            tracker.numbers(stage, step, numbers, line=line)
            line += 1
        tracker.flush()
        last = max(step for step, _ in steps)
        self._keep(steps={**self._told.steps, stage: last}, lines=line)

    def _tell_result(self, group: str, values: Mapping[str, Any], tracker: Tracker) -> None:
        """Tell numbers that a resumed run may come to again, once for each of their values."""
        key, numbers = digest_of_value([group, values]), dict(numbers_in(values))
        if key not in self._told.once:
            tracker.results(as_name(group), numbers)
            tracker.flush()
            self._keep(once=(*self._told.once, key))

    def _tell_pictures(self, event: Predicted, tracker: Tracker) -> None:
        group = as_name(f"pictures/{event.name}/{event.split}")
        if group not in self._told.once:
            found = {as_name(name): picture for name, picture in event.pictures().items()}
            tracker.pictures(group, found, line=self._told.lines)
            tracker.flush()
            self._keep(once=(*self._told.once, group), lines=self._told.lines + 1)

    def _keep(self, **changes: Any) -> None:
        self._told = self._told.model_copy(update=changes)
        self._told.save(self._place)
