"""A run as fast as a model, begun with the supernet, through the command line: all of it real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fasterseg.artifacts import digest_of_file
from fasterseg.latency.models import ModelLatencies
from fasterseg.network.card import Card
from fasterseg.runs import RunFolder
from fasterseg.searching.beginnings.start import SearchStart
from fasterseg.searching.summaries.summary import SearchSummary
from fasterseg.training.beginning import TrainingStart

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

HERE = Path(__file__).parent
FAST_SCNN = "baseline:fast-scnn"
# The network of this tiny space takes a fraction of what Fast-SCNN does.
ASKED = ("--budget", f"9x:{FAST_SCNN},900ms", "--set", "student.start=supernet")


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
    return done.stdout + done.stderr * (code > 0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return RunFolder(tmp_path_factory.mktemp("matched") / "run")


@pytest.fixture(scope="module")
def result(run: RunFolder) -> dict[str, Any]:
    words = ("--recipe", str(HERE / "tiny.yaml"), "--set", "target.backend=pytorch", *ASKED)
    return dict(json.loads(fasterseg("run", *words, "--run", str(run.root), "--json")))


def test_the_model_s_time_became_the_budget(run: RunFolder, result: dict[str, Any]) -> None:
    known = ModelLatencies.load(run.model_latencies).models[FAST_SCNN]
    start = SearchStart.load(run.search_began)
    assert start.budgets_ms["student-9x-fast-scnn"] == 9 * known.median_ms
    assert start.budgets_ms["student-900ms"] == 900.0


def test_the_network_is_compared_with_it_as_found_and_as_trained(
    run: RunFolder, result: dict[str, Any]
) -> None:
    summary = SearchSummary.load(run.search_summary)
    found = summary.contender("student-9x-fast-scnn")
    assert found is not None and found.against is not None
    networks = {one["name"]: one for one in result["networks"]}
    trained = networks["student-9x-fast-scnn"]
    assert trained["matched"].startswith(f"9 times what {FAST_SCNN} takes (")
    for ratio in (found.against.ratio, trained["against"]["ratio"]):
        assert ratio is not None and 0 < ratio < 9
    assert networks["student-900ms"]["against"] is None
    page = run.report.read_text(encoding="utf-8")
    assert "as trained and exported it takes" in page


def test_students_began_with_the_supernet_and_the_teacher_did_not(
    run: RunFolder, result: dict[str, Any]
) -> None:
    digest = digest_of_file(run.supernet.weights)
    for name, supernet in {"student-9x-fast-scnn": digest, "teacher": ""}.items():
        assert TrainingStart.load(run.training(name).began).supernet == supernet
        card = Card.load(run.bundle(name) / "card.json")
        assert (card.training.supernet is not None) == bool(supernet)


def test_a_random_one_begins_so_too_and_a_baseline_cannot(
    run: RunFolder, result: dict[str, Any]
) -> None:
    fasterseg("train", "random:student-900ms:1", "--run", str(run.root))
    began = TrainingStart.load(run.training("random-student-900ms-1").began)
    assert began.supernet == digest_of_file(run.supernet.weights)
    told = fasterseg("train", FAST_SCNN, "--run", str(run.root), code=2)
    assert "cannot begin with the run's supernet" in told
    assert not run.training("fast-scnn").root.exists()
