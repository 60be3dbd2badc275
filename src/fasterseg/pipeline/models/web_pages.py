"""A model as a page for browsers: exported, verified, and laid into a folder with all it needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fasterseg.config import Recipe
from fasterseg.config.reading import build_recipe
from fasterseg.console.options import Common
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.sample import Pixels
from fasterseg.deploy.exporting.format_table import WEB
from fasterseg.deploy.exporting.formats import ExportForm
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.deploy.runtimes.web_runtime import web_runtime
from fasterseg.deploy.shipping.origin import Origin, origin_of
from fasterseg.deploy.shipping.report_places import names_beside
from fasterseg.deploy.shipping.verification_report import ExportReport
from fasterseg.deploy.shipping.verified_export import ship
from fasterseg.deploy.shipping.web_page import (
    INDEX,
    NETWORK,
    PAGE,
    Promised,
    is_page,
    licences,
    write_page,
)
from fasterseg.durable import make_folder
from fasterseg.errors import UsageError
from fasterseg.network.named_models import is_model_name, model_path
from fasterseg.paths import place_for_folder
from fasterseg.pipeline.models.exporting import (
    Wanted,
    evidence_on,
    form_of,
    named_after,
    require_int8_for_drop,
)
from fasterseg.pipeline.models.filming import promise_of
from fasterseg.pipeline.models.verifying import require_images
from fasterseg.reporting.results import NetworkResult
from fasterseg.runs import run_above
from fasterseg.space.blocks import Size
from fasterseg.stopping import Show

RUNTIME = "onnxruntime-web"
_SAMPLES = 3


def export_page(
    model: str,
    common: Common,
    wanted: Wanted,
    *,
    out: Path | str,
    runtime: Path | str,
    overwrite: bool,
    split: str,
    images: int,
    show: Show,
) -> ExportReport:
    """Export a model as a page; raises as `ship` and `web_runtime` do, before anything is written.

    The network in it is verified as any exported file is.
    """
    _require_plain(wanted)
    require_int8_for_drop(wanted)
    require_images(images)
    if out:
        place_for_page(out, overwrite=overwrite)
    origin = origin_of(model)
    form = form_of(wanted, origin.bundle.card, format="onnx")
    _require_shown_in_bytes(origin)
    folder = place_for_page(out or named_after(model, "-web"), overwrite=overwrite)
    card = origin.card_like(
        replace(form, precision="float32")
    )  # a page shows no other of its facts
    licences(card)
    promised = promised_of(model)
    files = web_runtime(runtime)
    evidence = evidence_on(origin, common, wanted, form, split=split, images=images)
    make_folder(folder)
    (folder / PAGE).unlink(missing_ok=True)  # until all of it is there, it is no page
    with show(f"Exporting to {folder}", total=0, unit="images") as step:
        report = ship(origin, form, folder / NETWORK, evidence, running=Running(), progress=step)
    samples = sample_scenes(_size(form))
    write_page(folder, card, promised, samples=samples, runtime=files)
    return report.model_copy(update={"page": str(folder / INDEX)})


def _size(form: ExportForm) -> Size:
    assert form.size is not None
    return form.size


def place_for_page(out: Path | str, *, overwrite: bool) -> Path:
    """The folder that a page goes into; `UsageError` where something else lies in it."""
    folder = place_for_folder(out, "--out", names=(NETWORK, *names_beside(Path(NETWORK)), PAGE))
    if not folder.is_dir() or not any(folder.iterdir()):
        return folder
    if not is_page(folder):
        raise UsageError(
            "there is something else in this folder",
            where=f"--out {out}",
            why=f"it holds no {PAGE}, so that it is no page that was written before",
            next_step="name a folder that is empty, or that does not exist yet",
        )
    if not overwrite:
        raise UsageError(
            "there is a page in this folder already",
            where=f"--out {out}",
            next_step="choose another with --out, or add --overwrite",
        )
    return folder


def sample_scenes(size: Size) -> dict[str, Pixels]:
    """Built-in scenes to look at, by name: they belong to nobody."""
    counts = {"test": _SAMPLES}
    scenes = open_data("street", street_size=(size.height, size.width), street_counts=counts)
    return {f"Scene {n + 1}": scenes.sample("test", n).image for n in range(_SAMPLES)}


def promised_of(model: str) -> Promised:
    """What was promised of a model: by the run that it lies in, or by its name among models."""
    if is_model_name(model):
        return _of_shipped(model)
    path = model_path(model)
    run = run_above(path)
    if run is None:
        return Promised()
    place = run.result(path.parent.name if path.is_dir() else path.stem)
    if not place.is_file():
        return Promised()
    target = Recipe.load(run.recipe).target
    here = target.threads if target.backend == RUNTIME else None
    return Promised(NetworkResult.load(place).promised_ms, f"{promise_of(model)}.", here)


def _of_shipped(model: str) -> Promised:
    """The budget that stands in its name, of those that its recipe has."""
    recipe = build_recipe(model_path(model) / "recipe.yaml")
    budget = next((one for one in recipe.budgets if model.endswith(f"-{one}")), "")
    if not budget:
        return Promised()
    told, target = budget.removesuffix("ms"), recipe.target
    text = (
        f"Promised are {told} ms on another target: {target.backend}, {target.threads} threads, "
        f"images of {target.size}."
    )
    return Promised(float(told), text)


def _require_plain(wanted: Wanted) -> None:
    """Raise `UsageError` for what no page does."""
    asked = {
        "--dynamic": (wanted.dynamic, "a page brings every picture to the size of its network"),
        "--resize": (wanted.resize, "a page brings pictures to the network's size itself"),
        f"--output {wanted.output}": (wanted.output != "labels", "a page shows labels"),
        f"--precision {wanted.precision}": (
            wanted.precision not in ("float32", "int8"),
            "WebAssembly computes in float32 and int8",
        ),
    }
    for option, (is_asked, why) in asked.items():
        if is_asked:
            raise UsageError(
                "this cannot be exported as a page",
                where=f"--format {WEB} {option}",
                why=why,
                next_step="leave it out, or export a file: --format onnx",
            )


def _require_shown_in_bytes(origin: Origin) -> None:
    """Raise `UsageError` for a network that reads more of a picture than a browser tells."""
    reading = origin.bundle.card.reading
    if reading.range is not None:
        raise UsageError(
            "this network reads deep pictures, and no page can show it any",
            where=origin.name,
            why=f"it reads {reading.describe()}, and browsers tell 8 bits of a picture's values",
            next_step="export a file: --format onnx",
        )
