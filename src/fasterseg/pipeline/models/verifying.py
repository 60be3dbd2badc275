"""What exporting and verifying share: the model, and the images that a file is run on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from fasterseg.config import Recipe
from fasterseg.console.options import IMAGES, Common
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.sample import Pixels
from fasterseg.datasets.sources.source import DataSource
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.runtimes.models import require_model
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.deploy.shipping.int8_search import Int8Evidence, int8_evidence
from fasterseg.deploy.shipping.origin import origin_of
from fasterseg.deploy.shipping.report_places import evidence_beside
from fasterseg.deploy.shipping.verification import Evidence, Subject, evidence_of, verify
from fasterseg.deploy.shipping.verification_report import VerificationReport
from fasterseg.deploy.shipping.verified_export import save_evidence
from fasterseg.deploy.shipping.web_page import is_page, network_of_page
from fasterseg.errors import UsageError
from fasterseg.paths import place_for_file, user_path
from fasterseg.pipeline.models.evaluating import run_of
from fasterseg.pipeline.opening import open_settled
from fasterseg.pipeline.preflight.data import require_split
from fasterseg.pipeline.settings.recipes import resolve_recipe
from fasterseg.pipeline.showing import as_taken_by
from fasterseg.runtime import set_threads
from fasterseg.space.blocks import Size
from fasterseg.stopping import Show

ALL_CORES = 0
STREET_IMAGES = "the built-in street scenes"


def require_images(count: int) -> None:
    """Raise `UsageError` for a number of images that leaves nothing to compare."""
    if count < 1:
        raise UsageError(
            "there is nothing to verify on",
            where=f"--images {count}",
            why="labels are compared on one image at least",
            next_step=f"--images {IMAGES}",
        )


@dataclass(frozen=True, slots=True)
class InInt8:
    """That a network is wanted in int8, which may lose so many points; None: as its recipe says."""

    max_drop: float | None = None


def evidence_for(
    model: str,
    common: Common,
    *,
    split: str,
    images: int,
    card: ExportedCard,
    int8: InInt8 | None = None,
) -> Evidence:
    """Images of the data that the model's run, or --data, names; else of the built-in scenes.

    They are as a file of that `card` takes them.  `images` of them are taken at equal distances;
    the whole split serves for the score, and what is in `int8` is made from the recipe's training
    split and judged on its validation split.  From here on the model computes on as many threads
    as the recipe says.
    """
    recipe = _recipe_of(model, common)
    set_threads(recipe.threads if recipe is not None else ALL_CORES)
    if recipe is None:
        street = _street_images(images, card.size or Size(256, 512))
        return Evidence(street, STREET_IMAGES)
    recipe, source = open_settled(recipe)
    asked = "--split" if split else "data.test_split"
    require_split(source, split or recipe.data.test_split, asked=asked)
    source = as_taken_by(card, source)
    found = evidence_of(source, split or recipe.data.test_split, images=images)
    if int8 is None:
        return found
    by = int8_evidence_of(recipe, source, max_drop=int8.max_drop)
    return replace(found, int8=by)


def int8_evidence_of(
    recipe: Recipe, source: DataSource, *, max_drop: float | None = None
) -> Int8Evidence:
    """What a network in int8 is made and judged by: images of training, and those that choose."""
    data = recipe.data
    require_split(source, data.train_split, asked="data.train_split")
    require_split(source, data.val_split, asked="data.val_split")
    return int8_evidence(
        source,
        train_split=data.train_split,
        val_split=data.val_split,
        max_drop=recipe.target.max_drop if max_drop is None else max_drop,
    )


def _recipe_of(model: str, common: Common) -> Recipe | None:
    run = run_of(model, common)
    stored = Recipe.load(run.recipe) if run is not None and run.recipe.is_file() else None
    if stored is None and common.data is None and common.recipe is None:
        return None
    return resolve_recipe(common, stored)


def _street_images(count: int, size: Size) -> list[Pixels]:
    source = open_data(
        "street", street_size=(size.height, size.width), street_counts={"test": count}
    )
    return [source.sample("test", index).image for index in range(count)]


def verify_named(
    path: Path,
    common: Common,
    *,
    against: str,
    running: Running,
    split: str,
    images: int,
    out: Path | str,
    show: Show,
) -> VerificationReport:
    """Run an exported file as is said and hold it against a bundle; the report is kept.

    Of a page that is its network, once everything in the folder is what was written.
    Raises `VerificationError`, with a picture of the worst difference, where it is not the same.
    """
    require_images(images)
    require_model(against)
    if is_page(path):
        path = network_of_page(path)
    place = evidence_place(path, out)
    session, card = open_export(path, running)
    origin = origin_of(against)
    expected = origin.card_like(card)
    evidence = evidence_for(against, common, split=split, images=images, card=card)
    subject = Subject(session, card, expected, origin.predictor, path.name, against, path)
    with show(f"Verifying {path}", total=0, unit="images") as step:
        report, difference = verify(subject, evidence, progress=step)
    return save_evidence(place, report, difference, expected)


def evidence_place(exported: Path, out: Path | str) -> Path:
    """What the report and a difference are named after: the file, or `out`, a folder or a name."""
    place = user_path(out, "--out") if out else exported
    if place.is_dir():
        place = place / exported.name
    for file in evidence_beside(place):
        place_for_file(file, "--out")
    return place
