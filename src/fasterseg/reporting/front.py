"""The front: each network's score over the time it takes, beside random ones of equal latency."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fasterseg.reporting.charts import LINE, PAPER, SOFT, Chart, Frame, add_legend, draw_chart
from fasterseg.reporting.facts import NetworkFacts, RandomFacts, RunFacts
from fasterseg.reporting.palette import colour_of, css_variable
from fasterseg.searching.summaries.summary import told_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RANDOM_LABEL = "random, of equal latency"
HEIGHT = 320.0


@dataclass(frozen=True, slots=True)
class Point:
    """A network on the front: its latency in milliseconds, its score as a share of one."""

    label: str
    latency_ms: float
    mean_iou: float
    colour: str
    kind: str
    budget_ms: float | None = None


def front_charts(facts: RunFacts) -> list[Chart]:
    """Trained networks, and subnets as the search left them; a chart without students is none."""
    split, scale = facts.recipe.data, told_scale(facts.recipe.search.image_scale)
    trained = _front(
        "Trained networks",
        list(_trained(facts)),
        Frame("measured latency, ms", f"mean IoU, {split.test_split}", height=HEIGHT),
        note="Median of the exported network; random architectures at the latency table's "
        "estimate. Dashed: the budgets.",
    )
    subnets = _front(
        "Subnets of the supernet",
        list(_subnets(facts)),
        Frame("estimated latency, ms", f"mean IoU, {split.val_split}{scale}", height=HEIGHT),
        note="Before any training of their own, with the weights that all share. Dashed: the "
        "budgets.",
    )
    return [chart for chart in (trained, subnets) if chart is not None]


@dataclass(frozen=True, slots=True)
class FrontRow:
    """A student against random architectures of its latency: scores in the supernet, and trained.

    Scores are shares of one; None is "not known".
    """

    name: str
    colour: str
    estimated_ms: float | None
    subnet: float | None
    random_subnets: tuple[float, ...]
    trained: float | None
    random_trained: tuple[float, ...]


def front_rows(facts: RunFacts) -> list[FrontRow]:
    """A row for each student that has random architectures to be held against."""
    rows = []
    for network in facts.students:
        own = [random for random in facts.randoms if random.student == network.name]
        subnets = tuple(one.subnet_miou for one in own if one.subnet_miou is not None)
        trained = tuple(one.evaluation.mean_iou for one in own if one.evaluation is not None)
        if own:
            rows.append(
                FrontRow(
                    network.name,
                    css_variable(network.name, facts),
                    network.predicted_ms,
                    None if network.summary is None else network.summary.subnet_miou,
                    subnets,
                    None if network.evaluation is None else network.evaluation.mean_iou,
                    trained,
                )
            )
    return rows


def network_label(network: NetworkFacts) -> str:
    """A network's name, and its budget where it has one."""
    budget = network.budget_ms
    return network.name if budget is None else f"{network.name}, budget {budget:.4g} ms"


def _trained(facts: RunFacts) -> Iterator[Point]:
    for network in facts.networks:
        if network.measured_ms is not None and network.evaluation is not None:
            mean_iou = network.evaluation.mean_iou
            yield _point(network, facts, network.measured_ms, mean_iou)
    for random in facts.randoms:
        if random.evaluation is not None and random.estimated_ms is not None:
            mean_iou = random.evaluation.mean_iou
            yield _random_point(random, facts, random.estimated_ms, mean_iou)


def _subnets(facts: RunFacts) -> Iterator[Point]:
    for network in facts.networks:
        found = network.summary
        if found is not None and found.subnet_miou is not None:
            yield _point(network, facts, found.estimated_ms, found.subnet_miou)
    for random in facts.randoms:
        if random.subnet_miou is not None and random.estimated_ms is not None:
            yield _random_point(random, facts, random.estimated_ms, random.subnet_miou)


def _point(network: NetworkFacts, facts: RunFacts, latency_ms: float, mean_iou: float) -> Point:
    return Point(
        network_label(network),
        latency_ms,
        mean_iou,
        colour_of(network.name, facts),
        network.settings.role,
        network.budget_ms,
    )


def _random_point(
    random: RandomFacts, facts: RunFacts, latency_ms: float, mean_iou: float
) -> Point:
    return Point(random.name, latency_ms, mean_iou, colour_of(random.student, facts), "random")


def _front(title: str, points: list[Point], frame: Frame, *, note: str) -> Chart | None:
    students = sorted((p for p in points if p.kind == "student"), key=lambda p: p.latency_ms)
    if not students:
        return None

    def plot(axes: Axes) -> None:
        _plot_budgets(axes, students)
        line = [[p.latency_ms for p in students], [p.mean_iou for p in students]]
        axes.plot(*line, color=SOFT, linewidth=1.2, zorder=1)
        for point in points:
            if point.kind != "random":
                _plot_network(axes, point)
        _plot_randoms(axes, [point for point in points if point.kind == "random"])
        _finish(axes, frame)

    return draw_chart(title, plot, frame, text=_words(title, points), note=note)


def _plot_network(axes: Axes, point: Point) -> None:
    marker = "o" if point.kind == "student" else "D"
    axes.plot(
        [point.latency_ms],
        [point.mean_iou],
        marker,
        color=point.colour,
        markersize=8.0 if point.kind == "student" else 7.0,
        label=f" {point.label}",  # matplotlib leaves out labels that begin with an underscore
        zorder=3,
    )


def _plot_randoms(axes: Axes, points: list[Point]) -> None:
    """Hollow dots in the colour of the student whose latency they have; one line in the legend."""
    hollow: dict[str, Any] = {"markerfacecolor": PAPER, "markersize": 5.5, "zorder": 2}
    for point in points:
        place = ([point.latency_ms], [point.mean_iou])
        axes.plot(*place, "o", markeredgecolor=point.colour, **hollow)
    if points:
        axes.plot([], [], "o", markeredgecolor=SOFT, label=RANDOM_LABEL, **hollow)


def _plot_budgets(axes: Axes, students: list[Point]) -> None:
    for point in students:
        if point.budget_ms is not None:
            axes.axvline(
                point.budget_ms, color=point.colour, linewidth=1.0, linestyle=(0, (4, 3)), alpha=0.6
            )


def _finish(axes: Axes, frame: Frame) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    axes.set_xlabel(frame.x_label)
    axes.set_ylabel(frame.y_label)
    axes.margins(x=0.08, y=0.12)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    add_legend(axes)


def _words(title: str, points: list[Point]) -> str:
    """The chart for a reader who cannot see it."""
    told = [
        f"{point.label}: {point.latency_ms:.2f} ms, mean IoU {100 * point.mean_iou:.1f} %"
        for point in points
    ]
    return f"{title}, latency against score. {'; '.join(told)}"
