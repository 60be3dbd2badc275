"""A stop is heard soon, also where one step measures many networks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from made_up_search import assembled

from fasterseg.commands.search import search_stage
from fasterseg.errors import Interrupted
from fasterseg.events import Progress
from fasterseg.runtime import StopRequest
from fasterseg.space.architecture import Architecture


@contextmanager
def unseen(title: str, **options: object) -> Iterator[Progress]:
    """A progress display that shows nothing."""
    yield lambda done, total, note: None


def test_landing_stops_between_two_measurements_and_keeps_what_was_measured(
    tmp_path: Path,
) -> None:
    ends, teacher = 2, 1
    search, stop, measured = assembled(tmp_path), StopRequest(), list[Architecture]()
    exact = search.measure

    def measure(architecture: Architecture) -> Any:
        measured.append(architecture)
        if len(measured) == ends + teacher + 1:  # the first candidate for the student's budget
            stop.signal_name = "SIGTERM"
        return exact(architecture)

    search.measure = measure
    with pytest.raises(Interrupted, match="SIGTERM"):
        search_stage(search, show=unseen, stop=stop)
    assert len(measured) == ends + teacher + 1

    again = assembled(tmp_path)
    again.measure = lambda architecture: measured.append(architecture) or exact(architecture)
    search_stage(again, show=unseen, stop=StopRequest())
    assert measured.count(measured[ends]) == 1, "the teacher's was kept"
