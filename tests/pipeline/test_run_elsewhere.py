"""A whole run whose device is somewhere else, by hand: each round is waited for, and read once.

What the device answers is made up from its graphs; all else is real, and tiny.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from far_device import BOARD, answer

from fasterseg.cli import main
from fasterseg.errors import Interrupted
from fasterseg.kit.manifest import KitManifest
from fasterseg.latency.models import ModelLatencies
from fasterseg.latency.table import LatencyTable
from fasterseg.pipeline.devices.rounds import AskedRound
from fasterseg.reporting.results import NetworkResult
from fasterseg.runs import RunFolder
from fasterseg.searching.beginnings.start import SearchStart
from fasterseg.searching.summaries.summary import SearchSummary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

HERE = Path(__file__).parent
WAITS = Interrupted.exit_code


class Carried:
    """A run by hand: the command, and what was waited for and answered until it ended."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.run = RunFolder(folder)
        recipe = ["--recipe", str(HERE / "tiny.yaml"), "--device", "kit"]
        self.words = ["run", *recipe, *more, "--run", str(folder)]
        self.rounds: list[str] = []

    def go_on(self) -> int:
        """Type the command."""
        return main(self.words)

    def waiting(self) -> Path:
        """The folder of the one kit that is not answered."""
        notes = [path for path in self.run.kits.glob("*.json") if "measured" not in path.name]
        (note,) = [path for path in notes if not AskedRound.load(path).kept]
        return note.with_suffix("")

    def to_the_end(self, device: Callable[[Path], object] = answer) -> int:
        """Answer whatever is waited for, until nothing is."""
        while (code := self.go_on()) == WAITS:
            folder = self.waiting()
            self.rounds.append(folder.name)
            assert len(self.rounds) < 6
            device(folder)
        return code


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> Carried:
    found = Carried(tmp_path_factory.mktemp("elsewhere") / "run", "--budget", "50%")
    assert found.to_the_end() == 0
    return found


def test_a_run_waits_for_the_space_for_candidates_and_for_what_it_hands_over(
    carried: Carried,
) -> None:
    assert carried.rounds[0] == "space"
    assert carried.rounds[-1] == "proof"
    assert {*carried.rounds[1:-1]} <= {"landing", "landing-2"}
    assert len(carried.rounds) == len({*carried.rounds})


def test_the_table_and_the_ends_are_the_device_s(carried: Carried) -> None:
    table = LatencyTable.load(carried.run.latency_table)
    assert table.conditions["device"] == BOARD.name
    assert "torch" not in table.conditions
    assert table.calibration.mape is not None and table.calibration.mape < 0.05
    start = SearchStart.load(carried.run.search_began)
    assert start.table_digest == table.digest()


def test_what_is_promised_is_what_the_device_measured_of_the_file_that_was_scored(
    carried: Carried,
) -> None:
    manifest = KitManifest.load(carried.run.kits / "proof" / "manifest.json")
    for name in ("teacher", "student"):
        result = NetworkResult.load(carried.run.result(name))
        file = carried.run.exported(name).with_suffix(".onnx")
        sha256 = manifest.files[manifest.item(name).file].sha256
        assert result.timed_digest == result.scored_digest == f"sha256:{sha256}"
        assert file.is_file()
        assert result.meets_budget
    summary = SearchSummary.load(carried.run.search_summary)
    student = summary.contender("student")
    assert student is not None and student.measured_ms is not None
    assert student.budget_ms is not None and student.measured_ms <= student.budget_ms


def test_the_same_command_asks_for_nothing_once_all_is_there(
    carried: Carried, capsys: pytest.CaptureFixture[str]
) -> None:
    assert carried.go_on() == 0
    assert "far board" in capsys.readouterr().out


def test_the_page_says_on_which_device_it_was_measured(carried: Carried) -> None:
    page = carried.run.report.read_text(encoding="utf-8")
    assert "far board" in page
    assert "Made-up A1" in page


def this_machine(folder: Path) -> None:
    """What a person types on the device, here."""
    subprocess.run([sys.executable, "run.py"], cwd=folder, check=True, timeout=300)


def test_the_runner_of_a_kit_is_a_device_for_a_whole_run_as_fast_as_a_model(
    tmp_path: Path,
) -> None:
    # The network of this tiny space takes a fraction of what Fast-SCNN does.
    carried = Carried(tmp_path / "run", "--budget", "9x:baseline:fast-scnn")
    assert carried.to_the_end(this_machine) == 0
    assert carried.rounds[:2] == ["space", "models"]
    assert carried.rounds[-1] == "proof"
    known = ModelLatencies.load(carried.run.model_latencies).models["baseline:fast-scnn"]
    start = SearchStart.load(carried.run.search_began)
    assert start.budgets_ms["student"] == 9 * known.median_ms
    summary = SearchSummary.load(carried.run.search_summary)
    found = summary.contender("student")
    assert found is not None and found.against is not None
    trained = NetworkResult.load(carried.run.result("student")).against
    assert trained is not None and trained.low is not None
    for against in (found.against, trained):
        assert against.ratio is not None and 0 < against.ratio < 9
    table = LatencyTable.load(carried.run.latency_table)
    assert table.conditions["runner"] == "run.py"
    result = NetworkResult.load(carried.run.result("student"))
    assert result.meets_budget
    assert result.timed_digest == result.scored_digest
