"""The page of one model: what is in its bundle, drawn, counted and told."""

from __future__ import annotations

from markupsafe import Markup

from fasterseg.reporting.counting import costs_of, evaluated
from fasterseg.reporting.drawing import draw_svg
from fasterseg.reporting.listing import draw_text
from fasterseg.reporting.model_facts import (
    ModelFacts,
    commands_for,
    intended_use,
    python_for,
    told_latency,
)
from fasterseg.reporting.page import TEMPLATES, environment
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.terminal_text import lines_as_shown


def render_model_page(facts: ModelFacts) -> str:
    """The whole page; the same facts give the same text.  A baseline is told, not drawn."""
    card, architecture = facts.card, facts.description.architecture
    geometry = Geometry(facts.size, card.label_space.classes)
    parts = costs_of(facts.description, geometry)
    return lines_as_shown(
        environment()
        .get_template("model.html")
        .render(
            style=(TEMPLATES / "style.css").read_text(encoding="utf-8"),
            facts=facts,
            card=card,
            size=facts.size,
            baseline=facts.description.baseline,
            **_drawn(architecture, geometry, card.name),
            parts=(*parts, evaluated(parts)),
            all_macs=max(1, evaluated(parts).macs),
            intended_use=intended_use(facts),
            latency=told_latency(facts),
            commands=commands_for(facts),
            python="\n".join(python_for(facts)),
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
