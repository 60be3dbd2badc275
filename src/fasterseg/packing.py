"""``python -m fasterseg.packing BUNDLE NAME --recipe RECIPE``: add a model to fasterseg-models.

For those who make a release: in the project's folder, where that package is installed from
``packages/fasterseg-models``.  A model is one folder there, nothing more.  The bundle is stored
with its kernels in half precision, its card under the name that it is shipped by, and beside it the
recipe that it was made with.  With --data
both are scored, on the validation split or on the one that --split names, so that what the rounding
costs is known; the packed one's score joins those on the card.

The command is kept in the card's provenance: type it in the project's folder, paths from there.
"""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from fasterseg.config import Recipe
from fasterseg.config.named_recipes import recipe_file
from fasterseg.config.reading import MAX_RECIPE_BYTES
from fasterseg.console.options import Common
from fasterseg.datasets.sources.joining import share_images
from fasterseg.deploy.runtimes.models import load_model
from fasterseg.errors import EnvironmentFault, FastersegError, UsageError
from fasterseg.evaluation import EvaluationReport, evaluate_predictor
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.network import named_models
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.card import Score
from fasterseg.pipeline.opening import open_source
from fasterseg.pipeline.settings.recipes import resolve_recipe
from fasterseg.stage_folders import BundleFolder

RECIPE = "recipe.yaml"
LARGEST_BYTES = 10_000_000
NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")


@dataclass(frozen=True, slots=True)
class Packed:
    """What was packed, and its scores before and after, None where no data was named."""

    folder: Path
    bytes: int
    original: EvaluationReport | None = None
    packed: EvaluationReport | None = None

    def describe(self) -> str:
        """Return where it lies, how large it is, and what the rounding costs."""
        lines = [f"{self.folder}: {self.bytes / 1e6:.2f} MB"]
        if self.original is None or self.packed is None:
            return "\n".join([*lines, "not scored: name the data with --data"])
        before, after = self.original, self.packed
        points = 100 * (after.mean_iou - before.mean_iou)
        return "\n".join(
            [
                *lines,
                f"mIoU on {after.data}/{after.split}, {after.images} images: "
                f"{100 * before.mean_iou:.3f} % as it was, "
                f"{100 * after.mean_iou:.3f} % as packed, {points:+.3f} points",
            ]
        )


def pack(
    bundle: Path,
    name: str,
    recipe: Path | str,
    *,
    data: str | None = None,
    split: str | None = None,
    overwrite: bool = False,
) -> Packed:
    """Put a bundle among the models by name, and score both where there is data.

    Raises `UsageError` for a name that is none, for a bundle without terms, and for one of 10 MB
    and more; `EnvironmentFault` where the package of models is not installed; `FastersegError` for
    weights that float16 cannot hold.  Then nothing is changed.
    """
    models = _models()
    original = ModelBundle.load(bundle)
    settings = resolve_recipe(Common(recipe=recipe, data=data))
    _require_name(name)
    _require_terms(original, bundle)
    card = original.card.model_copy(update={"name": name})
    renamed, before, after = replace(original, card=card), None, None
    with TemporaryDirectory() as place:
        staged = renamed.save(Path(place) / name, storage="float16")
        _write_recipe(staged, name, recipe)
        _require_small(staged)
        if data is not None:
            before = _score(bundle, settings, split=split)
            after = _score(staged, settings, split=split)
            renamed = _scored(renamed, after)
        folder = renamed.save(models / name, storage="float16", replace=overwrite)
        _write_recipe(folder, name, recipe)
    return Packed(folder, _bytes_of(folder), before, after)


def main(tokens: Sequence[str] | None = None) -> int:
    """Pack what the command line names; return the exit code."""
    parser = ArgumentParser(prog="python -m fasterseg.packing", description=pack.__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("name", help="what it is called from now on: camvid-4ms")
    parser.add_argument("--recipe", required=True, help="what it was made with")
    parser.add_argument("--data", help="the data to score both on")
    parser.add_argument("--split", help="the split to score both on, in place of the validation's")
    parser.add_argument("--overwrite", action="store_true", help="replace what has this name")
    asked = parser.parse_args(tokens)
    try:
        packed = pack(
            asked.bundle,
            asked.name,
            asked.recipe,
            data=asked.data,
            split=asked.split,
            overwrite=asked.overwrite,
        )
    except FastersegError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(packed.describe())
    return 0


def _score(model: Path, recipe: Recipe, *, split: str | None) -> EvaluationReport:
    wanted = split or recipe.data.val_split
    return evaluate_predictor(load_model(model).label_map, open_source(recipe), wanted)


def _scored(bundle: ModelBundle, report: EvaluationReport) -> ModelBundle:
    """The bundle with a score more on its card, in place of one that was taken on the same."""
    facts = bundle.card.training
    seen = facts.data == report.data and any(
        share_images(split, report.split) for split in facts.splits
    )
    score = Score.of(report, step=facts.steps, seen=seen)
    others = (one for one in bundle.card.scores if one.data_digest != score.data_digest)
    return replace(bundle, card=bundle.card.model_copy(update={"scores": (*others, score)}))


def _bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _write_recipe(folder: Path, name: str, recipe: Path | str) -> None:
    """Put the recipe beside the bundle; one in YAML says in its first line whose it is."""
    file = recipe_file(recipe)
    text = bytes_of(file, most_bytes=MAX_RECIPE_BYTES, fault=UsageError).decode()
    told = "" if text.startswith("{") else f"# {name} was made with this recipe.\n#\n"
    (folder / RECIPE).write_text(told + text, encoding="utf-8")


def _models() -> Path:
    folder = named_models.models_folder()
    if folder is None:
        raise EnvironmentFault(
            "there is no place for a model here",
            where="the package fasterseg-models",
            why="it is not installed",
            next_step="pip install -e packages/fasterseg-models",
        )
    return folder


def _require_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a model's name",
            where=name,
            why="it is small letters, digits, dots and dashes, and begins with no sign",
            next_step="name data and budget, such as camvid-4ms",
        )


def _require_terms(bundle: ModelBundle, folder: Path) -> None:
    if not bundle.card.training.terms:
        raise UsageError(
            "this bundle does not say on which terms its data may be used",
            where=str(BundleFolder(folder).card),
            why="what is shipped says its terms to whoever uses it",
            next_step="say terms in the data.yaml, and train again",
        )


def _require_small(folder: Path) -> None:
    if _bytes_of(folder) >= LARGEST_BYTES:
        raise UsageError(
            "this bundle is too large to be shipped",
            where=folder.name,
            why=f"it has {_bytes_of(folder) / 1e6:.1f} MB in half precision, and "
            f"{LARGEST_BYTES / 1e6:g} MB is the most",
            next_step="ship a smaller student",
        )


if __name__ == "__main__":
    sys.exit(main())
