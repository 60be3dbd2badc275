"""What exporting and verifying share: the model, and the images that a file is run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fasterseg.config import Recipe
from fasterseg.console.options import Common
from fasterseg.errors import UsageError
from fasterseg.network.shipped import model_path
from fasterseg.pipeline.evaluating import run_of
from fasterseg.pipeline.opening import open_settled, resolve_recipe
from fasterseg.pipeline.preflight.data import require_split
from fasterseg.space.blocks import Size

if TYPE_CHECKING:
    from fasterseg.datasets.reading import Reading
    from fasterseg.datasets.sample import Pixels
    from fasterseg.datasets.source import DataSource
    from fasterseg.deploy.shipping.verification import Evidence
    from fasterseg.deploy.shipping.verified_export import Origin

IMAGES = 16
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


def origin_of(model: str) -> Origin:
    """A bundle with its network in PyTorch; raises as `load_network` does."""
    from fasterseg.deploy.runtimes.models import load_network, open_bundle
    from fasterseg.deploy.shipping.verified_export import Origin
    from fasterseg.network.bundle import bundle_digest, weights_digest
    from fasterseg.network.predicting import NetworkPredictor

    bundle, folder = open_bundle(model), model_path(model)
    predictor = NetworkPredictor(
        load_network(model),
        label_space=bundle.card.label_space,
        normalisation=bundle.card.normalisation,
        reading=bundle.card.reading,
    )
    return Origin(bundle, predictor, model, bundle_digest(folder), weights_digest(folder))


def evidence_for(
    model: str, common: Common, *, split: str, images: int, size: Size | None, reading: Reading
) -> Evidence:
    """Images of the data that the model's run, or --data, names; else of the built-in scenes.

    They are read as the model reads.  `images` of them are taken at equal distances; the whole
    split serves for the score.  From here on the model computes on as many threads as the recipe
    says.
    """
    from fasterseg.deploy.shipping.verification import Evidence
    from fasterseg.runtime import set_threads

    recipe = _recipe_of(model, common)
    set_threads(recipe.threads if recipe is not None else ALL_CORES)
    if recipe is None:
        street = _street_images(images, size or Size(256, 512))
        return Evidence(street, STREET_IMAGES)
    recipe, source = open_settled(recipe)
    asked = "--split" if split else "data.test_split"
    require_split(source, split or recipe.data.test_split, asked=asked)
    return evidence_of(source.read_as(reading), split or recipe.data.test_split, images=images)


def evidence_of(source: DataSource, split: str, *, images: int = IMAGES) -> Evidence:
    """Images of a split at equal distances, and the whole split for the score."""
    from fasterseg.deploy.shipping.verification import Evidence

    total = source.length(split)
    chosen = sorted({index * total // images for index in range(min(images, total))})
    pictures = [source.sample(split, index).image for index in chosen]
    return Evidence(pictures, f"{source.name}/{split}", source, split)


def _recipe_of(model: str, common: Common) -> Recipe | None:
    run = run_of(model, common)
    stored = Recipe.load(run.recipe) if run is not None and run.recipe.is_file() else None
    if stored is None and common.data is None and common.recipe is None:
        return None
    return resolve_recipe(common, stored)


def _street_images(count: int, size: Size) -> list[Pixels]:
    from fasterseg.datasets.opening import open_data

    source = open_data(
        "street", street_size=(size.height, size.width), street_counts={"test": count}
    )
    return [source.sample("test", index).image for index in range(count)]
