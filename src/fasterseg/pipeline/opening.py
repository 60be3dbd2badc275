"""From the common options to the run they mean: its recipe, its folder, its data."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from fasterseg.config import Normalize, Recipe
from fasterseg.console.options import Common
from fasterseg.console.progress import progress_for, when_slow
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.sources.changed import NormalisedSource
from fasterseg.datasets.sources.sized import brought_to
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.transforming.transforms import IMAGENET_NORMALISATION, Normalisation
from fasterseg.events import Progress, silent
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.pipeline.preflight.ahead import Ahead, Trained
from fasterseg.pipeline.preflight.stages import needs_of, require
from fasterseg.pipeline.settings.agreeing import agree
from fasterseg.pipeline.settings.built_in import built_in_scenes, is_built_in
from fasterseg.pipeline.settings.own_functions import require_functions
from fasterseg.pipeline.settings.recipes import (
    folder_of,
    resolve_recipe,
    stored_or_new_recipe,
    stored_recipe,
)
from fasterseg.pipeline.settings.settling import note_on_scores, settled
from fasterseg.pipeline.settings.sizing import note_on_crops, note_on_sizes, with_sizes
from fasterseg.pipeline.settings.unlabelled import beside_of, note_on_unlabelled
from fasterseg.pipeline.trainings.teachers import note_on_teachers
from fasterseg.runs import RunFolder
from fasterseg.runtime import select_device, set_threads
from fasterseg.stopping import Show, StopRequest, stop_on_signals

_OPENING = "Opening the data"


class OpenedRun(NamedTuple):
    """A run's settled recipe, its folder and its data."""

    recipe: Recipe
    folder: RunFolder
    source: DataSource


@contextmanager
def hold_run(
    common: Common,
    stages: Sequence[str],
    *,
    trained: Trained | None = None,
    ranks: Ranks = ALONE,
) -> Iterator[tuple[OpenedRun, StopRequest]]:
    """`open_run` with the folder held for this process, and signals turned into a stop request.

    A folder that another process holds is refused before its recipe is touched.  For a device
    that is not there none is made.
    """
    require_device(common.device)
    with folder_of(common, stored_or_new_recipe(common)).locked(), stop_on_signals() as stop:
        yield open_run(common, stages, trained=trained, ranks=ranks, stop=stop), stop


def open_run(
    common: Common,
    stages: Sequence[str] = (),
    *,
    trained: Trained | None = None,
    ranks: Ranks = ALONE,
    stop: StopRequest | None = None,
) -> OpenedRun:
    """The settled recipe, the run's folder and its data; a new run's recipe is stored.

    A run that exists is resumed with its own recipe; the options may repeat it, and change what
    nothing was made by yet.  Any other change raises `UsageError` with a diff; where something is
    missing that the `stages` will need, that is raised.  Nothing is stored then.
    """
    stored = stored_recipe(common)
    recipe = resolve_recipe(common, stored)
    run = folder_of(common, recipe)
    before = Recipe.load(run.recipe) if run.recipe.exists() else None
    show = progress_for(json=common.json)
    recipe, source = open_settled(recipe, known=before, show=show, stop=stop)
    recipe = with_sizes(recipe, source, known=before)
    if before is not None:
        say(agree(before, recipe, run, source), common)
    if {"search", "train"} & {*stages}:
        require_functions(recipe, common)
    device = common.device or "auto"
    ahead = Ahead.of(recipe, run, source, device=device, trained=trained, ranks=ranks)
    ask_for(stages, ahead, common)
    if "evaluate" in stages:
        say(note_on_scores(recipe, source), common)
    if stages:
        say(note_on_sizes(recipe, source), common)
        say(note_on_crops(recipe), common)
    if "train" in stages:
        say(note_on_unlabelled(recipe, source), common)
    if "train" in stages and "search" in stages:
        say(note_on_teachers(recipe), common)
    if recipe != before:
        recipe.save(run.recipe)
    return OpenedRun(recipe, run, source)


def require_device(name: str | None) -> None:
    """Raise `EnvironmentFault` for a device that is not there."""
    if name not in (None, "auto", "cpu"):
        select_device(name)


def say(note: str, common: Common) -> None:
    """A note on the standard error stream, as an event where JSON is asked for."""
    if note:
        event = json.dumps({"event": "note", "note": note})
        print(event if common.json else f"note: {note}", file=sys.stderr)


def ask_for(stages: Sequence[str], ahead: Ahead, common: Common) -> None:
    """Raise where something is missing that the stages will need."""
    if total := len(needs_of(stages)):
        set_threads(ahead.recipe.threads)
        show = progress_for(json=common.json)
        with show("Looking ahead", total=total, unit="needs") as step:
            require(stages, ahead, progress=step)


def open_settled(
    recipe: Recipe,
    *,
    known: Recipe | None = None,
    show: Show | None = None,
    stop: StopRequest | None = None,
) -> tuple[Recipe, DataSource]:
    """The recipe with what it leaves to its data, which `known` may have settled; and the data.

    Where that takes long, because masks have to be drawn or a zip unpacked, `show` shows how far it
    is, and a `stop` that was asked for is heard.
    """
    if show is None:
        source = open_source(recipe)
    else:
        with when_slow(show, _OPENING, unit="files") as step:
            source = open_source(recipe, progress=_heard(step, stop))
    return settled(recipe, source, known=known), source


def _heard(step: Progress, stop: StopRequest | None) -> Progress:
    """The progress, which raises `Interrupted` once a stop was asked for."""

    def told(done: int, total: int, note: str) -> None:
        step(done, total, note)
        if stop is not None:
            stop.raise_if_set(_OPENING)

    return told


def open_source(recipe: Recipe, *, progress: Progress = silent) -> DataSource:
    """The data that a recipe names, at its working size; `DataError` where it cannot be used."""
    data = recipe.data
    if is_built_in(data.source, data.layout):
        source = built_in_scenes(data.street)
    else:
        source = open_data(
            data.source,
            layout=data.layout,
            outside=data.outside,
            progress=progress,
            beside=beside_of(data),
        )
    fed = _fed(recipe.data.normalize)
    return brought_to(source if fed is None else NormalisedSource(source, fed), recipe.data.size)


def _fed(normalize: Normalize) -> Normalisation | None:
    """What a recipe says that networks are fed; None where it leaves that to the data."""
    if normalize == "auto":
        return None
    return IMAGENET_NORMALISATION if normalize == "imagenet" else Normalisation(*normalize)
