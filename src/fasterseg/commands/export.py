"""``fasterseg export``: a file for the runtime that is deployed, verified before it has a name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Unpack

from cyclopts import Parameter

from fasterseg.config import OutputForm
from fasterseg.console.options import IMAGES, Common, CommonOptions, SizeOrText
from fasterseg.deploy.exporting.format_table import FORMATS

if TYPE_CHECKING:
    from fasterseg.deploy.shipping.verification_report import ExportReport


def export(
    model: str,
    *,
    format: Annotated[str, Parameter(help="Which kind of file.", choices=FORMATS)] = "onnx",
    output: Annotated[
        OutputForm,
        Parameter(help="Where the graph ends; the fast tail makes labels of the last form."),
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
    built-in scenes serve, and nothing is scored.  The file lies beside the model, or where --out
    says; one that is there is replaced with --overwrite only.

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
    """
    from fasterseg.console.progress import progress_for
    from fasterseg.pipeline.exporting import Wanted, export_named
    from fasterseg.space.blocks import Size

    common = Common(**options)
    return export_named(
        model,
        common,
        Wanted(
            format=format,
            output=output,
            size=str(Size.of(size)) if size else "",
            dynamic=dynamic,
            resize=resize,
            precision=precision,
        ),
        out=out,
        overwrite=overwrite,
        split=split,
        images=images,
        show=progress_for(json=common.json),
    )
