"""The whole pipeline through the command line: every stage real, all of them tiny.

One run goes through the tests in order: it stops after the search, is interrupted in training,
is gone on with to the end, and is asked for again.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from fasterseg import runs
from fasterseg.artifacts import digest_of_file
from fasterseg.checkpoints import load_checkpoint
from fasterseg.cli import main
from fasterseg.events import EventLog
from fasterseg.latency.table import LatencyTable
from fasterseg.network.card import Card
from fasterseg.runs import RunFolder
from fasterseg.searching.selecting.kept_scores import CandidateScores
from fasterseg.searching.summaries.selection_summary import MOST_PROBABLE
from fasterseg.searching.summaries.summary import SearchSummary
from fasterseg.space.architecture import Architecture, wire
from fasterseg.stages import StageTimes
from fasterseg.verbs import STAGES

pytestmark = pytest.mark.timeout(600)

HERE = Path(__file__).parent
RECIPE = HERE / "tiny.yaml"


def words_for(run: RunFolder) -> list[str]:
    """The command; a run's folder is named after the backend of its target, which has no size."""
    target = f"target={{backend: {run.root.name}, threads: 1}}"
    return ["run", "--recipe", str(RECIPE), "--set", target, "--run", str(run.root)]


def start(run: RunFolder, *more: str) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, str(HERE / "quick_cli.py"), *words_for(run), *more],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], *, code: int = 0) -> tuple[str, str]:
    """What it printed on stdout and stderr, once it ended with that exit code."""
    out, errors = process.communicate(timeout=240)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    return out, errors


def wait_for_lines(path: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Wait until a log has so many lines."""
    deadline = time.monotonic() + 120
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert time.monotonic() < deadline
        assert process.poll() is None, "it ended too early"
        time.sleep(0.005)


@pytest.fixture(
    scope="module", params=["pytorch", pytest.param("onnxruntime", marks=pytest.mark.slow)]
)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The folder of the one run for a backend; exporting takes most of a tiny run's time."""
    return RunFolder(tmp_path_factory.mktemp("pipeline") / request.param)


@pytest.fixture(scope="module")
def searched(run: RunFolder) -> RunFolder:
    """The run after `--until search`."""
    out, _ = finish(start(run, "--until", "search"))
    assert out == ""
    return run


@pytest.fixture(scope="module")
def interrupted(searched: RunFolder) -> tuple[str, str, float]:
    """What a second process and the first one said, and what the second one took in seconds.

    The first is in training when the second comes; then it is stopped by SIGTERM.
    """
    process = start(searched)
    wait_for_lines(searched.training("teacher").log, 2, process)
    process.send_signal(signal.SIGSTOP)  # so that it cannot come to its end meanwhile
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _, refused = finish(start(searched, "--unhurried"), code=2)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    _, stopped = finish(process, code=7)
    assert f"process {process.pid} " in refused
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return refused, stopped, seconds


@pytest.fixture(scope="module")
def result(interrupted: object, run: RunFolder) -> dict[str, Any]:
    """What the finished run says of itself."""
    out, _ = finish(start(run, "--json"))
    return dict(json.loads(out))


def stages_of(run: RunFolder) -> dict[str, bool]:
    """Whether each stage came to its end; their parts are left out."""
    found = StageTimes.of_run(run.root).stages
    return {stage.name: stage.finished for stage in found if "/" not in stage.name}


def test_a_run_until_the_search_ends_there(searched: RunFolder) -> None:
    assert searched.architecture("student").is_file()
    assert searched.latency_table.is_file()
    assert not searched.training("teacher").root.exists() or stages_of(searched)["search"]
    assert list(stages_of(searched))[:3] == list(STAGES[:3])


def test_each_contender_has_the_architecture_that_was_found_for_it(searched: RunFolder) -> None:
    summary = SearchSummary.load(searched.search_summary)
    table = LatencyTable.load(searched.latency_table)
    geometry = table.target.geometry
    kept = {name: Architecture.load(searched.architecture(name)) for name in ("teacher", "student")}
    for name, architecture in kept.items():
        found = summary.contender(name)
        assert found is not None
        blocks = wire(architecture, geometry).timed_specs()
        assert table.estimate_ms(blocks) == pytest.approx(found.estimated_ms, rel=1e-9)
    cells = [cell for branch in kept["teacher"].branches for cell in branch.cells]
    assert {cell.kind for cell in cells} == {"conv"}, "a teacher keeps to its own operators"


def test_a_student_is_selected_and_a_teacher_is_not(searched: RunFolder) -> None:
    summary = SearchSummary.load(searched.search_summary)
    student, teacher = summary.contender("student"), summary.contender("teacher")
    assert student is not None
    assert teacher is not None
    assert teacher.selection is None
    selection = student.selection
    assert selection is not None
    assert 1 <= selection.candidates <= 3  # a budget above the space leaves only its widest
    assert selection.rivals[0].name == MOST_PROBABLE
    kept = CandidateScores.load(searched.candidate_scores)
    assert len(kept.scores) == selection.candidates
    assert selection.final in [one.mean_iou for one in kept.finals.values()]
    assert len(EventLog(searched.selection.log).events()) == selection.candidates
    called = (runs.MOST_PROBABLE, runs.BEST_EVEN)[: len(selection.rivals)]
    rivals = [searched.rival("student", which) for which in called]
    assert {Architecture.load(path).digest() for path in rivals} <= {*kept.scores}


def test_a_second_process_is_refused_at_once_and_told_who_holds_the_run(
    interrupted: tuple[str, str, float],
) -> None:
    refused, _, seconds = interrupted
    assert "another run is using this folder" in refused
    assert "next:" in refused
    assert seconds < 1.5, "it must not load torch for that"


def test_an_interrupted_run_says_how_to_go_on(
    interrupted: tuple[str, str, float], run: RunFolder
) -> None:
    _, stopped, _ = interrupted
    assert "SIGTERM" in stopped
    assert f"to resume: fasterseg {shlex.join(words_for(run))}" in stopped


def test_a_finished_run_tells_scores_latencies_budget_and_report(
    result: dict[str, Any], run: RunFolder
) -> None:
    networks = {network["name"]: network for network in result["networks"]}
    assert list(networks) == ["teacher", "student"]
    for network in networks.values():
        assert 0 <= network["mean_iou"] <= 1
        assert 0 < network["measured_ms"] <= network["measured_p95_ms"]
        assert network["predicted_ms"] > 0
    assert networks["teacher"]["budget_ms"] is None
    assert networks["student"]["budget_ms"] == 1000
    assert result["report"] == str(run.report)
    assert run.report.is_file()
    assert 0 <= result["position_baseline"] <= 1
    assert stages_of(run) == dict.fromkeys(STAGES, True)


def test_the_teacher_was_asked_once_and_its_answers_may_go(
    result: dict[str, Any], run: RunFolder
) -> None:
    asked = StageTimes.of_run(run.root).stage("train/answers/student")
    assert asked is not None
    assert asked.finished
    (note,) = (note for note in result["notes"] if "the teacher's answers take" in note)
    assert str(run.answers("")) in note
    card = Card.load(run.training("student").bundle("best").card)
    assert card.training.taught_by is not None
    assert card.training.taught_by.answers == "kept"


def test_what_was_timed_is_what_was_scored_is_what_lies_there(
    result: dict[str, Any], run: RunFolder
) -> None:
    has_files = run.root.name == "onnxruntime"
    for network in result["networks"]:
        digest = digest_of_file(run.exported(network["name"])) if has_files else ""
        assert network["timed_digest"] == network["scored_digest"] == digest
        assert network["exported_mean_iou"] == pytest.approx(network["mean_iou"], abs=1e-3)


def sizes_named(value: object, *where: str) -> Iterator[tuple[str, str]]:
    """Every image size in a file of a run, and its place; what training saw are crops of it."""
    if isinstance(value, dict):
        if {"height", "width"} <= value.keys():
            yield "/".join(where), f"{value['height']}x{value['width']}"
        for key, inner in value.items():
            if (*where, key)[-2:] != ("training", "resolution"):
                yield from sizes_named(inner, *where, key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from sizes_named(inner, *where, str(index))
    elif isinstance(value, str) and where[-1] in ("resolution", "size", "scored_at", "timed_at"):
        yield "/".join(where), value


def test_score_table_export_and_budget_name_one_size(
    result: dict[str, Any], run: RunFolder
) -> None:
    files = [path for path in run.root.rglob("*.json") if path.name != "stages.json"]
    named = dict(
        pair
        for path in sorted(files)
        for pair in sizes_named(json.loads(path.read_text()), str(path.relative_to(run.root)))
    )
    assert set(named.values()) == {"32x64"}, named
    places = " ".join(named)
    expected = ["table.json", "recipe.json", "test.json", "scored_at", "timed_at", "best/card.json"]
    expected += ["export.json/content/size"] if run.root.name == "onnxruntime" else []
    assert [place for place in expected if place not in places] == []
    assert "32x64" in result["target"]
    page = run.report.read_text()
    assert "budget 1000.00 ms at 32x64" in page
    assert set(re.findall(r"images at (\d+x\d+)", page)) == {"32x64"}


def test_the_interrupted_training_went_on_to_its_last_step(
    result: dict[str, Any], run: RunFolder
) -> None:
    end = load_checkpoint(run.training("teacher").checkpoints)
    assert end is not None
    events = run.training("teacher").log.read_text().splitlines()
    assert [json.loads(line)["step"] for line in events] == list(range(1, end.step + 1))


def test_the_same_command_again_computes_nothing_and_tells_the_same(
    result: dict[str, Any], run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    def times() -> dict[str, int]:
        made_each_time = {"stages.json", "lock", "index.html"}
        files = (path for path in run.root.rglob("*") if path.is_file())
        return {str(p): p.stat().st_mtime_ns for p in files if p.name not in made_each_time}

    before = times()
    assert main(words_for(run)) == 0
    out = capsys.readouterr().out
    assert times() == before
    for network in result["networks"]:
        assert f"mIoU {100 * network['mean_iou']:5.2f} %" in out
        assert f"measured {network['measured_ms']:.2f} ms" in out
    assert "budget 1000.00 ms at 32x64" in out
    assert f"report: {run.report}" in out
    for verdict in result["verdicts"]:
        assert f"verdict on {verdict['student']}:" in out
        assert verdict["help"] in out


@pytest.mark.slow
def test_the_commands_on_the_page_work_as_they_are_printed_in_the_runs_folder(
    result: dict[str, Any], run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = run.report.read_text(encoding="utf-8")
    commands = re.findall(r'<pre class="command">(.*)</pre>', page)
    assert [shlex.split(one)[1] for one in commands] == ["predict", "benchmark", "export"]
    monkeypatch.chdir(run.root)
    for command in commands:
        assert main(shlex.split(unescape(command))[1:]) == 0
    assert len(list((run.root / "predictions").iterdir())) == 3
