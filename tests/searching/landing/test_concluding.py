"""The end of a search with several students: each is fitted to its own budget."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from made_up_search import search_job_in

from fasterseg.errors import BudgetError
from fasterseg.events import silent
from fasterseg.searching.beginnings.beginning import agreed_start, task_of
from fasterseg.searching.landing.concluding import Appraisal, land_all
from fasterseg.searching.landing.measurements import KeptMeasurements, MeasuredNetworks
from fasterseg.searching.search import Search
from fasterseg.space.architecture import Architecture


def too_slow(_architecture: Architecture) -> Any:
    return SimpleNamespace(median_ms=1e6, p95_ms=1e6)


def test_of_several_students_it_is_said_which_one_found_no_place(tmp_path: Path) -> None:
    job = search_job_in(tmp_path)
    search = Search.begin(task_of(job, agreed_start(job, progress=silent)))
    kept = KeptMeasurements(tmp_path / "measured.json", too_slow)
    appraisal = Appraisal(search.latency.pricing, kept, "p95")
    with pytest.raises(BudgetError, match="no network that was measured meets") as caught:
        land_all(search.contenders, appraisal, progress=silent)
    assert caught.value.where == "student"
    known = MeasuredNetworks.load(tmp_path / "measured.json").contenders
    assert len(known["teacher"]) == 1
    assert known["student"] == {}, "it is measured anew, on a quieter machine"
