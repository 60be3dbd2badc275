"""Any value in any place of a file of a run is taken or refused, though its digest is right."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest
from fake_run import FakeRun

from fasterseg.artifacts import Artifact, digest_of_value
from fasterseg.datasets.checking.data_report import DataReport
from fasterseg.errors import FileError
from fasterseg.evaluation import EvaluationReport
from fasterseg.latency.table import LatencyTable
from fasterseg.network.card import Card
from fasterseg.network.description import NetworkDescription
from fasterseg.reporting.results import NetworkResult
from fasterseg.searching.summaries.summary import SearchSummary
from fasterseg.space.architecture import Architecture
from fasterseg.stages import StageTimes

HUGE = "9" * 4300
ODD: tuple[Any, ...] = (
    *("1e999", "nan", HUGE, HUGE + "9", "", "x" * 5000, "\x1b[2J", "../x", None, True),
    *(10**19, -(10**19), 10**38, 1e300, -1, 0, [], {}, [[]], {"a": 1}, [None] * 1000),
)
KINDS: dict[str, type[Artifact]] = {
    "data.json": DataReport,
    "evaluation/student-best-test.json": EvaluationReport,
    "evaluation/student-result.json": NetworkResult,
    "latency/table.json": LatencyTable,
    "search/student.json": Architecture,
    "search/summary.json": SearchSummary,
    "stages.json": StageTimes,
    "training/student/best/card.json": Card,
    "training/student/best/description.json": NetworkDescription,
}
PLACES = 12


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run")
    FakeRun().write(root)
    return root


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value, of lists the first two."""
    inside = value.items() if isinstance(value, dict) else ()
    for key, inner in list(enumerate(value))[:2] if isinstance(value, list) else inside:
        yield (*above, key)
        yield from places(inner, (*above, key))


def altered(document: dict[str, Any], place: tuple[Any, ...], value: Any) -> str:
    """The file with a value in a place, and the digest of that."""
    found = deepcopy(document)
    inner = found["content"]
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    found["digest"] = digest_of_value(found["content"])
    return json.dumps(found)


@pytest.mark.parametrize("name", KINDS)
def test_any_value_in_any_place_is_taken_or_refused(name: str, run: Path, tmp_path: Path) -> None:
    document, file = json.loads((run / name).read_text()), tmp_path / "file.json"
    some = Random(name).sample(known := list(places(document["content"])), min(PLACES, len(known)))
    for place in some:
        for value in ODD:
            file.write_text(altered(document, place, value))
            try:
                json.dumps(KINDS[name].load(file).content(), allow_nan=False)
            except FileError as error:
                assert len(str(error)) < 1500


TARGETS = {"height": (0, 10**18), "threads": (-3, 10**6), "classes": (0, 10**6)}


@pytest.mark.parametrize("key", TARGETS)
def test_a_tables_target_is_one_that_can_be(key: str, run: Path, tmp_path: Path) -> None:
    document, file = json.loads((run / "latency/table.json").read_text()), tmp_path / "table.json"
    for value in TARGETS[key]:
        file.write_text(altered(document, ("target", key), value))
        with pytest.raises(FileError, match=f"target.{key}: "):
            LatencyTable.load(file)


def test_an_architecture_has_a_number_of_cells_and_channels_that_can_be(
    run: Path, tmp_path: Path
) -> None:
    document, file = json.loads((run / "search/student.json").read_text()), tmp_path / "file.json"
    cells = document["content"]["branches"][0]["cells"]
    for place, value in (
        (("branches", 0, "cells"), cells[:1] * 1000),
        (("branches", 0, "cells", 0, "expansion"), 10**9),
        (("widths", "stem"), 10**9),
        (("widths", "stem"), "x" * 10**6),
    ):
        file.write_text(altered(document, place, value))
        with pytest.raises(FileError) as caught:
            Architecture.load(file)
        assert len(str(caught.value)) < 1500
