"""The course of a selection: what each student's candidates scored, by how they came about."""

from __future__ import annotations

from collections.abc import Iterator

from fasterseg.reporting.charts import SOFT, Chart, Frame, Series, line_chart, series_colour
from fasterseg.reporting.course import values_of
from fasterseg.reporting.facts import RunFacts
from fasterseg.reporting.palette import colour_of

KINDS = {
    "most probable": "the most probable network",
    "probable": "probable",
    "even": "drawn evenly",
    "another student": "another student's, fitted",
    "known": "known networks, fitted",
    "child": "children of the best so far",
}


def selection_charts(facts: RunFacts) -> list[Chart]:
    """A chart for each student that was selected."""
    names = [one.name for one in facts.students]
    return [chart for name in names if (chart := _chart(name, facts)) is not None]


def _chart(name: str, facts: RunFacts) -> Chart | None:
    series = [*_series(name, facts)]
    if not series:
        return None
    frame = Frame("candidate", "mean IoU in the supernet", percent=True)
    note = "Held-out images. The line is the best score so far."
    return line_chart(f"Candidates of {name}", series, frame, note=note)


def _series(name: str, facts: RunFacts) -> Iterator[Series]:
    own = [one for one in facts.selection if one.get("student") == name]
    for index, (kind, label) in enumerate(KINDS.items()):
        steps, scores = values_of([one for one in own if one.get("origin") == kind], "score")
        if steps:
            colour = {"even": SOFT, "child": colour_of(name, facts)}.get(kind)
            yield Series(steps, scores, colour or series_colour(3 + index), label, "points")
    steps, best = values_of(own, "best")
    if steps:
        yield Series(steps, best, colour_of(name, facts), "best so far", "steps")
