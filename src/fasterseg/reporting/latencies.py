"""What the page shows of latencies: the calibration plot, the table's facts, the budget's scale."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from markupsafe import Markup

from fasterseg.latency.table import LatencyTable, WholeNetwork
from fasterseg.reporting.charts import SOFT, Chart, Frame, add_legend, draw_chart, series_colour
from fasterseg.reporting.facts import NetworkFacts, RunFacts
from fasterseg.reporting.palette import css_variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SCALE_WIDTH, _SCALE_HEIGHT, _MARGIN, _MIDDLE = 640.0, 104.0, 86.0, 52.0


@dataclass(frozen=True, slots=True)
class TableFacts:
    """The latency table in words."""

    target: str
    blocks: int
    marked: int
    floor_ms: float
    fit: str
    mape: float | None
    spearman: float | None
    held_out: int
    fitted_on: int
    conditions: tuple[tuple[str, str], ...]


def table_facts(table: LatencyTable) -> TableFacts:
    """The facts of a latency table that the page tells."""
    calibration = table.calibration
    held_out = sum(network.held_out for network in calibration.networks)
    return TableFacts(
        target=table.told_target(),
        blocks=len(table.entries),
        marked=len(table.marked()),
        floor_ms=table.floor_ms,
        fit=f"{calibration.scale:.4g} × block times, {calibration.per_block_ms:+.4g} ms a block, "
        f"{1e6 * calibration.per_byte_ms:+.4g} ms per million bytes across borders",
        mape=calibration.mape,
        spearman=calibration.spearman,
        held_out=held_out,
        fitted_on=len(calibration.networks) - held_out,
        conditions=tuple(sorted(table.conditions.items())),
    )


def calibration_chart(table: LatencyTable) -> Chart | None:
    """Measured against predicted latency of the whole networks; None where none was measured."""
    networks = table.calibration.networks
    if not networks:
        return None

    def plot(axes: Axes) -> None:
        ends = [value for one in networks for value in (one.measured_ms, one.predicted_ms)]
        low, high = 0.95 * min(ends), 1.05 * max(ends)
        axes.plot([low, high], [low, high], color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
        _dots(axes, [one for one in networks if not one.held_out], "fitted on", filled=False)
        _dots(axes, [one for one in networks if one.held_out], "held out", filled=True)
        axes.set_xlabel("predicted, ms")
        axes.set_ylabel("measured, ms")
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(length=0)
        add_legend(axes)

    facts = table_facts(table)
    text = f"Measured against predicted latency of {len(networks)} whole networks. {_errors(facts)}"
    frame = Frame("predicted, ms", "measured, ms", width=400, height=330)
    return draw_chart("Whole networks", plot, frame, text=text, note=_errors(facts))


def _errors(facts: TableFacts) -> str:
    mape = "not known" if facts.mape is None else f"{100 * facts.mape:.1f} %"
    rank = "not known" if facts.spearman is None else f"{facts.spearman:.3f}"
    return (
        f"Mean error on {facts.held_out} held-out networks: {mape}; rank correlation "
        f"(Spearman): {rank}. The dashed line is perfect agreement."
    )


def _dots(axes: Axes, networks: list[WholeNetwork], label: str, *, filled: bool) -> None:
    colour = series_colour(1)
    axes.plot(
        [one.predicted_ms for one in networks],
        [one.measured_ms for one in networks],
        "o",
        color=colour,
        markerfacecolor=colour if filled else "none",
        markersize=5.5,
        label=label,
    )


def budget_scale(network: NetworkFacts, facts: RunFacts) -> Markup | None:
    """A line from the space's fastest to its slowest network: budget, predicted and measured.

    None while the search does not know the budget.
    """
    if facts.summary is None or network.budget_ms is None:
        return None
    marks = {
        "fastest": facts.summary.fastest_ms,
        "budget": network.budget_ms,
        "predicted": network.predicted_ms,
        "measured": network.measured_ms,
        "slowest": facts.summary.slowest_ms,
    }
    known = {name: value for name, value in marks.items() if value is not None}
    return Markup(_scale_svg(known, css_variable(network.name, facts), network.name))


def _scale_svg(marks: dict[str, float], colour: str, name: str) -> str:
    low, high = min(marks.values()), max(marks.values())
    span = (high - low) or 1.0
    places = {
        what: _MARGIN + (value - low) / span * (_SCALE_WIDTH - 2 * _MARGIN)
        for what, value in marks.items()
    }
    words = ", ".join(f"{what} {value:.2f} ms" for what, value in marks.items())
    start = places.get("fastest", _MARGIN)
    parts = [
        f'<svg class="scale" role="img" viewBox="0 0 {_SCALE_WIDTH:g} {_SCALE_HEIGHT:g}" '
        f'aria-label="{escape(f"Latencies of {name}: {words}", quote=True)}">',
        _line(_MARGIN, _SCALE_WIDTH - _MARGIN, "var(--line)"),
        _line(start, places["budget"], colour, opacity=0.35),
    ]
    parts += [_mark(what, x, colour) for what, x in places.items()]
    parts += [_words(what, places, marks[what]) for what in marks]
    return "".join([*parts, "</svg>"])


def _line(start: float, end: float, colour: str, *, opacity: float = 1.0) -> str:
    return (
        f'<path d="M {start:.1f} {_MIDDLE:g} H {end:.1f}" stroke="{colour}" stroke-width="6" '
        f'stroke-linecap="round" opacity="{opacity:g}"/>'
    )


def _mark(what: str, x: float, colour: str) -> str:
    """A tick for the budget, a dot for all else, filled for what was measured."""
    if what == "budget":
        top, bottom = _MIDDLE - 12, _MIDDLE + 12
        return f'<path d="M {x:.1f} {top:g} V {bottom:g}" stroke="var(--ink)" stroke-width="2"/>'
    radius, fill = (6, colour) if what == "measured" else (4, "var(--paper)")
    return (
        f'<circle cx="{x:.1f}" cy="{_MIDDLE:g}" r="{radius}" fill="{fill}" stroke="{colour}" '
        f'stroke-width="2"/>'
    )


def _words(what: str, places: dict[str, float], value: float) -> str:
    """The ends beside the line, the budget above it, measured and predicted apart below it.

    An end that something lies beyond is told above the line too.
    """
    x, y, anchor = places[what], _MIDDLE - 2, "middle"
    match what:
        case "fastest" if x == min(places.values()):
            x, anchor = x - 14, "end"
        case "slowest" if x == max(places.values()):
            x, anchor = x + 14, "start"
        case "budget" | "fastest" | "slowest":
            y = _MIDDLE - 32
        case _:
            other = places.get("predicted" if what == "measured" else "measured", x)
            anchor = "end" if x < other or (x == other and what == "measured") else "start"
            x, y = x + (-3 if anchor == "end" else 3), _MIDDLE + 26
    return (
        f'<text x="{x:.1f}" y="{y:g}" text-anchor="{anchor}">{value:.2f} ms</text>'
        f'<text class="soft" x="{x:.1f}" y="{y + 13:g}" text-anchor="{anchor}">{what}</text>'
    )
