"""The course of a run over its steps: the search's signs, the trainings' losses and scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fasterseg.reporting.charts import (
    SOFT,
    Chart,
    Frame,
    Series,
    Style,
    line_chart,
    running_mean,
    series_colour,
)
from fasterseg.reporting.facts import Event, NetworkFacts, RunFacts
from fasterseg.reporting.palette import colour_of
from fasterseg.space.choices import channels_of

_STEP = "step"
_SMOOTH_OVER = 40
_LATENCIES: tuple[tuple[str, str, Style], ...] = (
    ("derived_ms", "derived now", "line"),
    ("expected_ms", "expected", "dotted"),
    ("budget_ms", "budget", "dashed"),
)
_SCORES: tuple[tuple[str, str, Style], ...] = (
    ("val", "", "line"),
    ("val_ema", ", averaged weights", "points"),
)
_CHOICES = {"operator": "operators", "path": "paths", "width": "widths"}


def search_charts(facts: RunFacts) -> list[Chart]:
    """The search's charts; those without any value are left out."""
    events = facts.cosearch
    charts = [
        _loss_chart("Pre-training loss", facts.pretraining, [("loss", "supernet", SOFT)]),
        _loss_chart("Search losses", events, list(_search_losses(facts))),
        _latency_chart(facts),
        *(_entropy_chart(network, events) for network in facts.networks),
        _signs_chart(
            facts,
            "skip_share",
            "Cells that choose skip",
            Frame("step", "share", percent=True, from_zero=True),
        ),
        _signs_chart(
            facts,
            "penalty_strength",
            "Strength of the latency penalty",
            Frame("step", "strength", log_y=True),
            note="The budget controller moves it while the expected latency is off the budget.",
        ),
    ]
    return [chart for chart in charts if chart is not None]


def training_charts(facts: RunFacts) -> list[Chart]:
    """Loss and validation score of every network that was trained."""
    trained = [network for network in facts.networks if network.events]
    if not trained:
        return []
    losses = [s for network in trained for s in _training_losses(network, facts)]
    scores = [s for network in trained for s in _validation_scores(network, facts)]
    charts = [line_chart("Training loss", losses, Frame("step", "loss"))]
    if scores:
        frame = Frame("step", "mean IoU", percent=True, from_zero=True)
        chart = line_chart("Validation score", scores, frame, note=_validation_note(trained))
        charts.append(chart)
    distilled = [s for network in trained for s in _distillation(network, facts)]
    if distilled:
        note = "Divergence from the teacher's class probabilities, mean over labelled pixels."
        charts.append(line_chart("Distillation loss", distilled, Frame("step", "loss"), note=note))
    return charts


def _validation_note(trained: Sequence[NetworkFacts]) -> str:
    cards = [card for network in trained for card in network.cards.values()]
    if any(score.seen for card in cards for score in card.scores):
        return "Validation split, whole images. They were trained on, so they chose no weights."
    return "Validation split, whole images. The best of these chose the weights."


def widths_chart(network: NetworkFacts, facts: RunFacts) -> Chart | None:
    """The expansion of each layer, a line for each branch; a note tells those outside."""
    architecture = network.architecture
    if architecture is None:
        return None
    series = []
    for index, branch in enumerate(architecture.branches):
        layers = [layer + 1.0 for layer in range(len(branch.cells))]
        expansions = [
            channels_of(cell.expansion, stride) / stride
            for cell, stride in zip(branch.cells, branch.strides_written(), strict=True)
        ]
        style: Style = "steps" if index == 0 else "dotted"
        label = f"branch to 1/{branch.stride}"
        colour = colour_of(network.name, facts)
        series.append(Series(layers, expansions, colour, label, style))
    frame = Frame("layer", "channels per unit of stride", from_zero=True)
    outside = ", ".join(f"{part} {width}" for part, width in architecture.widths.items())
    return line_chart(f"Widths of {network.name}", series, frame, note=f"Outside: {outside}.")


def values_of(events: Sequence[Event], key: str) -> tuple[list[float], list[float]]:
    """Steps and values of the events that have a number under a key."""
    found = [(event[_STEP], event[key]) for event in events if _is_number(event.get(key))]
    return [float(step) for step, _ in found], [float(value) for _, value in found]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _loss_chart(
    title: str, events: Sequence[Event], keys: Sequence[tuple[str, str, str]]
) -> Chart | None:
    series = [s for key, label, colour in keys for s in _smoothed(events, key, label, colour)]
    return line_chart(title, series, Frame("step", "loss")) if series else None


def _smoothed(events: Sequence[Event], key: str, label: str, colour: str) -> Iterator[Series]:
    """The values, faint, and their running mean."""
    steps, values = values_of(events, key)
    if not steps:
        return
    window = max(1, len(values) // _SMOOTH_OVER)
    if window > 1:
        yield Series(steps, values, colour, style="faint")
    yield Series(steps, running_mean(values, window), colour, label)


def _search_losses(facts: RunFacts) -> Iterator[tuple[str, str, str]]:
    yield "loss", "weights, all contenders", SOFT
    for network in facts.networks:
        name = network.name
        yield f"{name}/loss", f"{name}, sampled", colour_of(name, facts)


def _latency_chart(facts: RunFacts) -> Chart | None:
    series: list[Series] = []
    for network in facts.students:
        name, colour = network.name, colour_of(network.name, facts)
        for key, what, style in _LATENCIES:
            steps, values = values_of(facts.cosearch, f"{name}/{key}")
            if steps:
                series.append(Series(steps, values, colour, f"{name}, {what}", style))
    note = "What the network would take if the search ended at that step, by the latency table."
    frame = Frame("step", "milliseconds", from_zero=True)
    return line_chart("Latency against budget", series, frame, note=note) if series else None


def _entropy_chart(network: NetworkFacts, events: Sequence[Event]) -> Chart | None:
    series = []
    for index, (kind, label) in enumerate(_CHOICES.items()):
        steps, values = values_of(events, f"{network.name}/{kind}_entropy")
        # A teacher has no choice of width: its entropy is 0 throughout.
        if not (steps and any(values)):
            continue
        colour = series_colour(4 + index)
        series.append(Series(steps, values, colour, label))
        steps, floors = values_of(events, f"{network.name}/{kind}_noise_floor")
        if steps:
            series.append(Series(steps, floors, colour, f"{label}, by noise alone", "dotted"))
    if not series:
        return None
    frame = Frame("step", "share of the largest", percent=True, from_zero=True)
    note = "100 %: undecided. 0 %: decided. Dotted: what noise alone would have left."
    return line_chart(f"Entropy of the choices, {network.name}", series, frame, note=note)


def _signs_chart(
    facts: RunFacts, key: str, title: str, frame: Frame, *, note: str = ""
) -> Chart | None:
    series = []
    for network in facts.networks:
        steps, values = values_of(facts.cosearch, f"{network.name}/{key}")
        if steps and (not frame.log_y or min(values) > 0):
            series.append(Series(steps, values, colour_of(network.name, facts), network.name))
    return line_chart(title, series, frame, note=note) if series else None


def _training_losses(network: NetworkFacts, facts: RunFacts) -> Iterator[Series]:
    return _smoothed(network.events, "loss", network.name, colour_of(network.name, facts))


def _distillation(network: NetworkFacts, facts: RunFacts) -> Iterator[Series]:
    return _smoothed(network.events, "distillation", network.name, colour_of(network.name, facts))


def _validation_scores(network: NetworkFacts, facts: RunFacts) -> Iterator[Series]:
    colour = colour_of(network.name, facts)
    for key, suffix, style in _SCORES:
        scored = [event for event in network.events if isinstance(event.get(key), dict)]
        steps = [float(event[_STEP]) for event in scored]
        values = [float(event[key]["mean_iou"]) for event in scored]
        if steps:
            yield Series(steps, values, colour, f"{network.name}{suffix}", style)
