"""The page of one model: what is in its bundle, drawn, counted and told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from fasterseg.artifacts import digest_of_file
from fasterseg.foreign.links import leads_outside
from fasterseg.reporting.counting import costs_of, evaluated
from fasterseg.reporting.drawing import draw_svg
from fasterseg.reporting.listing import draw_text
from fasterseg.reporting.page import TEMPLATES, environment
from fasterseg.shown_text import lines_as_shown
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.blocks import Size

if TYPE_CHECKING:
    from fasterseg.network.card import Card
    from fasterseg.network.description import NetworkDescription


def render_model_page(card: Card, description: NetworkDescription, folder: Path) -> str:
    """The whole page; the same bundle gives the same text.  A baseline is told, not drawn.

    Raises `UsageError` where the card says no size that images can have.
    """
    # Of images of several sizes the first that is named; training may have seen crops.
    size = Size.parse(card.image_resolution.partition(",")[0].strip())
    geometry = Geometry(size, card.label_space.classes)
    architecture = description.architecture
    parts = costs_of(description, geometry)
    found = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors"))
    files = [path for path in found if path.is_file() and not leads_outside(path, folder)]
    return lines_as_shown(
        environment()
        .get_template("model.html")
        .render(
            style=(TEMPLATES / "style.css").read_text(encoding="utf-8"),
            card=card,
            size=geometry.size,
            baseline=description.baseline,
            **_drawn(architecture, geometry, card.name),
            parts=(*parts, evaluated(parts)),
            all_macs=max(1, evaluated(parts).macs),
            files=[(path.name, digest_of_file(path)) for path in files],
        )
    )


def _drawn(architecture: Architecture | None, geometry: Geometry, title: str) -> dict[str, str]:
    """The architecture as a picture and as text; nothing for a baseline."""
    if architecture is None:
        return {}
    return {
        "drawing": Markup(draw_svg(architecture, geometry, title=title)),
        "text": draw_text(architecture, geometry),
    }
