"""The networks that a path names, to be drawn or described."""

from __future__ import annotations

from pathlib import Path

from fasterseg.artifacts import read_json
from fasterseg.baselines.catalogue import BASELINES, PREFIX, baseline_name
from fasterseg.config import Recipe
from fasterseg.console.options import Common
from fasterseg.datasets.checking.data_report import DataReport
from fasterseg.deploy.runtimes.models import open_bundle
from fasterseg.deploy.runtimes.opening import is_export
from fasterseg.errors import FileError, UsageError
from fasterseg.network.named_models import (
    advice_on_names,
    model_path,
    nearest_model_name,
    told_of_names,
)
from fasterseg.reporting.described import CITYSCAPES, HandMade, Subject
from fasterseg.runs import RunFolder, run_above
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.blocks import Size
from fasterseg.stage_folders import BundleFolder


def find_subjects(path: Path, common: Common) -> list[Subject | HandMade]:
    """What a path names; raises `UsageError` for nothing at all, `FileError` for what is none."""
    name = baseline_name(path)
    if name is not None:
        return [HandMade(f"{PREFIX}{name}", name)]
    path = model_path(path)
    if path.is_file():
        return [
            _of_file(path, RunFolder(Path(common.run)).checked() if common.run else run_above(path))
        ]
    if BundleFolder(path).description.is_file():
        return [_of_bundle(path)]
    if path.is_dir():
        return _of_run(RunFolder(path).checked())
    near = nearest_model_name(path)
    raise UsageError(
        f"there is nothing called {str(path)!r} to draw",
        why=f"no file and no folder has this name; {told_of_names()}",
        next_step=f"did you mean {near!r}?"
        if near
        else advice_on_names("name a bundle's folder, an architecture's JSON file, or a run's"),
    )


def geometry_of(subject: Subject | HandMade, size: Size | None, classes: int | None) -> Geometry:
    """The geometry that was asked for, else the subject's own, else the paper's.

    Raises `UsageError` for a number of classes that no network has.
    """
    if classes is not None and classes < 1:
        raise UsageError(
            "a network has one class at least",
            where=f"--classes {classes}",
            why="each class is a channel of its head",
            next_step="name their number, or leave --classes out",
        )
    return Geometry(
        size or subject.size or CITYSCAPES.size, classes or subject.classes or CITYSCAPES.classes
    )


def assumptions(subject: Subject | HandMade, size: Size | None, classes: int) -> list[str]:
    """What was assumed because neither the options nor the file's place tell it."""
    notes = []
    if not (size or subject.size):
        notes.append(f"the image size is not known: drawn for {CITYSCAPES.size}; see --size")
    if not (classes or subject.classes):
        notes.append(f"the classes are not known: drawn for {CITYSCAPES.classes}; see --classes")
    return notes


def _of_file(path: Path, run: RunFolder | None) -> Subject:
    if is_export(path):
        raise FileError(
            "an exported file does not say what its network is made of",
            where=str(path),
            why="it holds the graph, and a card of what goes in and comes out",
            next_step="name the bundle's folder that it was exported from",
        )
    try:
        document = read_json(path)
    except FileError as error:
        raise _no_architecture(path, error.why) from error
    schema = document.get("schema") if isinstance(document, dict) else None
    if not Architecture.reads(schema):
        raise _no_architecture(path, f"{Architecture.schema_tag} was expected, not {schema}")
    size, classes = _geometry_of_run(run) if run is not None else (None, None)
    return Subject(path.stem, Architecture.load(path), size, classes)


def _no_architecture(path: Path, why: str) -> FileError:
    return FileError(
        "this file holds no architecture",
        where=str(path),
        why=why,
        next_step="name an architecture's JSON file (a run's lie in its folder search), a bundle's "
        "folder, or a baseline",
    )


def _of_bundle(path: Path) -> Subject | HandMade:
    bundle = open_bundle(path)
    description = bundle.description
    title = f"{bundle.card.name} ({bundle.card.which})"
    run = run_above(path)
    size = _geometry_of_run(run)[0] if run is not None else None
    size = size or bundle.card.image_size(next_step="choose one with --size 360x480")
    if description.architecture is None:
        return HandMade(title, description.baseline, size, description.classes)
    return Subject(title, description.architecture, size, description.classes)


def _of_run(run: RunFolder) -> list[Subject | HandMade]:
    if not run.recipe.is_file():
        raise FileError(
            "this folder is neither a model nor a run",
            where=str(run.root),
            why=f"it has neither a description.json nor a {run.recipe.name}",
            next_step="name a bundle's folder, an architecture's JSON file, or a run's folder",
        )
    contenders = Recipe.load(run.recipe).contenders
    names = [contender.name for contender in contenders if not contender.baseline]
    found = [name for name in names if run.architecture(name).is_file()]
    hand_made = [contender.name for contender in contenders if contender.baseline]
    hand_made += [name for name in BASELINES if name not in (*names, *hand_made)]
    trained = [folder for name in hand_made if (folder := run.bundle(name)).is_dir()]
    if not found and not trained:
        raise FileError(
            "this run has no architecture yet",
            where=str(run.search),
            why="its search has not come to its end",
            next_step=f"fasterseg search --run {run.root}",
        )
    size, classes = _geometry_of_run(run)
    searched = [Subject(n, Architecture.load(run.architecture(n)), size, classes) for n in found]
    return [*searched, *(_of_bundle(folder) for folder in trained)]


def _geometry_of_run(run: RunFolder) -> tuple[Size | None, int | None]:
    size = classes = None
    if run.recipe.is_file():
        size = Recipe.load(run.recipe).target.size
    if run.data_report.is_file():
        classes = len(DataReport.load(run.data_report).names)
    return size, classes
