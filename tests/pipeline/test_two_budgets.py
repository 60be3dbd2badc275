"""Two budgets from one search through the command line: every stage real, all of them tiny."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fasterseg.config import Recipe
from fasterseg.reporting.facts import read_facts
from fasterseg.reporting.front import front_charts, front_rows
from fasterseg.runs import RunFolder
from fasterseg.searching.beginnings.start import SearchStart
from fasterseg.searching.summaries.summary import SearchSummary
from fasterseg.space.architecture import Architecture
from fasterseg.training.beginning import TrainingStart

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

HERE = Path(__file__).parent
STUDENTS = {"student-900ms": 900.0, "student-1000ms": 1000.0}
BUDGETS = ("--budget", "900ms", "--budget", "1000ms")


def fasterseg(*words: str, code: int = 0) -> str:
    """What a command prints, in a process of its own that ends with that code."""
    done = subprocess.run(
        [sys.executable, str(HERE / "quick_cli.py"), *words],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A folder for the run."""
    return RunFolder(tmp_path_factory.mktemp("budgets") / "run")


@pytest.fixture(scope="module")
def result(run: RunFolder) -> dict[str, Any]:
    """What the run for two budgets says of itself; then a random architecture was trained too."""
    words = ["--recipe", str(HERE / "tiny.yaml"), "--set", "target.backend=pytorch"]
    words += ["--set", "promise=median"]  # which a busy machine can tell too
    told = fasterseg("run", *words, *BUDGETS, "--run", str(run.root), "--json")
    random = "random-student-900ms-1"
    fasterseg("train", "random:student-900ms:1", "--run", str(run.root))
    fasterseg("evaluate", str(run.bundle(random)))
    fasterseg("report", "--run", str(run.root))
    return dict(json.loads(told))


def test_each_budget_has_its_student_to_the_end(result: dict[str, Any], run: RunFolder) -> None:
    networks = {network["name"]: network for network in result["networks"]}
    assert list(networks) == ["teacher", *STUDENTS]
    for name, budget_ms in STUDENTS.items():
        assert networks[name]["budget_ms"] == budget_ms
        assert networks[name]["measured_ms"] > 0
        assert run.architecture(name).is_file()
        taught = TrainingStart.load(run.training(name).began).teacher
        assert taught, "students learn from the one teacher"
    assert SearchStart.load(run.search_began).budgets_ms == STUDENTS
    assert [c.name for c in Recipe.load(run.recipe).contenders] == ["teacher", *STUDENTS]


def test_each_student_is_scored_beside_random_ones_of_its_latency(
    result: dict[str, Any], run: RunFolder
) -> None:
    summary = SearchSummary.load(run.search_summary)
    for name in STUDENTS:
        found = summary.contender(name)
        assert found is not None
        assert [kind.kind for kind in found.responses] == ["operators", "paths", "widths"]
        for subnet in found.random_subnets:
            assert subnet.estimated_ms == pytest.approx(found.estimated_ms, rel=0.021)
            assert Architecture.load(run.architecture(subnet.name))


def test_the_report_shows_the_front_with_what_was_trained(
    result: dict[str, Any], run: RunFolder
) -> None:
    page = run.report.read_text(encoding="utf-8")
    assert "Score against latency" in page
    trained, subnets = front_charts(read_facts(run))
    for name, budget_ms in STUDENTS.items():
        for chart in (trained, subnets):
            assert f"{name}, budget {budget_ms:.4g} ms" in chart.text
            assert chart.text in page
    assert "random-student-900ms-1: " in trained.text
    assert len(front_rows(read_facts(run))[0].random_trained) == 1


def test_the_same_command_again_tells_the_same_and_other_budgets_are_refused(
    result: dict[str, Any], run: RunFolder
) -> None:
    again = fasterseg("run", *BUDGETS, "--run", str(run.root), "--json")
    assert json.loads(again) == result
    fasterseg("run", "--budget", "900ms", "--run", str(run.root), code=2)
