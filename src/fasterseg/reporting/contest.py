"""A benchmark as a picture: each contestant's median, with whiskers to its slow queries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from fasterseg.deploy.benchmark.benchmark_report import BenchmarkReport, ContestantFigures
from fasterseg.reporting.charts import (
    INK,
    LINE,
    PAPER,
    SOFT,
    Chart,
    Frame,
    draw_chart,
    series_colour,
)
from fasterseg.terminal_text import lines_as_shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Latency"
WIDTH, ROW, ABOVE_AND_BELOW = 640.0, 46.0, 66.0
NAME_LINE = 0.34  # of a row, above its whiskers
LONGEST_NAME = 62
LABEL = "milliseconds per image: dot median, tick 95th, end 99th percentile"
# Beyond this ratio the axis begins at zero: lengths then say what is how many times as slow.
ZERO_BEYOND = 1.5


def contest_chart(report: BenchmarkReport) -> Chart:
    """Contestants below each other, the quickest first; one colour for each backend."""
    contestants = sorted(report.contestants, key=lambda one: one.p50_ms.value)
    colours = backend_colours(contestants)

    def plot(axes: Axes) -> None:
        for row, one in enumerate(contestants):
            _plot_contestant(axes, row, one, colours[_backend(one)])
        _finish(axes, contestants)

    height = ABOVE_AND_BELOW + ROW * len(contestants)
    frame = Frame(LABEL, "", width=WIDTH, height=height, left=14.0)
    return draw_chart(TITLE, plot, frame, text=_words(contestants), note="; ".join(report.remarks))


def contest_svg(report: BenchmarkReport) -> str:
    """The same as a file of its own, with the page's colours for light and dark inside."""
    svg = str(contest_chart(report).svg)
    style = f"{page_colours()} .page {{ fill: var(--paper); }}"
    head, _, rest = svg.partition(">")
    head = head.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    page = '<rect class="page" width="100%" height="100%"/>'
    return lines_as_shown(f"{head}><style>{style}</style>{page}{rest}\n")


def page_colours() -> str:
    """The page's variables, as its style sheet has them: first for light, then for dark."""
    sheet = files("fasterseg.reporting").joinpath("templates/style.css").read_text("utf-8")
    found = re.match(r":root \{[^}]*\}\s*@media [^{]*\{\s*:root \{[^}]*\}\s*\}", sheet)
    assert found is not None
    return found[0]


def backend_colours(contestants: Sequence[ContestantFigures]) -> dict[str, str]:
    """A stand-in colour for each backend, in the order of their names."""
    names = sorted({_backend(one) for one in contestants})
    return {name: series_colour(index + 1) for index, name in enumerate(names)}


def _backend(one: ContestantFigures) -> str:
    return one.facts.get("backend", "")


def _plot_contestant(axes: Axes, row: int, one: ContestantFigures, colour: str) -> None:
    p50, p95, p99 = one.p50_ms.value, one.p95_ms.value, one.p99_ms.value
    axes.plot([p50, p99], [row, row], color=colour, linewidth=1.3, solid_capstyle="butt")
    axes.plot([p50, p95], [row, row], color=colour, linewidth=4.0, solid_capstyle="butt")
    axes.plot([p95], [row], "|", color=colour, markersize=11, markeredgewidth=2.0)
    axes.plot([p99], [row], "|", color=colour, markersize=6, markeredgewidth=1.3)
    axes.plot([p50], [row], "o", color=colour, markersize=7.5)
    sides = axes.get_yaxis_transform()
    figures = f"p50 {p50:.2f}   p95 {p95:.2f}   p99 {p99:.2f}"
    above = row - NAME_LINE
    # Lines of the grid end behind the words.
    words: dict[str, Any] = {"va": "center", "bbox": {"fc": PAPER, "ec": "none", "pad": 1.5}}
    words["transform"] = sides
    axes.text(0.0, above, _shortened(one.name), color=INK, fontsize=10, **words)
    axes.text(1.0, above, figures, color=SOFT, ha="right", fontsize=9, **words)


def _shortened(name: str) -> str:
    """The name, or its end: a path's last folders tell models apart."""
    return name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"


def _finish(axes: Axes, contestants: Sequence[ContestantFigures]) -> None:
    low = min(one.p50_ms.value for one in contestants)
    high = max(one.p99_ms.value for one in contestants)
    margin = 0.04 * (high if high > ZERO_BEYOND * low else high - low or high)
    axes.set_xlim(0.0 if high > ZERO_BEYOND * low else low - margin, high + margin)
    axes.set_ylim(len(contestants) - 0.55, -0.75)
    axes.set_yticks([])
    axes.set_xlabel(LABEL)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(visible=True, axis="x", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def _words(contestants: Sequence[ContestantFigures]) -> str:
    """The chart for a reader who cannot see it."""
    told = [
        f"{one.name}: median {one.p50_ms.value:.2f}, 95th percentile {one.p95_ms.value:.2f}, "
        f"99th {one.p99_ms.value:.2f} ms"
        for one in contestants
    ]
    return f"{TITLE}, quickest first. {'; '.join(told)}"
