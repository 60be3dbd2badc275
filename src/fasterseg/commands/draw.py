"""``fasterseg draw``: an architecture as SVG and as text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Unpack

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict

from fasterseg.console.options import Common, CommonOptions

ImageSize = Annotated[str, Parameter(help="Image size HxW; the run's or model's own by default.")]
Classes = Annotated[int, Parameter(help="Classes; the run's or model's own by default.")]


class DrawResult(BaseModel):
    """The drawings as text, and the SVG file, empty when none was asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    in_lines: ClassVar = ("text",)

    text: str
    file: str = ""
    notes: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return the text form, and where the SVG is."""
        notes = [f"note: {note}" for note in self.notes]
        ending = [f"drawing: {self.file}"] if self.file else []
        return "\n".join([self.text, *notes, *ending])


def draw(
    model: str,
    *,
    out: Annotated[Path | str, Parameter(help="The SVG file; only text when left out.")] = "",
    size: ImageSize = "",
    classes: Classes = 0,
    overwrite: Annotated[
        bool, Parameter(negative="", help="Replace the file if there is one.")
    ] = False,
    **options: Unpack[CommonOptions],
) -> DrawResult:
    """Draw an architecture: layers across, output strides down, operators and widths.

    Parameters
    ----------
    model
        A bundle's folder, a shipped name, an architecture's JSON file, or a run's folder.

    Returns
    -------
    DrawResult
        The drawing as text, with multiply-adds and parameters.
    """
    from fasterseg.pipeline.drawing import draw_named

    text, file, notes = draw_named(
        model, Common(**options), out=out, size=size, classes=classes, overwrite=overwrite
    )
    return DrawResult(text=text, file="" if file is None else str(file), notes=notes)
