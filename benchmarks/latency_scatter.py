"""Predicted against measured latencies as an SVG file, in the colours of the report's pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fasterseg.reporting.charts import (
    INK,
    LINE,
    PAPER,
    SOFT,
    Chart,
    Frame,
    add_legend,
    draw_chart,
    series_colour,
)
from fasterseg.reporting.page import TEMPLATES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAND = 0.05
MARGIN = 1.08

Points = Sequence[tuple[float, float]]


def scatter(title: str, groups: Mapping[str, Points], *, note: str) -> Chart:
    """A chart of (predicted, measured) milliseconds: groups, the diagonal, a band of 5 %."""
    ends = [value for points in groups.values() for point in points for value in point]
    low, high = min(ends) / MARGIN, max(ends) * MARGIN

    def plot(axes: Axes) -> None:
        line = [low, high]
        axes.fill_between(
            line,
            [(1 - BAND) * x for x in line],
            [(1 + BAND) * x for x in line],
            color=LINE,
            linewidth=0,
            label=f"within {BAND:.0%}".replace("%", " %"),
        )
        axes.plot(line, line, color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
        for index, (label, points) in enumerate(groups.items(), 1):
            predicted, measured = zip(*points, strict=True)
            colour, edge = series_colour(index), PAPER
            axes.plot(
                predicted,
                measured,
                "o",
                color=colour,
                markeredgecolor=edge,
                markersize=6,
                label=label,
            )
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        axes.set_xlabel("predicted, ms")
        axes.set_ylabel("measured, ms", color=INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(length=0)
        add_legend(axes)

    frame = Frame("predicted, ms", "measured, ms", width=440, height=400)
    return draw_chart(title, plot, frame, text=f"{title}. {note}", note=note)


def as_file(chart: Chart) -> str:
    """The chart as a file of its own: with the page's colours, light and dark, and its paper."""
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    colours = style[: style.index("* {")]
    head, _, rest = str(chart.svg).partition(">")
    return (
        f'{head} xmlns="http://www.w3.org/2000/svg"><style>{colours}</style>'
        f'<rect width="100%" height="100%" fill="var(--paper)"/>{rest.strip()}\n'
    )
