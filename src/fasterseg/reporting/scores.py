"""What the page shows of scores: IoU of each class, the confusion matrix, the worst confusions."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from markupsafe import Markup

from fasterseg.evaluation import EvaluationReport
from fasterseg.reporting.facts import NetworkFacts, RunFacts
from fasterseg.reporting.palette import class_colours, css_variable

LARGEST_MATRIX = 40
"""A matrix of more classes cannot be read; its worst confusions can."""

_CELL = 40.0
_LONGEST_NAME = 15
_NUMBERS_UP_TO = 24
SHOWN_CONFUSIONS = 5


@dataclass(frozen=True, slots=True)
class ClassRow:
    """A class: its colour, its share of the test pixels, and each network's IoU (None: absent)."""

    name: str
    colour: str
    share: float
    iou: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Confusion:
    """How much of a class's pixels went to another."""

    truth: str
    predicted: str
    share: float
    pixels: int


def scored(facts: RunFacts) -> list[NetworkFacts]:
    """The networks that were evaluated, students first."""
    ordered = (*facts.students, *facts.teachers)
    return [network for network in ordered if network.evaluation is not None]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the class table: whose scores, in which colour."""

    name: str
    colour: str
    report: EvaluationReport


def columns(facts: RunFacts) -> list[Column]:
    """The students, what knows only positions, then teachers: what matters most comes first."""
    found = [
        (network.is_student, Column(network.name, css_variable(network.name, facts), report))
        for network in scored(facts)
        if (report := network.evaluation) is not None
    ]
    position = facts.baseline
    middle = [] if position is None else [Column("position alone", "var(--soft)", position)]
    students, teachers = ([c for is_one, c in found if is_one is which] for which in (True, False))
    return [*students, *middle, *teachers]


def class_rows(facts: RunFacts) -> list[ClassRow]:
    """A row for each class, with the IoU of each of `columns`."""
    found = [column.report for column in columns(facts)]
    if not found:
        return []
    names, colours = found[0].names, class_colours(found[0].names, facts)
    shares = truth_shares(found[0])
    return [
        ClassRow(
            name=name,
            colour="rgb({} {} {})".format(*colours[name]),
            share=shares[index],
            iou=tuple(report.iou.get(name) for report in found),
        )
        for index, name in enumerate(names)
    ]


def truth_shares(report: EvaluationReport) -> list[float]:
    """Each class's share of the labelled pixels."""
    counts = [sum(row) + lost for row, lost in zip(report.confusion, report.missed, strict=True)]
    whole = max(1, sum(counts))
    return [count / whole for count in counts]


def worst_confusions(
    report: EvaluationReport, *, shown: int | None = SHOWN_CONFUSIONS
) -> list[Confusion]:
    """The pairs of classes with the largest share of the truth's pixels, worst first."""
    found = [
        Confusion(truth, predicted, row[column] / sum(row), row[column])
        for truth, row in zip(report.names, report.confusion, strict=True)
        for column, predicted in enumerate(report.names)
        if predicted != truth and row[column]
    ]
    found.sort(key=lambda one: (-one.share, one.truth, one.predicted))
    return found[:shown]


def heat_map(report: EvaluationReport, name: str) -> Markup | None:
    """The confusion matrix, each row as shares of its class's pixels; None when too large."""
    names = report.names
    if len(names) > LARGEST_MATRIX:
        return None
    label = escape(
        f"Confusion matrix of {name}: truth in rows, prediction in columns, in percent of the "
        f"row. Largest confusions: {_told(worst_confusions(report)[:3])}",
        quote=True,
    )
    left, top = _gutters(names)
    side = len(names) * _CELL
    parts = [
        f'<svg class="matrix" role="img" aria-label="{label}" '
        f'viewBox="0 0 {left + side + 26:g} {top + side:g}">'
        f'<g transform="translate({left:g} {top:g})">'
    ]
    for index, word in enumerate(names):
        parts += _heading(word, index)
    for row, counts in enumerate(report.confusion):
        whole = sum(counts) + report.missed[row]
        for column, count in enumerate(counts):
            parts.append(_cell(row, column, count / whole if whole else 0.0, names))
    return Markup("".join([*parts, "</g></svg>"]))


def _gutters(names: tuple[str, ...]) -> tuple[float, float]:
    """Room for the names: left of the rows, and above the columns, where they are slanted."""
    longest = min(_LONGEST_NAME, max(len(name) for name in names))
    return 14 + 7.0 * longest, 18 + 6.2 * longest


def _heading(word: str, index: int) -> list[str]:
    middle = (index + 0.5) * _CELL
    whole = len(word) <= _LONGEST_NAME
    short = escape(word if whole else word[: _LONGEST_NAME - 1] + "…")
    return [
        f'<text class="name" x="-8" y="{middle + 4:g}" text-anchor="end">{short}</text>',
        f'<text class="name" transform="translate({middle + 4:g} -8) rotate(-60)">{short}</text>',
    ]


def _cell(row: int, column: int, share: float, names: tuple[str, ...]) -> str:
    x, y = column * _CELL, row * _CELL
    kind = "hit" if row == column else "miss"
    tip = escape(f"{names[row]} taken for {names[column]}: {100 * share:.2f} %")
    box = f'x="{x + 1:g}" y="{y + 1:g}" width="{_CELL - 2:g}" height="{_CELL - 2:g}" rx="3"'
    # A root makes small shares visible; the number tells the share itself.
    fill = (
        f'<rect class="floor" {box}/><rect class="{kind}" {box} fill-opacity="{share**0.5:.3f}"/>'
    )
    text = ""
    if len(names) <= _NUMBERS_UP_TO and share >= 0.005:
        strong = " strong" if share > 0.45 else ""
        text = (
            f'<text class="share{strong}" x="{x + _CELL / 2:g}" y="{y + _CELL / 2 + 4:g}" '
            f'text-anchor="middle">{100 * share:.0f}</text>'
        )
    return f"<g><title>{tip}</title>{fill}{text}</g>"


def _told(confusions: list[Confusion]) -> str:
    told = [f"{c.truth} taken for {c.predicted} {100 * c.share:.0f} %" for c in confusions]
    return ", ".join(told) or "none"
