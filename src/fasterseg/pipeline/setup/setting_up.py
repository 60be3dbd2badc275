"""``fasterseg init``: from a folder of labelled photos to a data file, splits and a recipe."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from textwrap import wrap

from fasterseg.config import Recipe, build_recipe
from fasterseg.config.budgets import split_budgets, stated_ms
from fasterseg.console.asking import Ask, fault_of, take_usual
from fasterseg.datasets.layouts.known import data_file_in
from fasterseg.datasets.opening import open_files
from fasterseg.datasets.sources.serving import TRAIN
from fasterseg.durable import durable_write, make_folder
from fasterseg.errors import DataError, UsageError
from fasterseg.paths import place_for_folder, without_steps_up
from fasterseg.pipeline.opening import open_settled
from fasterseg.pipeline.planning.plan import Take
from fasterseg.pipeline.planning.probing import probed
from fasterseg.pipeline.settings.recipes import RUNS
from fasterseg.pipeline.settings.sizing import with_sizes
from fasterseg.pipeline.settings.unlabelled import NAMED_BY_DATA
from fasterseg.pipeline.setup.data_place import DataPlace, data_place, write_data_file
from fasterseg.pipeline.setup.dividing import DATA_HEAD, write_division
from fasterseg.pipeline.setup.first_look import Looked, first_look, image_to_show
from fasterseg.pipeline.setup.fitted_recipe import (
    USUAL_HOURS,
    FittedRecipe,
    Fitting,
    fitted,
    name_from,
)
from fasterseg.pipeline.setup.setup_report import SetupReport
from fasterseg.pipeline.setup.size_advice import (
    Fastest,
    SizeAdvice,
    advised_by_budget,
    advised_by_pixels,
    candidate_sizes,
    fastest_by_size,
    size_to_time,
)
from fasterseg.pipeline.setup.wishes import SetupOptions, require_budget, require_hours
from fasterseg.reference.commented import commented
from fasterseg.reference.schemas import schema_line
from fasterseg.runs import RunFolder
from fasterseg.runtime import available_cores
from fasterseg.space.blocks import Size
from fasterseg.stopping import Show, stop_on_signals

RECIPE_FILE = "fasterseg.yaml"
_WIDTH = 96
_USUAL_BUDGET = "halfway"
_BUDGET = (
    "How long may one image take on this machine? 12ms, 80fps, or halfway between the fastest and "
    "the slowest network"
)
_HOURS = "How many hours may this machine compute, for search and training together?"
_SIZE = "At which size is the network to run? Images and labels are brought to it"


def set_up(
    path: str | Path,
    show: Show,
    wishes: SetupOptions,
    *,
    out: str | Path,
    layout: str,
    outside: bool,
    ask: Ask,
    take: Take | None = None,
) -> SetupReport:
    """Look at photos, ask what was left open, and write what a run begins with.

    Nothing is overwritten: raises `UsageError` where there is a recipe already.  `take` measures.
    """
    wishes.require_possible()
    place = data_place(path, out=out, layout=layout, outside=outside)
    file = _recipe_file(place, out)
    looked = first_look(place, show, by=wishes.by, seed=wishes.seed, outside=outside)
    found = looked.as_found(str(path), place.source.layout.form or "by its data.yaml")
    if ask is not take_usual:
        print("\n".join(found.lines()), file=sys.stderr)
    budget = wishes.budget or ask(_BUDGET, _USUAL_BUDGET, wrong=fault_of(require_budget))
    hours = wishes.hours or require_hours(
        ask(_HOURS, f"{USUAL_HOURS:g}", wrong=fault_of(require_hours))
    )
    written = _write_data(place, looked)
    fitting = partial(_fitting, place, looked, budget, hours)
    with stop_on_signals() as stop:
        measured = partial(
            fastest_by_size, take=take or partial(probed, stop=stop), classes=len(looked.train)
        )
        advice = _advice(wishes, looked.photo, fitting, show, measured)
    said = (
        advice.size
        if wishes.size
        else Size.parse(ask(_SIZE, str(advice.size), wrong=fault_of(Size.parse)))
    )
    if said != advice.size:
        advice = SizeAdvice(said, "as you said")
    recipe = fitted(fitting(said))
    chosen = (f"size: {said}, {advice.why}", *recipe.reasons)
    _write_recipe(file, recipe, chosen)
    return SetupReport(
        found=found,
        written={**written, shown(file): "the recipe: every key with what it does"},
        chosen=chosen,
        next=_commands(place, file, outside=outside),
    )


def _recipe_file(place: DataPlace, out: str | Path) -> Path:
    """Where the recipe is written: beside the data file, or in `out`."""
    home = place_for_folder(out or place.home, "--out", names=(RECIPE_FILE,))
    file = home / RECIPE_FILE
    if file.exists():
        raise UsageError(
            "there is a recipe already",
            where=str(file),
            why="nothing is overwritten",
            next_step=f"use it: fasterseg plan --recipe {file}; or take another folder: --out "
            "FOLDER",
        )
    return file


def _write_data(place: DataPlace, looked: Looked) -> dict[str, str]:
    """What was written of the data, with what each file is."""
    written = {}
    if looked.divided is not None:
        write_division(place, looked.divided)
        written[shown(place.split_file)] = (
            "the split of each image: read it over, it may be changed"
        )
    elif place.known is None:
        write_data_file(place, {}, head=DATA_HEAD)
    if place.known is None:
        written[shown(place.file)] = "what the images and labels are"
    elif looked.divided is not None:
        written[shown(place.file)] = (
            f"your own; it has a line more, splits: {place.split_file.name}"
        )
    return written


def _fitting(place: DataPlace, looked: Looked, budget: str, hours: float, size: Size) -> Fitting:
    own = data_file_in(place.home)
    source = place.home if own is not None and own.samefile(place.file) else place.file
    uniform = looked.photo if len(looked.sizes) == 1 else None
    weighed = place.source.class_weights is not None
    return Fitting(
        name=name_from(place.home.absolute().name),
        source=str(source.absolute()),
        budget=budget,
        size=size,
        photo=uniform,
        train=looked.images[TRAIN],
        shares=looked.shares if not weighed else {},
        hours=hours,
        cores=available_cores(),
    )


def _advice(
    wishes: SetupOptions,
    photo: Size,
    fitting: Callable[[Size], Fitting],
    show: Show,
    measured: Callable[[Recipe, Sequence[Size]], Fastest],
) -> SizeAdvice:
    """The size that was asked for, that the budget affords, or that of the photos."""
    if wishes.size:
        return SizeAdvice(Size.parse(wishes.size), "as you said")
    stated = [ms for one in split_budgets(fitting(photo).budget) if (ms := stated_ms(one, {}))]
    if not stated:
        return advised_by_pixels(photo)
    size = size_to_time(photo)
    values = dict(fitted(fitting(size)).values)
    values["data"] = {"source": values["data"]["source"], "outside": True}
    values["target"] = {**values["target"], "height": size.height, "width": size.width}
    with show("Measuring this machine", total=0, unit="networks"):
        fastest = measured(Recipe.model_validate(values), candidate_sizes(photo))
    return advised_by_budget(min(stated), fastest)


def _write_recipe(file: Path, recipe: FittedRecipe, chosen: tuple[str, ...]) -> None:
    """Write a recipe with a sentence for each key, and why its values are what they are."""
    make_folder(file.parent)
    head = "\n".join(
        line
        for choice in (
            "A recipe for these photos, by fasterseg init: change what you like.",
            *chosen,
        )
        for line in wrap(choice, _WIDTH, subsequent_indent="  ")
    )
    text = commented("recipe", recipe.values, head=head)
    durable_write(file, f"{schema_line('recipe', file.parent)}\n{text}".encode())


def _commands(place: DataPlace, file: Path, *, outside: bool) -> tuple[str, ...]:
    """The three commands that follow, of which the first two are tried here as far as reading goes.

    Raises whatever a recipe of ours would be refused for.
    """
    allowed = ("data.outside=true",) if outside or not _opens(place.file) else ()
    recipe = build_recipe(file, overrides=allowed)
    recipe, source = open_settled(recipe)
    with_sizes(recipe, source)
    run = RUNS / recipe.name
    words = [
        "--recipe",
        shown(file),
        *(w for one in allowed for w in ("--set", one)),
        "--run",
        str(run),
    ]
    export = RunFolder(run).exported(recipe.students()[0].name)
    image = image_to_show(open_files(place.file, outside=bool(allowed), beside=NAMED_BY_DATA))
    return tuple(
        shlex.join(["fasterseg", *command])
        for command in (
            ["plan", *words],
            ["run", *words],
            ["predict", str(export), shown(image), "--out", f"{recipe.name}-predictions"],
        )
    )


def _opens(file: Path) -> bool:
    """Whether data opens without being allowed to lie elsewhere."""
    try:
        open_files(file, beside=NAMED_BY_DATA)
    except DataError:
        return False
    return True


def shown(path: Path) -> str:
    """A path as it is typed here: from the current folder where it lies below."""
    here = Path.cwd()
    absolute = without_steps_up(path)
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)
