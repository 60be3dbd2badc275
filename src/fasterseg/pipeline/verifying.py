"""What exporting and verifying share: the model, and the images that a file is run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fasterseg.config import Recipe
from fasterseg.console.options import Common
from fasterseg.errors import UsageError
from fasterseg.pipeline.evaluating import run_of
from fasterseg.pipeline.opening import open_settled, resolve_recipe
from fasterseg.pipeline.preflight.data import require_split
from fasterseg.space.blocks import Size

if TYPE_CHECKING:
    from fasterseg.datasets.reading import Reading
    from fasterseg.datasets.sample import Pixels
    from fasterseg.deploy.shipping.verification import Evidence

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


def evidence_for(
    model: str, common: Common, *, split: str, images: int, size: Size | None, reading: Reading
) -> Evidence:
    """Images of the data that the model's run, or --data, names; else of the built-in scenes.

    They are read as the model reads.  `images` of them are taken at equal distances; the whole
    split serves for the score.  From here on the model computes on as many threads as the recipe
    says.
    """
    from fasterseg.deploy.shipping.verification import Evidence, evidence_of
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
