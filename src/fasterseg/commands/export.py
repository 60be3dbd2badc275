"""``fasterseg export``: a file for the runtime that is deployed, verified before it has a name."""

from __future__ import annotations

from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter

from fasterseg.config import OutputForm, WrittenPrecision
from fasterseg.console.option_values import PathOrText, SizeOrText
from fasterseg.console.options import IMAGES, Common, CommonOptions
from fasterseg.deploy.exporting.format_table import FORMATS, WEB
from fasterseg.errors import UsageError

if TYPE_CHECKING:
    from fasterseg.deploy.shipping.verification_report import ExportReport


def export(
    model: PathOrText,
    *,
    format: Annotated[
        str, Parameter(help="Which kind of file; web is a page.", choices=(*FORMATS, WEB))
    ] = "onnx",
    output: Annotated[
        OutputForm,
        Parameter(
            help="What the graph returns: labels, full-size logits, or low-resolution logits, of "
            "which the fast tail makes labels."
        ),
    ] = "labels",
    size: Annotated[
        SizeOrText,
        Parameter(
            help="Image size HxW; the one that it was trained for, else that of the images it was "
            "scored on, when left out."
        ),
    ] = "",
    dynamic: Annotated[
        bool, Parameter(negative="", help="A graph for images of any size.")
    ] = False,
    resize: Annotated[
        bool,
        Parameter(
            negative="",
            help="Take images of any size, bring them to that one in the graph, and give labels of "
            "their own size.",
        ),
    ] = False,
    precision: Annotated[
        WrittenPrecision,
        Parameter(
            help="The graph's types; float16 is written out, for TensorRT 10 and 11, int8 for "
            "processors."
        ),
    ] = "float32",
    max_drop: Annotated[
        float | None,
        Parameter(
            help="Points of mIoU that a network in int8 may lose; target.max_drop of its recipe, "
            "0.5, when left out."
        ),
    ] = None,
    out: Annotated[
        Path | str, Parameter(help="The file; beside the model, named after it, when left out.")
    ] = "",
    split: Annotated[str, Parameter(help="The split to verify on; the one that runs score.")] = "",
    images: Annotated[int, Parameter(help="How many images to compare label by label.")] = IMAGES,
    overwrite: Annotated[bool, Parameter(negative="", help="Replace the file.")] = False,
    web_runtime: Annotated[
        Path | str,
        Parameter(help="ONNX Runtime Web for a page, a folder or npm's archive; npm brings it."),
    ] = "",
    **options: Unpack[CommonOptions],
) -> ExportReport:
    """Export a trained network: image in, labels out, in one file that says what it is.

    The file is run on real images and scored on the whole split before it gets its name.  If its
    results differ from the network's, export writes a picture of the difference, keeps no file and
    exits with code 6.
    The data is that of the run which the model lies in, or what --data names; without any, the
    built-in scenes serve, and nothing is scored.  The file lies beside the model, or where --out
    says; one that is there is replaced with --overwrite only.  In int8 it is the fastest of several
    ways, judged on the validation split, that loses no more than --max-drop.

    With --format web it is a folder instead, which any file server offers as a page: the same ONNX
    file, ONNX Runtime Web, and all else that segments photos and the camera in a browser, offline.

    Parameters
    ----------
    model
        A bundle's folder, or a model by name.

    Returns
    -------
    ExportReport
        The file, its digest, and the verification.

    Examples
    --------
    fasterseg export camvid-8ms --format onnx --out camvid-8ms.onnx
    fasterseg export camvid-8ms --format web --out camvid-8ms-web
    """
    from fasterseg.console.progress import progress_for
    from fasterseg.pipeline.models.exporting import Wanted, export_named
    from fasterseg.pipeline.models.web_pages import export_page
    from fasterseg.space.blocks import Size

    common = Common.of(options)
    _require_format(format)
    if web_runtime and format != WEB:
        raise _for_a_page_alone(format)
    wanted = Wanted(
        format=format,
        output=output,
        size=str(Size.of(size)) if size else "",
        dynamic=dynamic,
        resize=resize,
        precision=precision,
        max_drop=max_drop,
    )
    write = partial(export_page, runtime=web_runtime) if format == WEB else export_named
    return write(
        str(model),
        common,
        wanted,
        out=out,
        overwrite=overwrite,
        split=split,
        images=images,
        show=progress_for(json=common.json),
    )


def _require_format(format: str) -> None:
    """Raise `UsageError` for a format that there is not, as Python may give."""
    known = (*FORMATS, WEB)
    if format not in known:
        near = get_close_matches(format.lower(), known, n=1)
        raise UsageError(
            f"there is no format {format!r}",
            where=f"--format {format}",
            why=f"there are {', '.join(known)}",
            next_step=f"did you mean {near[0]!r}?" if near else "name one of these",
        )


def _for_a_page_alone(format: str) -> UsageError:
    return UsageError(
        "ONNX Runtime Web is for a page",
        where=f"--web-runtime --format {format}",
        why="no other export has a runtime in it",
        next_step=f"leave it out, or export a page: --format {WEB}",
    )
