"""``fasterseg draw``: an architecture as SVG and as text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter

from fasterseg.console.option_values import PathOrText
from fasterseg.console.options import Classes, Common, ImageSize, OptionsOfARun

if TYPE_CHECKING:
    from fasterseg.commands.results import DrawResult


def draw(
    model: PathOrText,
    *,
    out: Annotated[Path | str, Parameter(help="The SVG file; only text when left out.")] = "",
    size: ImageSize = "",
    classes: Classes = 0,
    overwrite: Annotated[
        bool, Parameter(negative="", help="Replace the file if there is one.")
    ] = False,
    **options: Unpack[OptionsOfARun],
) -> DrawResult:
    """Draw an architecture: layers across, output strides down, operators and widths.

    The drawing is printed as text; --out writes it as an SVG file too.  Exit code 2 where the file
    is there already, unless --overwrite says to replace it.

    Parameters
    ----------
    model
        A bundle's folder, a model by name, an architecture's JSON file, or a run's folder.

    Returns
    -------
    DrawResult
        The drawing as text, with multiply-adds and parameters.

    Examples
    --------
    fasterseg draw camvid-8ms --out camvid-8ms.svg
    """
    from fasterseg.commands.results import DrawResult
    from fasterseg.pipeline.models.drawing import draw_named

    text, file, notes = draw_named(
        str(model), Common.of(options), out=out, size=size, classes=classes, overwrite=overwrite
    )
    return DrawResult(text=text, file="" if file is None else str(file), notes=notes)
