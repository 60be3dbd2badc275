"""The page of one model: what is in its bundle, drawn, counted and told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from fasterseg.artifacts import digest_of_file
from fasterseg.reporting.counting import evaluated, part_costs
from fasterseg.reporting.drawing import draw_svg
from fasterseg.reporting.listing import draw_text
from fasterseg.reporting.page import TEMPLATES, environment
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.blocks import Size

if TYPE_CHECKING:
    from fasterseg.network.card import Card


def render_model_page(card: Card, architecture: Architecture, folder: Path) -> str:
    """The whole page; the same bundle gives the same text."""
    height, _, width = card.training.resolution.partition("x")
    geometry = Geometry(Size(int(height), int(width)), card.label_space.classes)
    parts = part_costs(architecture, geometry)
    files = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors"))
    return (
        environment()
        .get_template("model.html")
        .render(
            style=(TEMPLATES / "style.css").read_text(encoding="utf-8"),
            card=card,
            size=geometry.size,
            drawing=Markup(draw_svg(architecture, geometry, title=card.name)),
            text=draw_text(architecture, geometry),
            parts=(*parts, evaluated(parts)),
            all_macs=max(1, evaluated(parts).macs),
            files=[(path.name, digest_of_file(path)) for path in files],
        )
    )
