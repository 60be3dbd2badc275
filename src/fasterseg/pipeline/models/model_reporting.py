"""The page of a model alone, and its card for a hub beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fasterseg.artifacts import digest_of_file
from fasterseg.config import Recipe
from fasterseg.console.options import Common
from fasterseg.datasets.sample import Pixels
from fasterseg.datasets.street import StreetScenes
from fasterseg.deploy.runtimes.models import load_model, open_bundle
from fasterseg.durable import durable_write, holds
from fasterseg.evaluation import EvaluationReport
from fasterseg.foreign.links import leads_outside
from fasterseg.latency.table import LatencyTable
from fasterseg.network.card import Card
from fasterseg.network.named_models import is_model_name, model_path
from fasterseg.network.segmentation import Segmentation
from fasterseg.paths import place_for_file
from fasterseg.pipeline.opening import open_settled
from fasterseg.pipeline.settings.recipes import resolve_recipe
from fasterseg.reporting.model_card import CARD_NAME, PICTURE_NAME, render_model_card
from fasterseg.reporting.model_facts import Example, ModelFacts
from fasterseg.reporting.model_page import render_model_page
from fasterseg.reporting.pictures import beside, photograph
from fasterseg.reporting.results import NetworkResult
from fasterseg.reporting.standing import told_target
from fasterseg.runs import RunFolder, run_above
from fasterseg.space.blocks import Size


@dataclass(frozen=True, slots=True)
class ModelReported:
    """Where the page and the card are, and what is to be known of them."""

    page: Path
    card: Path
    note: str = ""


def report_model(model: Path | str, common: Common, *, out: Path | str) -> ModelReported:
    """Write a model's page, and beside it its card for a hub and the picture in that.

    The picture is of the data that --data names, else a made-up scene: nobody's images are put
    where the world may see them unless they are asked for.  A card that somebody has changed stays.
    """
    folder, shipped = model_path(model), is_model_name(model)
    usual = Path(f"{model}-report.html") if shipped else folder / "report.html"
    prefix = f"{model}-" if shipped else ""
    page = place_for_file(out or usual, "--out")
    card, picture = (
        place_for_file(page.with_name(f"{prefix}{name}"), "--out")
        for name in (CARD_NAME, PICTURE_NAME)
    )
    image, words = _image_for(model, common)
    found = _segmented(model, image)
    facts = _facts(model, _example(found, words))
    durable_write(page, render_model_page(facts).encode())
    text = render_model_card(facts, picture=picture.name).encode()
    if card.exists() and not holds(card, text):
        note = f"{card} differs from what would be written and was kept; delete it for a new one"
        return ModelReported(page, card, note)
    durable_write(picture, beside(image, found.overlay()))
    durable_write(card, text)
    return ModelReported(page, card)


def _image_for(model: Path | str, common: Common) -> tuple[Pixels, str]:
    """An image of the data that is named, or of the built-in scenes at the model's size."""
    if common.data is not None:
        recipe, source = open_settled(resolve_recipe(common))
        split = recipe.data.test_split
        image = source.as_it_lies.sample(split, 0).image
        return image, f"An image of {source.name}/{split}, and its labels."
    card = open_bundle(model).card
    scenes = StreetScenes(size=_size_of(card))
    learnt = card.training.data == scenes.name
    words = (
        "A scene of those that it was tested on, and its labels."
        if learnt
        else "A made-up scene, of a kind that it never saw, so that its labels show the form "
        f"alone: fasterseg report {model} --data FOLDER shows an image of yours."
    )
    return scenes.sample("test", 0).image, words


def _segmented(model: Path | str, image: Pixels) -> Segmentation:
    return load_model(model)(image)


def _example(found: Segmentation, words: str) -> Example:
    shares = sorted(found.shares().items(), key=lambda one: -one[1])[:3]
    told = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares)
    return Example(
        words,
        photograph("image", "An image", found.image),
        photograph("its labels over it", f"The labels over the image: {told}", found.overlay()),
    )


def _facts(model: Path | str, example: Example) -> ModelFacts:
    bundle, folder = open_bundle(model), model_path(model)
    files = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors"))
    inside = [path for path in files if path.is_file() and not leads_outside(path, folder)]
    run = run_above(folder)
    result, target, report = (None, "", None) if run is None else _in_run(run, folder)
    shipped = is_model_name(model)
    return ModelFacts(
        called=str(model) if shipped else folder.absolute().name,
        where="" if shipped else ", from the folder that holds it",
        card=bundle.card,
        description=bundle.description,
        size=_size_of(bundle.card),
        files=tuple((path.name, digest_of_file(path)) for path in inside),
        result=result,
        target=target,
        report=report,
        example=example,
    )


def _in_run(
    run: RunFolder, folder: Path
) -> tuple[NetworkResult | None, str, EvaluationReport | None]:
    """What the run knows of a bundle: its latency (of the best weights), on what, and its score."""
    name, which = folder.absolute().parent.name, folder.absolute().name
    score = run.score(name, Recipe.load(run.recipe).data.test_split, which=which)
    report = EvaluationReport.load(score) if score.is_file() else None
    if which != "best" or not run.result(name).is_file():
        return None, "", report
    table = run.latency_table
    target = told_target(LatencyTable.load(table)) if table.is_file() else ""
    return NetworkResult.load(run.result(name)), target, report


def _size_of(card: Card) -> Size:
    """Its working size, else that of the first of several images; training may have seen crops."""
    return card.size or Size.parse(card.image_resolution.partition(",")[0].strip())
