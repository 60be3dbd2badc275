"""Drawing the architectures that a path names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from fasterseg.console.option_values import SizeOrText
from fasterseg.console.options import Common
from fasterseg.durable import durable_write
from fasterseg.errors import UsageError
from fasterseg.paths import place_for_file, user_path
from fasterseg.pipeline.models.subjects import assumptions, find_subjects, geometry_of
from fasterseg.reporting.described import HandMade, Subject
from fasterseg.reporting.drawing import draw_svg, stack_svgs
from fasterseg.reporting.listing import draw_text
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size


class Drawn(NamedTuple):
    """Architectures as text, the SVG file if one was asked for, and what was assumed."""

    text: str
    file: Path | None
    notes: tuple[str, ...]


def draw_named(
    model: str, common: Common, *, out: Path | str, size: SizeOrText, classes: int, overwrite: bool
) -> Drawn:
    """Draw what a path names at a size and a number of classes, its own where they are left out."""
    place = _free_place(out, overwrite=overwrite) if out else None
    subjects = drawable(find_subjects(user_path(model), common), model)
    asked = Size.of(size) if size else None
    drawn = [(found, geometry_of(found, asked, classes or None)) for found in subjects]
    texts = [draw_text(one.architecture, geometry, title=one.title) for one, geometry in drawn]
    if place is not None:
        write_drawings(drawn, place)
    notes = dict.fromkeys(note for one in subjects for note in assumptions(one, asked, classes))
    return Drawn("\n\n".join(texts), place, tuple(notes))


def drawable(found: Sequence[Subject | HandMade], model: str) -> list[Subject]:
    """The architectures among what was found; raises `UsageError` where there is none."""
    architectures = [one for one in found if isinstance(one, Subject)]
    if not architectures:
        raise UsageError(
            "there is no architecture to draw",
            where=model,
            why=f"{found[0].title} was made by hand; it is no member of the search space",
            next_step=f"fasterseg describe {model} tells its parts",
        )
    return architectures


def _free_place(out: Path | str, *, overwrite: bool) -> Path:
    """Where the SVG file goes; `UsageError` when it is there, or is called as another kind is."""
    path = place_for_file(out, "--out")
    if path.suffix.lower() not in ("", ".svg"):
        raise UsageError(
            "drawings are written as SVG",
            where=f"--out {path}",
            next_step=f"--out {quote(str(path.with_suffix('.svg')))}",
        )
    if path.exists() and not overwrite:
        raise UsageError(
            "there is a file of this name already",
            where=str(path),
            next_step="choose another with --out, or add --overwrite",
        )
    return path


def write_drawings(drawn: list[tuple[Subject, Geometry]], path: Path) -> Path:
    """Write the SVG file and return it."""
    pictures = [draw_svg(one.architecture, geometry, title=one.title) for one, geometry in drawn]
    durable_write(path, stack_svgs(tuple(pictures)).encode())
    return path
