"""``fasterseg export``: a file for the runtime that is deployed, verified before it has a name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Unpack

from cyclopts import Parameter

from fasterseg.config import OutputForm
from fasterseg.console.options import Common, CommonOptions
from fasterseg.console.progress import progress_for
from fasterseg.deploy.exporting.formats import FORMATS, ExportForm
from fasterseg.errors import UsageError
from fasterseg.paths import place_for_file, without_steps_up
from fasterseg.pipeline.verifying import IMAGES, evidence_for, require_images
from fasterseg.space.blocks import Size

if TYPE_CHECKING:
    from fasterseg.deploy.shipping.verified_export import ExportReport

_ONE_OF_THEM = "choose one with --size 360x480, or --dynamic for a graph of any size"


def export(
    model: str,
    *,
    format: Annotated[str, Parameter(help="Which kind of file.", choices=FORMATS)] = "onnx",
    output: Annotated[
        OutputForm,
        Parameter(help="Where the graph ends; the fast tail makes labels of the last form."),
    ] = "labels",
    size: Annotated[
        str, Parameter(help="Image size HxW; that of the images it was scored on when left out.")
    ] = "",
    dynamic: Annotated[
        bool, Parameter(negative="", help="A graph for images of any size.")
    ] = False,
    precision: Annotated[
        Literal["float32", "float16"],
        Parameter(help="The graph's types; float16 is written out, for TensorRT 10 and 11."),
    ] = "float32",
    out: Annotated[
        Path | str, Parameter(help="The file; beside the model, named after it, when left out.")
    ] = "",
    split: Annotated[str, Parameter(help="The split to verify on; the one that runs score.")] = "",
    images: Annotated[int, Parameter(help="How many images to compare label by label.")] = IMAGES,
    overwrite: Annotated[bool, Parameter(negative="", help="Replace the file.")] = False,
    **options: Unpack[CommonOptions],
) -> ExportReport:
    """Export a trained network: image in, labels out, in one file that says what it is.

    The file is run on real images and scored on the whole split before it gets its name; one that
    is not what the network is ends with exit code 6, the difference as a picture, and no file.
    The data is that of the run which the model lies in, or what --data names; without any, the
    built-in scenes serve, and nothing is scored.

    Parameters
    ----------
    model
        A bundle's folder, or a shipped name.

    Returns
    -------
    ExportReport
        The file, its digest, and the verification.
    """
    from fasterseg.deploy.runtimes.sessions import Running
    from fasterseg.deploy.shipping.origin import origin_of
    from fasterseg.deploy.shipping.verified_export import ship

    common = Common(**options)
    _require_one_size(size, dynamic=dynamic)
    require_images(images)
    if out:
        place_for_export(out, format, overwrite=overwrite)
    origin = origin_of(model)
    wanted = Size.parse(size) if size else origin.bundle.card.image_size(next_step=_ONE_OF_THEM)
    form = ExportForm(format, None if dynamic else wanted, wanted, output, precision)
    form.require_possible()
    path = place_for_export(out or default_file(model, form), format, overwrite=overwrite)
    reading = origin.bundle.card.reading
    evidence = evidence_for(
        model, common, split=split, images=images, size=form.size, reading=reading
    )
    show = progress_for(json=common.json)
    with show(f"Exporting to {path}", total=0, unit="images") as step:
        return ship(
            origin, form, path, evidence, running=Running(), progress=step, replace=overwrite
        )


def place_for_export(out: Path | str, format: str, *, overwrite: bool) -> Path:
    """Where the file of a format goes; raises `UsageError` where it cannot be, or not yet."""
    from fasterseg.deploy.shipping.verified_export import names_beside, require_free, written_file

    path = place_for_file(out, "--out", beside=names_beside(Path(out)))
    suffix = FORMATS[format].suffix
    if path.suffix != suffix:
        raise UsageError(
            f"the name of an exported {format} file ends in {suffix}",
            where=f"--out {out}",
            why="its ending says which runtime opens it",
            next_step=f"--out {path.with_name(path.name + suffix)}",
        )
    if not overwrite:
        require_free(written_file(path, format))
    return path


def default_file(model: str, form: ExportForm) -> Path:
    """``student.onnx`` beside the bundle ``student/best``; what differs from the usual is named."""

    folder = without_steps_up(Path(model))
    name = folder.parent.name if folder.name in ("best", "last", "ema") else folder.name
    extras: list[str] = [form.output] if form.output != "labels" else []
    extras += [form.precision] if form.precision != "float32" else []
    extras += ["dynamic"] if form.size is None else []
    return folder.parent / ("-".join([name, *extras]) + form.row.suffix)


def _require_one_size(size: str, *, dynamic: bool) -> None:
    if size and dynamic:
        raise UsageError(
            "a graph has one size or any",
            where=f"--size {size} --dynamic",
            next_step="leave one of them out",
        )
