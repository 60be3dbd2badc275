"""A network searched for a budget in a browser, with a headless Chromium as the device."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser_device import measure_in_browser
from browsing import chromium

from fasterseg.cli import main
from fasterseg.deploy.runtimes.web_runtime import web_runtime
from fasterseg.errors import EnvironmentFault, Interrupted
from fasterseg.kit.hosts import answered
from fasterseg.kit.kept import kit_of
from fasterseg.latency.table import LatencyTable
from fasterseg.reporting.results import NetworkResult
from fasterseg.runs import RunFolder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

TINY = Path(__file__).parent / "tiny.yaml"
MOST_ROUNDS = 8


def test_a_network_searched_for_a_browser_s_budget_meets_it_there(tmp_path: Path) -> None:
    chromium()
    try:
        web_runtime()
    except EnvironmentFault as error:
        pytest.skip(f"there is no ONNX Runtime Web here: {error.why}")
    run = RunFolder(tmp_path / "run")
    words = ["run", "--recipe", str(TINY), "--run", str(run.root), "--device", "kit"]
    words += ["--set", "target.backend=onnxruntime-web", "--budget", "100ms"]
    measured = list[str]()
    while (code := main(words)) == Interrupted.exit_code:
        assert len(measured) < MOST_ROUNDS
        kits = [kit_of(place.parent) for place in run.kits.glob("*/manifest.json")]
        (waited_for,) = [kit for kit in kits if answered(kit) is None]
        measure_in_browser(waited_for.folder)
        measured.append(waited_for.folder.name)
    assert code == 0
    assert measured[0] == "space"
    assert measured[-1] == "proof"
    result = NetworkResult.load(run.result("student"))
    assert result.budget_ms == 100.0
    assert result.meets_budget
    assert result.timed_digest == result.scored_digest
    table = LatencyTable.load(run.latency_table)
    assert "Chromium" in str(table.conditions)
