"""Charts as inline SVG in the page's own colours and font, light and dark alike.

matplotlib draws with stand-in colours, which are then replaced by the page's CSS variables.  The
same values give the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from markupsafe import Markup

from fasterseg.artifacts import digest_of_bytes
from fasterseg.current_folder import away_from_here

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, SOFT, LINE, PAPER = "#0f0001", "#0f0002", "#0f0003", "#0f0004"
_VARIABLES = {INK: "ink", SOFT: "soft", LINE: "line", PAPER: "paper"}
SERIES_COLOURS = 8
_SERIES = {f"#0f01{index:02x}": f"s{index}" for index in range(SERIES_COLOURS)}
_POINTS_PER_INCH = 72
MANY_DECADES = 3
"""Beyond so many, numbers between the powers of ten would lie over each other."""

Style = Literal["line", "faint", "dashed", "dotted", "steps", "points"]


def series_colour(index: int) -> str:
    """The stand-in for the page's colour number `index`; they repeat after the last."""
    return f"#0f01{index % SERIES_COLOURS:02x}"


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart; without a label it is not in the legend."""

    x: Sequence[float]
    y: Sequence[float]
    colour: str
    label: str = ""
    style: Style = "line"


@dataclass(frozen=True, slots=True)
class Chart:
    """An SVG and the words around it; `text` tells a reader who cannot see it what it shows."""

    title: str
    svg: Markup
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """What a chart's axes say: names with units, scales, and a figure of so many points."""

    x_label: str
    y_label: str
    log_y: bool = False
    from_zero: bool = False
    percent: bool = False
    width: float = 470.0
    height: float = 268.0
    left: float = 62.0


def line_chart(title: str, series: Sequence[Series], frame: Frame, *, note: str = "") -> Chart:
    """A chart of lines over a common axis."""

    def plot(axes: Axes) -> None:
        for one in series:
            _plot_series(axes, one)
        _finish(axes, frame, legend=any(one.label for one in series))

    return draw_chart(title, plot, frame, text=_words(title, series, frame), note=note)


def draw_chart(
    title: str, plot: Callable[[Axes], None], frame: Frame, *, text: str, note: str = ""
) -> Chart:
    """A chart that `plot` fills."""
    with away_from_here():
        from matplotlib import rc_context, rcdefaults, rcParams
        from matplotlib.figure import Figure

    settings: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": title,
        "text.parse_math": False,
        "font.size": 10.0,
        "axes.edgecolor": LINE,
        "axes.labelcolor": SOFT,
        "xtick.color": SOFT,
        "ytick.color": SOFT,
        "text.color": INK,
        "legend.labelcolor": INK,
    }
    with rc_context():
        rcdefaults()  # whatever a user's own settings say, the same figures give the same chart
        rcParams.update(settings)
        size = (frame.width / _POINTS_PER_INCH, frame.height / _POINTS_PER_INCH)
        figure = Figure(figsize=size)
        axes = figure.subplots()
        plot(axes)
        _place(axes, frame)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return Chart(title, Markup(_themed(buffer.getvalue(), title, text)), text, note)


def running_mean(values: Sequence[float], window: int) -> list[float]:
    """Each value's mean with those before it, at most `window` of them."""
    means, total = [], 0.0
    for index, value in enumerate(values):
        total += value - (values[index - window] if index >= window else 0.0)
        means.append(total / min(window, index + 1))
    return means


def _plot_series(axes: Axes, series: Series) -> None:
    # matplotlib leaves out labels that begin with an underscore.
    label = f" {series.label}" if series.label else None
    if series.style == "points":
        axes.plot(series.x, series.y, "o", color=series.colour, label=label, markersize=4.5)
    elif series.style == "steps":
        axes.step(series.x, series.y, where="mid", color=series.colour, label=label, linewidth=1.7)
    else:
        width, alpha, dashes = {
            "line": (1.7, 1.0, "-"),
            "faint": (0.8, 0.3, "-"),
            "dashed": (1.3, 1.0, (0, (5, 3))),
            "dotted": (1.4, 0.9, (0, (1.2, 2.2))),
        }[series.style]
        single = "o" if len(series.x) == 1 else ""
        axes.plot(
            series.x,
            series.y,
            color=series.colour,
            label=label,
            linewidth=width,
            alpha=alpha,
            linestyle=dashes,
            marker=single,
        )


def _finish(axes: Axes, frame: Frame, *, legend: bool) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    axes.set_xlabel(frame.x_label)
    axes.set_ylabel(frame.y_label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, axis="y", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.tick_params(length=0)
    if frame.log_y:
        _log_scale(axes)
    if frame.from_zero:
        axes.set_ylim(0, max(axes.get_ylim()[1], 1.06 * axes.dataLim.y1))
    if frame.percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    if legend:
        add_legend(axes)


def _log_scale(axes: Axes) -> None:
    """Powers of ten are labelled, and of few decades 2 and 5 between them; of one, all between."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(_plain_number))
    axes.yaxis.set_minor_formatter(FuncFormatter(_plain_number))
    low, high = axes.dataLim.minposy, axes.dataLim.y1
    if high > 10**MANY_DECADES * low:
        axes.yaxis.set_minor_locator(NullLocator())
    elif high > 4 * low:
        axes.yaxis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
    axes.tick_params(which="minor", length=0)


def add_legend(axes: Axes) -> None:
    """The legend above the plot, where it hides no line."""
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(-0.13, 1.03),
        ncols=_legend_columns(labels),
        frameon=False,
        fontsize=9.5,
        handlelength=1.8,
        columnspacing=1.4,
        borderaxespad=0.0,
    )


def _legend_columns(labels: Sequence[str]) -> int:
    longest = max(len(label) for label in labels)
    return min(len(labels), 3 if longest <= 16 else 2 if longest <= 28 else 1)


def _place(axes: Axes, frame: Frame) -> None:
    """The same margins in every chart, so that neighbours line up; the legend gets its rows."""
    labels = axes.get_legend_handles_labels()[1]
    rows = -(-len(labels) // _legend_columns(labels)) if labels else 0
    left, bottom, right = frame.left / frame.width, 40 / frame.height, 1 - 10 / frame.width
    top = 1 - (16 + 15.5 * rows) / frame.height
    axes.figure.subplots_adjust(left=left, bottom=bottom, right=right, top=top)
    axes.yaxis.set_label_coords(-44 / (frame.width * (right - left)), 0.5)


def _plain_number(value: float, _place: int | None = None) -> str:
    return f"{value:.3g}"


def _themed(svg: str, title: str, text: str) -> str:
    """The SVG element alone: CSS variables for colours, the page's font, names of its own."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for stand_in, variable in {**_VARIABLES, **_SERIES}.items():
        svg = svg.replace(stand_in, f"var(--{variable})")
    svg = re.sub(r"(font: [\d.]+px) [^;\"]+", r"\1 var(--sans)", svg)
    prefix = f"c{digest_of_bytes(title.encode())[-12:]}"
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = svg.replace('href="#', f'href="#{prefix}-').replace("url(#", f"url(#{prefix}-")
    head, _, rest = svg.partition(">")
    head = re.sub(r' xmlns(:xlink)?="[^"]*"', "", head)
    rest = rest.replace("xlink:href", "href")
    return f'{head} class="chart" role="img" aria-label="{escape(text, quote=True)}">{rest}'


def _words(title: str, series: Sequence[Series], frame: Frame) -> str:
    """What the lines do: each from its first to its last value."""
    told = []
    for one in series:
        if one.label and len(one.y):
            first, last = _number(one.y[0], frame), _number(one.y[-1], frame)
            told.append(f"{one.label} from {first} to {last}")
    return f"{title}, {frame.y_label} over {frame.x_label}: {'; '.join(told)}"


def _number(value: float, frame: Frame) -> str:
    return f"{100 * value:.1f} %" if frame.percent else f"{value:.4g}"
