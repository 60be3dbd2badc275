"""A stop is heard soon, also where one step measures many networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_up_search import scored_alike, search_job_in, unseen

from fasterseg.errors import Interrupted
from fasterseg.pipeline.stages.searching import search_stage
from fasterseg.space.architecture import Architecture
from fasterseg.stages import Watch
from fasterseg.stopping import StopRequest


def test_landing_stops_between_two_measurements_and_keeps_what_was_measured(
    tmp_path: Path,
) -> None:
    ends, teacher = 2, 1
    job, stop, measured = search_job_in(tmp_path), StopRequest(), list[Architecture]()
    exact = job.measure

    def measure(architecture: Architecture) -> Any:
        measured.append(architecture)
        if len(measured) == ends + teacher + 1:  # the first candidate for the student's budget
            stop.signal_name = "SIGTERM"
        return exact(architecture)

    with pytest.raises(Interrupted, match="SIGTERM"):
        search_stage(replace(job, measure=measure), Watch(tmp_path, unseen, stop))
    assert len(measured) == ends + teacher + 1

    search_stage(
        replace(search_job_in(tmp_path), measure=measure),
        Watch(tmp_path, unseen, StopRequest()),
        scorers_of=scored_alike,
    )
    assert measured.count(measured[ends]) == 1, "the teacher's was kept"
