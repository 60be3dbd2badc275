"""Exporting a model that is named: to what, where to, and verified on which images."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from fasterseg.config import OutputForm, WrittenPrecision
from fasterseg.console.option_values import working_size
from fasterseg.console.options import Common
from fasterseg.datasets.pictures.limits import DEFAULT_LIMIT
from fasterseg.deploy.exporting.format_table import FORMATS
from fasterseg.deploy.exporting.formats import ExportForm, format_of
from fasterseg.deploy.runtimes.executorch import environment as executorch_environment
from fasterseg.deploy.runtimes.opening import runtimes_of
from fasterseg.deploy.runtimes.quantisers import require_quantiser
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.deploy.shipping.origin import Origin, origin_of
from fasterseg.deploy.shipping.report_places import names_beside
from fasterseg.deploy.shipping.verification import Evidence
from fasterseg.deploy.shipping.verification_report import ExportReport
from fasterseg.deploy.shipping.verified_export import require_free, ship, written_file
from fasterseg.errors import EnvironmentFault, UsageError
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.card import Card
from fasterseg.network.showing import require_shown
from fasterseg.paths import place_for_file, without_steps_up
from fasterseg.pipeline.models.verifying import InInt8, evidence_for, require_images
from fasterseg.resources import free_disk_bytes
from fasterseg.space.blocks import Size
from fasterseg.stopping import Show


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a network is to be exported to, as it was asked for; no size is the model's own."""

    format: str
    output: OutputForm
    size: str
    dynamic: bool
    resize: bool
    precision: WrittenPrecision
    max_drop: float | None


def export_named(
    model: str,
    common: Common,
    wanted: Wanted,
    *,
    out: Path | str,
    overwrite: bool,
    split: str,
    images: int,
    show: Show,
) -> ExportReport:
    """Export a model and verify the file; see `ship`."""
    _require_one_size(wanted)
    require_int8_for_drop(wanted)
    require_images(images)
    if out:
        place_for_export(out, wanted.format, overwrite=overwrite)
    if wanted.format == "executorch":
        executorch_environment.python()
    origin = origin_of(model)
    form = form_of(wanted, origin.bundle.card, format=wanted.format)
    require_shown(form.size or form.resizes_to, DEFAULT_LIMIT)
    if (common.device or "").startswith("cuda"):
        form = replace(form, gpu=str(common.device))
    path = place_for_export(out or default_file(model, form), form.format, overwrite=overwrite)
    _require_room(path, origin.bundle)
    if form.precision == "int8":
        require_quantiser(runtimes_of(path)[0].name)
    evidence = evidence_on(origin, common, wanted, form, split=split, images=images)
    with show(f"Exporting to {path}", total=0, unit="images") as step:
        return ship(
            origin, form, path, evidence, running=Running(), progress=step, replace=overwrite
        )


def _require_room(path: Path, bundle: ModelBundle) -> None:
    """Raise `EnvironmentFault` where a file of all its numbers, and one on trial, do not fit."""
    needed = 2 * 4 * sum(tensor.numel() for tensor in bundle.tensors.values())
    free = free_disk_bytes(path.parent)
    if free < needed:
        raise EnvironmentFault(
            "there is not enough room on the disk for the exported file",
            where=str(path.parent),
            why=f"until it is verified it takes about {needed / 1e6:.1f} MB, "
            f"{free / 1e6:.1f} MB are free",
            next_step="free some space, or choose a file on another disk with --out",
        )


def evidence_on(
    origin: Origin, common: Common, wanted: Wanted, form: ExportForm, *, split: str, images: int
) -> Evidence:
    """What a file of that form is verified on, and where it is in int8 chosen by."""
    return evidence_for(
        origin.name,
        common,
        split=split,
        images=images,
        card=origin.card_like(replace(form, precision="float32")),
        int8=InInt8(wanted.max_drop) if form.precision == "int8" else None,
    )


def form_of(wanted: Wanted, card: Card, *, format: str) -> ExportForm:
    """The form in a format; raises where a network cannot be exported to it."""
    asked = Size.parse(wanted.size) if wanted.size else _own_size(wanted, card)
    if wanted.resize or (card.size is not None and not wanted.dynamic):
        working_size(asked)
    form = ExportForm(
        format,
        None if wanted.dynamic or wanted.resize else asked,
        asked,
        wanted.output,
        wanted.precision,
        resizes_to=asked if wanted.resize else None,
    )
    form.require_possible()
    return form


def _own_size(wanted: Wanted, card: Card) -> Size:
    """The model's size; one of several where the graph is not bound to any."""
    return card.example_size if wanted.dynamic else card.image_size(next_step=_ONE_OF_THEM)


_ONE_OF_THEM = "choose one with --size 360x480, or --dynamic for a graph of any size"


def place_for_export(out: Path | str, format: str, *, overwrite: bool) -> Path:
    """Where the file of a format goes; raises `UsageError` where it cannot be, or not yet."""
    named = Path(out)
    path = place_for_file(out, "--out", beside=names_beside(named) if named.name else ())
    suffix = FORMATS[format].suffix
    if path.suffix != suffix:
        raise UsageError(
            f"the name of an exported {format} file ends in {suffix}",
            where=f"--out {out}",
            why="its ending says which runtime opens it",
            next_step=_nearest(path, suffix),
        )
    if not overwrite:
        require_free(written_file(path, format))
    return path


def _nearest(path: Path, suffix: str) -> str:
    """The name that a file of a format may have, or the format that the name is one of."""
    meant = format_of(path)
    has_it = meant is not None or path.suffix.lower() == suffix
    near = path.with_suffix(suffix) if has_it else path.with_name(path.name + suffix)
    other = "" if meant is None else f", or --format {meant.name}"
    return f"--out {shlex.quote(str(near))}{other}"


def default_file(model: str, form: ExportForm) -> Path:
    """``student.onnx`` beside the bundle ``student/best``; what differs from the usual is named."""
    extras: list[str] = [form.output] if form.output != "labels" else []
    extras += [form.precision] if form.precision != "float32" else []
    sized = "dynamic" if form.resizes_to is None else "resizing"
    extras += [sized] if form.size is None else []
    return named_after(model, "".join(f"-{extra}" for extra in extras) + form.row.suffix)


def named_after(model: str, ending: str) -> Path:
    """A place beside a bundle, called after it: ``student`` and an ending for ``student/best``."""
    folder = without_steps_up(Path(model))
    name = folder.parent.name if folder.name in ("best", "last", "ema") else folder.name
    return folder.parent / (name + ending)


def require_int8_for_drop(wanted: Wanted) -> None:
    """Raise `UsageError` for a drop that nothing can have, or that is said of no int8."""
    if wanted.max_drop is None:
        return
    if not 0 <= wanted.max_drop <= 100:
        raise UsageError(
            "points of mIoU are from 0 to 100",
            where=f"--max-drop {wanted.max_drop:g}",
            next_step="--max-drop 0.5",
        )
    if wanted.precision != "int8":
        raise UsageError(
            "--max-drop would do nothing",
            where=f"--max-drop {wanted.max_drop:g}",
            why="only a network in int8 may lose points",
            next_step="add --precision int8, or leave it out",
        )


def _require_one_size(wanted: Wanted) -> None:
    other = f"--size {wanted.size}" if wanted.size else "--resize" if wanted.resize else ""
    if other and wanted.dynamic:
        raise UsageError(
            "a graph has one size or any",
            where=f"{other} --dynamic",
            why="with --dynamic it sees each image at the image's own size",
            next_step="leave one of them out",
        )
