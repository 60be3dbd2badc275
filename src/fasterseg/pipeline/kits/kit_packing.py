"""Kits that are packed: of a run's space, or of finished networks that are named."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from fasterseg.baselines.catalogue import baseline_name
from fasterseg.config import Recipe, TargetSettings, runtime_named
from fasterseg.config.hosts import BY_HAND
from fasterseg.console.options import Common
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.exporting.formats import ExportForm
from fasterseg.deploy.runtimes.models import require_model
from fasterseg.deploy.runtimes.opening import is_export, open_export
from fasterseg.deploy.runtimes.sessions import Image, Running
from fasterseg.deploy.runtimes.web_runtime import OPTION, PACKAGE, web_runtime
from fasterseg.deploy.shipping.origin import origin_of
from fasterseg.deploy.shipping.verification import Evidence, at_size
from fasterseg.deploy.shipping.verified_export import ship
from fasterseg.errors import UsageError
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.kit.manifest import MANIFEST_FILE
from fasterseg.kit.measured import MEASURED_FILE
from fasterseg.kit.outcome import PackResult
from fasterseg.kit.packing import pack_networks, pack_space, require_packable
from fasterseg.latency.table import Target
from fasterseg.network.bundle import ModelBundle
from fasterseg.paths import place_for_folder, user_path, without_steps_up
from fasterseg.pipeline.models.evaluating import run_of
from fasterseg.pipeline.models.verifying import InInt8, evidence_for
from fasterseg.pipeline.opening import hold_run
from fasterseg.pipeline.settings.recipes import resolve_recipe, stored_or_new_recipe, stored_recipe
from fasterseg.pipeline.stages.profiling import all_options
from fasterseg.scratch import scratch_folder
from fasterseg.space.blocks import Size
from fasterseg.stopping import Show

IMAGES = 10
"""So many images' labels come back from a device."""
SPACE, NETWORKS = "space", "networks"
"""What a run's kits are called in its folder."""


class _Model(NamedTuple):
    """A network as it goes into a kit: the file, and its card."""

    data: bytes
    card: ExportedCard
    evidence: Evidence


def pack(
    models: Sequence[str],
    common: Common,
    out: Path | str,
    show: Show,
    *,
    runtime: Path | str = "",
) -> PackResult:
    """Pack networks where some are named, else the space of a run.

    Where nothing else is said, the target's host is `kit`.  A `runtime` for pages is looked at and
    kept first, where the kit's page finds it.
    """
    known = None if models else stored_recipe(common)
    if common.host is None and (known is None or known.target.is_here):
        common = replace(common, host=BY_HAND)
    if runtime:
        _keep_runtime(runtime, models, common)
    if models:
        return pack_named(models, common, out, show)
    if out:
        raise UsageError(
            "the kit of a space goes into its run",
            where=f"--out {out}",
            why="what comes back is read into that run: its latency table",
            next_step="leave --out out, and say which folder with --run",
        )
    return pack_run(common, show)


def _keep_runtime(runtime: Path | str, models: Sequence[str], common: Common) -> None:
    target = _settings(models[0], common) if models else stored_or_new_recipe(common).target
    if not runtime_named(target.backend).is_web:
        raise UsageError(
            "ONNX Runtime Web is for a kit in a page",
            where=f"{OPTION} {runtime}",
            why=f"this kit is for {target.backend}",
            next_step=f"leave it out, or --set target.backend={PACKAGE} --device kit",
        )
    web_runtime(runtime)


def pack_run(common: Common, show: Show) -> PackResult:
    """Pack the space of a run's recipe into the run's folder; raises as `pack_space` does."""
    settings = stored_or_new_recipe(common).target
    require_packable(settings)
    if settings.is_here:
        raise UsageError(
            "a kit is for a device elsewhere",
            where="target.host=here",
            why="its answer becomes the table of this run, which would be measured here",
            next_step="leave target.host out, or fasterseg profile, which measures here",
        )
    with hold_run(common, ()) as ((recipe, run, source), _):
        target = Target.of(recipe.target, source.label_space.classes)
        with show("Packing the kit", total=0, unit="graphs") as step:
            packed = pack_space(
                all_options(recipe),
                target,
                recipe.profile,
                seed=recipe.seed,
                name=recipe.name,
                into=run.kits / SPACE,
                progress=step,
            )
    typed = f"fasterseg kit read {MEASURED_FILE} --run {shlex.quote(str(run.root))}"
    return PackResult.of(packed, typed)


def pack_named(models: Sequence[str], common: Common, out: Path | str, show: Show) -> PackResult:
    """Pack networks that are named, with images of the test split; raises as `pack_networks` does.

    A bundle is exported for the target and verified on these images; an exported file is packed as
    it is.
    """
    _require_models(models)
    target = _settings(models[0], common)
    require_packable(target)
    into = place_for_folder(out or _own_place(models[0], common), "--out", names=(MANIFEST_FILE,))
    with show("Packing the kit", total=0, unit="networks") as step:
        with scratch_folder(into.parent, f".{into.name}-exports.") as folder:
            opened = {model: _opened(model, common, target, folder) for model in models}
        size = _one_size(opened)
        first = next(iter(opened.values()))
        classes = max(one.card.label_space.classes for one in opened.values())
        packed = pack_networks(
            {model: one.data for model, one in opened.items()},
            Target.of(target.model_copy(update=size._asdict()), classes),
            images=_images(first.evidence, size),
            name=into.name,
            into=into,
            progress=step,
        )
    folder_there = shlex.quote(str(packed.folder))
    return PackResult.of(packed, f"fasterseg kit read {MEASURED_FILE} --kit {folder_there}")


def _require_models(models: Sequence[str]) -> None:
    twice = [model for model in models if models.count(model) > 1]
    if twice:
        raise UsageError(
            f"{twice[0]!r} was named twice",
            why="each network of a kit is measured once",
            next_step="name each model once",
        )
    for model in models:
        if baseline_name(model) is not None:
            raise UsageError(
                "a baseline has no weights of its own",
                where=f"--networks {model}",
                why="a kit of networks brings back labels, and untrained weights give none",
                next_step="train it first, and name its bundle",
            )
        require_model(model)


def _settings(model: str, common: Common) -> TargetSettings:
    """The target of the model's run, or of the recipe that the options name."""
    run = run_of(model, common)
    stored = Recipe.load(run.recipe) if run is not None and run.recipe.is_file() else None
    return resolve_recipe(common, stored).target


def _own_place(model: str, common: Common) -> Path:
    """In the folder of the model's run, else beside the model, and called after it."""
    run = run_of(model, common)
    if run is not None:
        return run.kits / NETWORKS
    path = without_steps_up(Path(model))
    return path.parent / f"{path.stem}-kit"


def _opened(model: str, common: Common, target: TargetSettings, folder: Path) -> _Model:
    """A model as the file that runs on the device."""
    path = user_path(model)
    if is_export(path) and path.is_file():
        return _of_file(path, common, target)
    runtime = runtime_named(target.backend)
    origin = origin_of(model)
    size = _size_for(target, origin.bundle)
    form = ExportForm(
        "onnx",
        size,
        size,
        precision=runtime.written_in(target.precision),
        for_engine=target.backend == "tensorrt",
    )
    card = origin.card_like(replace(form, precision="float32"))
    evidence = _evidence(model, common, card, int8=form.precision == "int8")
    # In a folder of its own: the one above is held by this very process.
    staged = folder / str(len([*folder.iterdir()])) / "exported.onnx"
    staged.parent.mkdir()
    ship(origin, form, staged, evidence, running=Running("onnxruntime", target.threads))
    return _Model(bytes_of(staged), card, evidence)


def _size_for(target: TargetSettings, bundle: ModelBundle) -> Size:
    """The target's size, or that of the images which the bundle was scored on."""
    if target.height is not None:
        return target.size
    return bundle.card.image_size(next_step="say one: --size 360x480")


def _of_file(path: Path, common: Common, target: TargetSettings) -> _Model:
    if path.suffix != ".onnx":
        raise UsageError(
            f"{path.name} cannot be packed into a kit",
            where=f"--networks {path}",
            why="the runtimes of a kit all read ONNX, and nothing else that they have in common",
            next_step="fasterseg export MODEL --format onnx, and name that file",
        )
    _, card = open_export(path, Running("onnxruntime", target.threads))
    if card.output != "labels":
        raise UsageError(
            "this file ends at logits, and a kit brings back labels",
            where=f"--networks {path}",
            why="the tail that makes labels of logits is not in the file",
            next_step="fasterseg export MODEL --output labels, and name that file",
        )
    return _Model(bytes_of(path), card, _evidence(str(path), common, card))


def _evidence(model: str, common: Common, card: ExportedCard, *, int8: bool = False) -> Evidence:
    """The images, without the split that they are from: nothing is scored here.

    What is in int8 was judged when it was made.
    """
    wanted = InInt8() if int8 else None
    found = evidence_for(model, common, split="", images=IMAGES, card=card, int8=wanted)
    return replace(found, source=None, split="")


def _one_size(opened: dict[str, _Model]) -> Size:
    """The size of all networks; raises `UsageError` where there are two, or any will do."""
    sizes = {model: one.card.size for model, one in opened.items()}
    (first, size), *others = sizes.items()
    if size is None:
        raise UsageError(
            "a network of a kit takes images of one size",
            where=f"--networks {first}",
            why="this file takes any",
            next_step="fasterseg export MODEL --size HxW, and name that file",
        )
    for model, other in others:
        if other != size:
            raise UsageError(
                "the networks are for images of different sizes",
                where=f"{first}: {size}, {model}: {other or 'any'}",
                why="all of a kit's networks are shown the same images",
                next_step="pack a kit for each size",
            )
    return size


def _images(evidence: Evidence, size: Size) -> list[Image]:
    return [at_size(image, size) for image in evidence.images]
