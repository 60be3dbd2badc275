"""Which colour stands for what: one for each contender, the classes' own for classes."""

from __future__ import annotations

from fasterseg.datasets.labels import Colour, LabelSpace
from fasterseg.reporting.charts import SERIES_COLOURS, series_colour
from fasterseg.reporting.facts import RunFacts


def colour_index(name: str, facts: RunFacts) -> int:
    """The number of a contender's colour: the teacher's first, then the students'."""
    names = [network.name for network in (*facts.teachers, *facts.students)]
    # Without a teacher students keep the colours that they have beside one.
    return names.index(name) + (0 if facts.teachers else 1)


def colour_of(name: str, facts: RunFacts) -> str:
    """A contender's stand-in colour for charts."""
    return series_colour(colour_index(name, facts))


def css_variable(name: str, facts: RunFacts) -> str:
    """A contender's colour for the page."""
    return f"var(--s{colour_index(name, facts) % SERIES_COLOURS})"


def class_colours(names: tuple[str, ...], facts: RunFacts) -> dict[str, Colour]:
    """Each class's colour as the trained models have it; made up where none was trained."""
    for network in facts.networks:
        for card in network.cards.values():
            if card.label_space.names == names:
                return dict(zip(names, card.label_space.colours, strict=True))
    return dict(zip(names, LabelSpace.from_names(names).colours, strict=True))
