"""The page of a run: facts in, one string of HTML out, that needs nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasterseg.amounts import duration, size
from fasterseg.artifacts import short_digest
from fasterseg.forecasting.outcome import Comparison
from fasterseg.network.card import told_segments
from fasterseg.reporting.course import search_charts, training_charts, widths_chart
from fasterseg.reporting.delivered import deliveries
from fasterseg.reporting.doubts import Doubts
from fasterseg.reporting.drawing import draw_svg
from fasterseg.reporting.facts import NetworkFacts, RunFacts
from fasterseg.reporting.front import front_charts, front_rows
from fasterseg.reporting.gallery import GalleryRow, leading
from fasterseg.reporting.headline import network_rows, tiles
from fasterseg.reporting.latencies import calibration_chart, table_facts
from fasterseg.reporting.listing import draw_text
from fasterseg.reporting.palette import class_colours, css_variable
from fasterseg.reporting.scores import class_rows, columns, heat_map, scored, worst_confusions
from fasterseg.reporting.selecting import selection_charts
from fasterseg.reporting.verdict import verdicts_of
from fasterseg.terminal_text import lines_as_shown

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


def render_page(
    facts: RunFacts,
    gallery: Sequence[GalleryRow] = (),
    *,
    gallery_note: str = "",
    doubts: Doubts | None = None,
) -> str:
    """The whole page; the same facts and pictures give the same text."""
    rows = network_rows(facts)
    return lines_as_shown(
        environment()
        .get_template("page.html")
        .render(
            style=(TEMPLATES / "style.css").read_text(encoding="utf-8"),
            facts=facts,
            verdicts=verdicts_of(facts),
            leading=leading(gallery),
            deliveries=deliveries(facts),
            rows=rows,
            tiles=tiles(rows, facts),
            front_charts=front_charts(facts),
            front_rows=front_rows(facts),
            drawings=_drawings(facts),
            search_charts=search_charts(facts),
            selection_charts=selection_charts(facts),
            training_charts=training_charts(facts),
            table=None if facts.table is None else table_facts(facts.table),
            calibration=None if facts.table is None else calibration_chart(facts.table),
            scores=_scores(facts),
            gallery=gallery,
            gallery_note=gallery_note,
            doubts=doubts or Doubts(),
            swatches=_swatches(facts),
            trainings=_trainings(facts),
            total_seconds=sum(stage.seconds for stage in facts.times.whole),
            forecast=facts.forecast and Comparison.of(facts.forecast, facts.times),
            longest_seconds=max((stage.seconds for stage in facts.times.whole), default=0.0),
        )
    )


@cache
def environment() -> Environment:
    """Where templates are found, and what they may use."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share, digits=1: (
        f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"
    )
    environment.filters["ms"] = lambda value: f"{value:.2f}\N{NO-BREAK SPACE}ms"
    environment.filters["unbroken"] = lambda text: re.sub(
        r"(?<=\d) (?=%|ms\b)", "\N{NO-BREAK SPACE}", text
    )
    environment.filters["duration"] = duration
    environment.filters["size"] = size
    environment.filters["short"] = short_digest
    return environment


def _drawings(facts: RunFacts) -> list[dict[str, Any]]:
    """Each architecture as SVG and text, with its widths and where it stands."""
    from markupsafe import Markup

    geometry = facts.geometry
    found: list[dict[str, Any]] = []
    for network in (*facts.students, *facts.teachers):
        if network.architecture is not None and geometry is not None:
            found.append(
                {
                    "name": network.name,
                    "file": f"search/{network.name}.json",
                    "svg": Markup(
                        draw_svg(
                            network.architecture, geometry, title=network.name, legend=not found
                        )
                    ),
                    "text": draw_text(network.architecture, geometry, title=network.name),
                    "widths": widths_chart(network, facts),
                }
            )
    return found


def _scores(facts: RunFacts) -> dict[str, Any]:
    """The class table's columns and rows, and each network's matrix and worst confusions."""
    return {
        "columns": columns(facts),
        "rows": class_rows(facts),
        "matrices": [_matrix(network) for network in scored(facts)],
    }


def _matrix(network: NetworkFacts) -> dict[str, Any]:
    report = network.evaluation
    assert report is not None  # only networks that were scored come here
    return {
        "name": network.name,
        "report": report,
        "file": network.evaluation_path,
        "svg": heat_map(report, network.name),
        "confusions": worst_confusions(report),
    }


def _swatches(facts: RunFacts) -> list[tuple[str, str]]:
    """Each class and its colour, as the pictures show it."""
    names = facts.data.names if facts.data is not None else ()
    names = next((n.evaluation.names for n in facts.networks if n.evaluation is not None), names)
    return [
        (name, "rgb({} {} {})".format(*colour))
        for name, colour in (class_colours(names, facts) if names else {}).items()
    ]


def _trainings(facts: RunFacts) -> list[dict[str, Any]]:
    """How each trained network came about, and the scores of its three sets of weights."""
    found = []
    for network in (*facts.teachers, *facts.students):
        if network.cards:
            card = network.cards.get("best") or next(iter(network.cards.values()))
            found.append(
                {
                    "name": network.name,
                    "colour": css_variable(network.name, facts),
                    "facts": card.training,
                    "segments": told_segments(card.training.segments),
                    "scores": [(w, s) for w, c in network.cards.items() for s in c.scores],
                }
            )
    return found
