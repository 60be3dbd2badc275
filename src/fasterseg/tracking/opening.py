"""Opening the trackers that were asked for, and closing them however the run ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fasterseg.events import Warn, warn_on_stderr
from fasterseg.tracking.event_files import EventFiles
from fasterseg.tracking.feeding import Feed, OpenTracker
from fasterseg.tracking.mlflow_runs import MlflowRun
from fasterseg.tracking.names import TRACKERS, TrackerName, import_library
from fasterseg.tracking.told import Told
from fasterseg.tracking.tracker import Opening
from fasterseg.tracking.wandb_runs import WandbRun

_OPENED_BY: Mapping[TrackerName, OpenTracker] = {
    "tensorboard": EventFiles,
    "mlflow": MlflowRun,
    "wandb": WandbRun,
}


@contextmanager
def fed(
    names: Sequence[TrackerName],
    folder: Path,
    *,
    about: str,
    name: str,
    recipe: Mapping[str, Any],
    warn: Warn = warn_on_stderr,
) -> Iterator[tuple[Feed, ...]]:
    """Trackers in a folder, begun under a name or continued; what it yields is told events.

    `about` tells what is tracked here from all else in the folder, whatever it is named.

    Raises `EnvironmentFault` where a library is missing or broken; what fails later `warn` is told.
    """
    for tracker in names:
        import_library(tracker)
    opened = (_opening(tracker, folder, about, name, recipe) for tracker in names)
    feeds = tuple(_feed(*one, warn) for one in zip(names, opened, strict=True))
    finished = False
    try:
        yield feeds
        finished = True
    finally:
        for feed in feeds:
            feed.close(finished=finished)


def _opening(
    tracker: TrackerName, folder: Path, about: str, name: str, recipe: Mapping[str, Any]
) -> Opening:
    place = folder.absolute() / f"{tracker}-{about}.json"
    told = Told.load(place) if place.is_file() else Told()
    return Opening(name, about, place, recipe, told)


def _feed(tracker: TrackerName, opening: Opening, warn: Warn) -> Feed:
    return Feed(_OPENED_BY[tracker], opening, title=TRACKERS[tracker].title, warn=warn)
