"""Scoring a model on a split into a report, and where a run keeps the reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from fasterseg.config import Recipe
from fasterseg.console.options import Common
from fasterseg.datasets.data_files.remedies import lines, written
from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.sources.joining import share_images
from fasterseg.datasets.sources.sized import brought_to
from fasterseg.datasets.sources.source import DataSource
from fasterseg.deploy.exporting.formats import digest_of_export
from fasterseg.deploy.runtimes.models import (
    Predictor,
    open_predictor,
    require_model,
    require_runs_on,
)
from fasterseg.deploy.runtimes.opening import is_export
from fasterseg.deploy.runtimes.predicting import ExportedPredictor
from fasterseg.errors import FileError, UsageError
from fasterseg.evaluation import EvaluationReport
from fasterseg.events import Progress, silent
from fasterseg.foreign.links import require_within
from fasterseg.learning.leading import Calls, led
from fasterseg.learning.ranks import Ranks
from fasterseg.learning.shared_scores import evaluate_shared
from fasterseg.learning.sharing import BY_ITSELF, Sharing, require_same_data
from fasterseg.network.bundle import weights_digest
from fasterseg.network.card import TrainedOn
from fasterseg.network.named_models import bundle_card, is_model_name, model_path
from fasterseg.paths import place_for_file, without_steps_up
from fasterseg.pipeline.opening import open_settled, open_source, require_device
from fasterseg.pipeline.preflight.data import require_split
from fasterseg.pipeline.settings.recipes import resolve_recipe
from fasterseg.pipeline.showing import as_seen_by
from fasterseg.pipeline.telling import predictions, run_listener, score_of
from fasterseg.runs import RunFolder, run_above
from fasterseg.runtime import select_device, set_threads
from fasterseg.space.blocks import Size
from fasterseg.stopping import Show
from fasterseg.tracking.names import require_trackers, tracker_names

ORDER, SCORE = "evaluation", "score"
OTHERWISE = (
    "the images were read as the model's card says (channels, range), which is not as the data's "
    "file does"
)


class Evaluated(NamedTuple):
    """Where a report is, what it says, and what is to be known of it."""

    path: Path
    report: EvaluationReport
    note: str


def evaluate_named(
    model: str, common: Common, *, split: str, out: Path | str, show: Show, size: str = ""
) -> Evaluated:
    """Score a model that is named on the data of its run, or on that which the options name."""
    require_model(model)
    require_runs_on(model, common.device)
    trackers = tracker_names(common.log or ())
    require_trackers(trackers)
    wanted = _place_for_report(out) if out else None
    ranks = Ranks.here()
    require_device(common.device)
    run = run_of(model, common)
    recipe, source = open_settled(_recipe(run, common), show=show)
    set_threads(recipe.threads)
    named, split = bool(split), split or recipe.data.test_split
    require_split(source, split, asked="--split" if named else "data.test_split")
    path = wanted or _own_place(default_report_path(run, model, split, size=size))
    device, name = common.device or "auto", path.stem
    folder = run.tracking if run else path.with_name(f"{name}-tracking")
    predictor = open_predictor(model, device=select_device(device))
    with (
        run_listener(
            common, trackers, folder, about=f"evaluate-{name}", name=name, recipe=recipe.content()
        ) as hear,
        show(f"Scoring {model}", total=source.length(split), unit="images") as step,
    ):
        report = evaluate_stage(
            model,
            path,
            source=source,
            split=split,
            device=device,
            progress=step,
            sharing=Sharing(ranks, recipe),
            size=size,
            predictor=predictor,
        )
        hear(score_of(report, name))
        hear(predictions(model, name, source, split, device=device))
    known = _known_images(_trained_on(model, predictor), source, split)
    notes = filter(None, (known, _read_otherwise(report, source)))
    return Evaluated(path, report, "; ".join(notes))


def _read_otherwise(report: EvaluationReport, source: DataSource) -> str:
    """A word where a report is of images that were read in another way than the data's own."""
    seen_at = Size.parse(report.shown_at) if report.shown_at else None
    same = report.data_digest == brought_to(source, seen_at).digest(report.split)
    return "" if same else OTHERWISE


def _trained_on(model: str, predictor: Predictor) -> TrainedOn | None:
    """What a model was trained on, as its card says; None where it does not say so."""
    if isinstance(predictor, ExportedPredictor):
        return predictor.card.trained_on
    card = bundle_card(model)
    return None if card is None else card.training.trained_on


def _known_images(trained_on: TrainedOn | None, source: DataSource, split: str) -> str:
    """A word on images that a model was trained on; empty for others."""
    if trained_on is None or trained_on.data != source.name:
        return ""
    known = [one for one in trained_on.splits if share_images(one, split)]
    if not known:
        return ""
    return (
        f"it was trained on {known[0]} of {trained_on.data}, and scored on {split}: what it gets "
        "on images that it knows says nothing of others"
    )


def evaluate_stage(
    model: Path | str,
    path: Path,
    *,
    source: DataSource,
    split: str,
    device: str = "auto",
    progress: Progress = silent,
    sharing: Sharing = BY_ITSELF,
    size: str = "",
    predictor: Predictor | None = None,
) -> EvaluationReport:
    """Score a model on a split and write the report; an equal report is not computed again.

    Images are read as the model's card says, and shown at its size, or at another `size`, so that
    the score is of what it does to pictures.  Labels are compared at their own size.
    Ranks that are `sharing` the work have some of the images each.  The `predictor` is the model's,
    where it was opened before.  Raises `UsageError` when the model was made for other classes, or
    when the file holds the report of another model or data.
    """
    predictor = predictor or open_predictor(model, device=select_device(device))
    source = as_seen_by(predictor, source, size=size)
    require_same_classes(str(model), predictor.label_space, source)
    inputs = {"weights": _digest_of(model_path(model)), "data": source.digest(split)}
    if path.exists():
        report = _earlier_report(path, inputs)
        progress(report.images, report.images, "")
        return report
    ranks = sharing.ranks
    asked = {"model": str(model), "device": device, "split": split, "size": size}
    words = {**asked, **inputs, **sharing.words()}
    with led(ranks, ORDER, words) as lead, lead.call(SCORE):
        report = evaluate_shared(
            predictor.labels_and_logits,
            source,
            split,
            ranks=ranks,
            subject=str(model),
            progress=progress,
        )
    report.save(path, inputs=inputs)
    return report


@contextmanager
def follow_evaluation(ranks: Ranks, words: Mapping[str, Any]) -> Iterator[Calls]:
    """Score at a follower its part of the images that its leader scores.

    Raises `DataError` where its data are others, `FileError` where its model is another.
    """
    recipe = Recipe.model_validate(words["recipe"])
    set_threads(recipe.threads)
    model, split = words["model"], words["split"]
    predictor = open_predictor(model, device=select_device(words["device"]))
    if _digest_of(model_path(model)) != words["weights"]:
        raise FileError(
            "the model here is not that of the process that leads",
            where=model,
            why="its weights have another digest",
            next_step="copy it again, or name one that all processes see",
        )
    source = as_seen_by(predictor, open_source(recipe), size=words["size"])
    require_same_data(source, split, words["data"])

    def score() -> None:
        evaluate_shared(predictor.labels_and_logits, source, split, ranks=ranks)

    yield {SCORE: score}


def _digest_of(model: Path) -> str:
    """What stands for a model: a bundle's weights, or an exported file's bytes."""
    return digest_of_export(model) if is_export(model) else weights_digest(model)


def run_of(model: str, common: Common) -> RunFolder | None:
    """The run that --run names, or else the one whose folder the model lies in."""
    if common.run is not None:
        return RunFolder(Path(common.run)).checked()
    return run_above(model_path(model))


def default_report_path(run: RunFolder | None, model: str, split: str, *, size: str = "") -> Path:
    """Where a report goes: into the run's evaluation folder, else next to the model.

    A shipped model lies where nothing is to be written: its report goes here.  That on images shown
    at a size that was asked for is called after it, too.
    """
    folder, split = without_steps_up(Path(model)), "-".join(filter(None, (split, size)))
    if run is not None and (folder.is_file() or is_model_name(model)):
        return run.score(folder.name, split)
    if run is None:
        return folder.with_name(f"{folder.name}-{split}.json")
    return run.score(folder.parent.name, split, which=folder.name)


def _own_place(path: Path) -> Path:
    """A place for a report that nobody named; raises where there is a link to elsewhere."""
    require_within(path.parent, [path.name], what="folder of reports")
    return place_for_file(path, "--out")


def _earlier_report(path: Path, inputs: dict[str, str]) -> EvaluationReport:
    report, made = EvaluationReport.load_made(path)
    if made.provenance is None or made.provenance.inputs != inputs:
        raise UsageError(
            "there is a report on another model or other data in this place",
            where=str(path),
            next_step="name another file with --out, or delete this one",
        )
    return report


def require_same_classes(model: str, known: LabelSpace, source: DataSource) -> None:
    """Raise `UsageError` where a model's classes are not the data's, with what differs."""
    theirs, ours = known.names, source.label_space.names
    if theirs == ours:
        return
    folded = [name.casefold() for name in theirs]
    if sorted(folded) == sorted(name.casefold() for name in ours):
        mapping = {label: folded.index(name.casefold()) for label, name in enumerate(ours)}
        is_moved = any(label != place for label, place in mapping.items())
        raise UsageError(
            "the model has the data's classes in another order"
            if is_moved
            else "the model writes the data's classes in another way",
            where=model,
            why=f"the model: {', '.join(theirs)}; {source.name}: {', '.join(ours)}",
            next_step="write them into the data's data.yaml as the model has them"
            + (", and where masks hold ids in the order of before, what these become" * is_moved)
            + lines(
                written("names", [*theirs]),
                *([written("label_mapping", mapping)] if is_moved else []),
            ),
        )
    lost = [name for name in ours if name not in theirs]
    more = [name for name in theirs if name not in ours]
    told = [f"{source.name} has {', '.join(lost)}, which the model does not know"] if lost else []
    told += [f"the model knows {', '.join(more)}, which {source.name} does not have"]
    raise UsageError(
        "the model knows other classes than the data",
        where=model,
        why="; ".join(told if more else told[:1]),
        next_step="score it on data with its own classes; a data.yaml of its names and a "
        "label_mapping, or a palette, may make these of yours",
    )


def _place_for_report(out: Path | str) -> Path:
    """Where a report goes; raises `UsageError` where a file lies that is no report."""
    path = place_for_file(out, "--out")
    if path.exists():
        try:
            EvaluationReport.load(path)
        except FileError as error:
            raise UsageError(
                "there is another file in this place",
                where=f"--out {out}",
                why=f"as a report: {error.why}",
                next_step="name another file with --out",
            ) from error
    return path


def _recipe(run: RunFolder | None, common: Common) -> Recipe:
    stored = Recipe.load(run.recipe) if run is not None and run.recipe.is_file() else None
    if stored is None and common.data is None and common.recipe is None:
        raise UsageError(
            "there is no data to score on",
            why="the model lies in no run, and no data was named",
            next_step="add --data FOLDER, or --run DIR",
        )
    return resolve_recipe(common, stored)
